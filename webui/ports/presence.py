"""The port for the signs of life that the members' agents put into the vault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from fl.protocol.federation import Federation
from fl.protocol.names import Address
from fl.replay.signs_of_life import Sign


class PresenceService(Protocol):
    """Reads signs of life; answers within seconds."""

    def signs(self, federation: Federation) -> Mapping[Address, Sign]:
        """Return the newest sign of each member that has one; none while the vault does not answer."""
