"""Whether an agent can work now: its chain, its vault and its clock, looked at from time to time.

Invariant: nobody waits for a look; who asks gets the last one. A look that is older than `STALE_S` counts as a
failure, because then something hangs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fl.audit.plain_words import without_names
from fl.protocol.errors import ClockWrong, HemaledgerError

EVERY_S = 15.0
STALE_S = 120.0
OK = "ok"
NOT_YET = "not looked at yet"
Probe = Callable[[], None]
"""Raises a HemaledgerError that says what is wrong."""


@dataclass
class Probes:
    """The last looks at the parts that an agent needs."""

    clock: Callable[[], float]
    """Seconds that only grow."""
    parts: Mapping[str, Probe]
    _results: dict[str, tuple[float, str]] = field(default_factory=dict)

    def look(self) -> None:
        """Look at every part now; this may take as long as chain and vault need."""
        for name, probe in self.parts.items():
            try:
                probe()
            except HemaledgerError as error:
                self._results[name] = (self.clock(), without_names(str(error)))
            else:
                self._results[name] = (self.clock(), OK)

    def results(self) -> dict[str, str]:
        """Return "ok" or what is wrong, for each part."""
        now = self.clock()
        found = {}
        for name in self.parts:
            at, says = self._results.get(name, (now, NOT_YET))
            found[name] = says if now - at <= STALE_S else f"it has given no answer for {now - at:.0f} s"
        return found

    @property
    def ready(self) -> bool:
        return all(says == OK for says in self.results().values())


def clock_probe(
    now: Callable[[], int], head_time: Callable[[], int], checked: Callable[[], object], skew_s: int
) -> Probe:
    """Return what compares a clock with the newest block, which is never later than now, and with the ledger's news."""

    def probe() -> None:
        checked()
        behind_s = head_time() - now()
        if behind_s > skew_s:
            raise ClockWrong(f"{behind_s} seconds", "behind")

    return probe
