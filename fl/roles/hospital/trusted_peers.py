"""Which other hospitals must take part before this hospital hides its update in their sum.

Source: PROTOCOL.md 5, phase 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fl.protocol.errors import RosterUntrusted
from fl.protocol.names import Address


@dataclass(frozen=True)
class TrustedPeers:
    """Trusted hospitals, and how many of them must take part."""

    peers: frozenset[Address] = frozenset()
    at_least: int = 0
    """In the roster, after the set-up, and in the frozen set (h of PROTOCOL.md 5)."""

    def check(self, hospitals: Iterable[Address]) -> None:
        """Raise RosterUntrusted when too few of these hospitals are trusted peers."""
        trusted = sum(account in self.peers for account in hospitals)
        if trusted < self.at_least:
            raise RosterUntrusted(trusted, self.at_least)


NO_TRUST = TrustedPeers()
"""Accepts any roster."""
