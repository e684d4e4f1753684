"""Signs of life for the site, read from the vault at most once in half a minute."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fl.protocol.federation import Federation
from fl.protocol.names import Address
from fl.replay.signs_of_life import Sign
from scripts.wiring.home import Home
from scripts.wiring.watch.signs import read_signs

FRESH_S = 30.0


@dataclass
class VaultSigns:
    """Implements PresenceService; threads share it, and one of them reads."""

    home: Home
    clock: Callable[[], int]
    """Seconds since 1970."""
    timer: Callable[[], float]
    """Seconds that only grow."""
    _known: tuple[float, Mapping[Address, Sign]] | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def signs(self, federation: Federation) -> Mapping[Address, Sign]:
        with self._lock:
            if self._known is None or self.timer() - self._known[0] > FRESH_S:
                self._known = (self.timer(), read_signs(self.home, federation, self.clock()))
            return self._known[1]
