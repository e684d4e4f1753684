"""Which other hospitals must take part, and how they are joined, before this hospital hides its update in their sum.

Source: PROTOCOL.md 5, phase 0, and 5W.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fl.protocol.errors import RosterUntrusted
from fl.protocol.names import Address
from fl.protocol.rounds.cluster_choice import check_clusters
from fl.protocol.rounds.graph_choice import check_graph
from fl.protocol.rounds.round import Round


@dataclass(frozen=True)
class TrustedPeers:
    """Trusted hospitals, and how many of them must take part."""

    peers: frozenset[Address] = frozenset()
    at_least: int = 0
    """In the roster, after the set-up, and in the frozen set (h of PROTOCOL.md 5)."""

    collusion: float = 0.2
    """Which part of the hospitals may collude with the coordinator, so that a wide round still hides an update."""

    def check_round(self, current: Round) -> None:
        """Check a round before its first record of this hospital.

        Raises:
            RosterUntrusted: as `check`.
            GraphTooThin: the graph or the clusters of a wide round do not bear so many colluders.
        """
        self.check(current.roster)
        check_graph(current, self.collusion)
        check_clusters(current, self.collusion)

    def check(self, hospitals: Iterable[Address]) -> None:
        """Raise RosterUntrusted when too few of these hospitals are trusted peers."""
        trusted = sum(account in self.peers for account in hospitals)
        if trusted < self.at_least:
            raise RosterUntrusted(trusted, self.at_least)


NO_TRUST = TrustedPeers()
"""Accepts any roster."""
