"""The clusters of a wide round: who shares secrets with whom, and who has a mask with whom of the next cluster.

Invariant: the clusters follow from the roster and ctx alone, so everybody gets the same ones from the opening on.
Nobody knew them before the round was opened, because ctx has the hash of that block.

    seed      = H("BAFL/1/clusters" ‖ ctx[32])
    ring      = the roster, ascending by SHA-256(seed[32] ‖ account[20])
    cluster g = places ⌊g·n/G⌋ … ⌊(g+1)·n/G⌋ - 1 of the ring, g from 0; p is the place inside it, from 0

Mates are all hospitals of one cluster: they share secrets and masks. Partners have a mask in common and no shares:
place p of a cluster and place q of the next one on the ring of clusters, if (q - p) mod s < e with s = ⌈n/G⌉.

Source: PROTOCOL.md 5W.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from fl.protocol.codec import Writer
from fl.protocol.names import Address, Digest
from fl.protocol.records import ClusterTerms
from fl.protocol.rounds.replayers import sample
from fl.protocol.rounds.round import Round


class Clusters:
    """Who is in which cluster; every hospital named must be one of the roster."""

    def __init__(self, ring: Sequence[Address], count: int, across: int) -> None:
        """Cut the ring into `count` clusters; each hospital has at most `across` partners in the next one."""
        n = len(ring)
        self.parts = tuple(tuple(ring[g * n // count : (g + 1) * n // count]) for g in range(count))
        """Each cluster in the order of the ring."""
        self.members = tuple(tuple(sorted(part)) for part in self.parts)
        """Each cluster, ascending by account."""
        self._across = across
        self._largest = sizes(n, count)[0]
        self._places = {account: (g, p) for g, part in enumerate(self.parts) for p, account in enumerate(part)}

    def number_of(self, account: Address) -> int:
        """Return the number of a hospital's cluster, from 0; KeyError for any other account."""
        return self._places[account][0]

    def seen_by(self, account: Address) -> int:
        """Return which cluster somebody reads: its own, or the first one for who is not in the roster."""
        return self._places.get(account, (0, 0))[0]

    def beside(self, number: int) -> tuple[int, ...]:
        """Return the previous and the next cluster; of two clusters it is one."""
        count = len(self.parts)
        return tuple(sorted({(number - 1) % count, (number + 1) % count}))

    def mates(self, account: Address) -> tuple[Address, ...]:
        """Return all others of a hospital's cluster, ascending."""
        return tuple(each for each in self.members[self.number_of(account)] if each != account)

    def partners(self, account: Address) -> tuple[Address, ...]:
        """Return the hospitals of the clusters beside with which one has a mask in common, ascending."""
        return tuple(sorted(set(self._partners(*self._places[account]))))

    def masked(self, one: Address, other: Address) -> bool:
        """Return whether two hospitals have a mask in common: they are mates or partners; nobody has with itself."""
        (g, p), (h, q) = self._places[one], self._places[other]
        if g == h:
            return p != q
        count, largest = len(self.parts), self._largest
        after = (g + 1) % count == h and (q - p) % largest < self._across
        return after or ((h + 1) % count == g and (p - q) % largest < self._across)

    def _partners(self, number: int, place: int) -> Iterator[Address]:
        before, after = self.parts[number - 1], self.parts[(number + 1) % len(self.parts)]
        for step in range(self._across):
            for part, q in ((after, (place + step) % self._largest), (before, (place - step) % self._largest)):
                if q < len(part):
                    yield part[q]


def sizes(hospitals: int, count: int) -> tuple[int, int]:
    """Return the sizes of the largest and of the smallest of `count` clusters: s = ⌈n/G⌉ and ⌊n/G⌋."""
    return -(-hospitals // count), hospitals // count


def clusters_of(current: Round) -> Clusters | None:
    """Return the clusters of a round, None if it has none; the same object for the same round."""
    terms = terms_of(current)
    if terms is None:
        return None
    return _clusters(seed_of(current.context), current.roster, terms.count, terms.across)


def terms_of(current: Round) -> ClusterTerms | None:
    """Return how a round is split into clusters, None if it is not."""
    return None if current.wide is None else current.wide.clusters


def seed_of(context: bytes) -> Digest:
    """Return the seed of the ring of clusters, 32 bytes, of ctx."""
    return Writer("clusters").raw(context, 32).digest()


@lru_cache(maxsize=4)
def _clusters(seed: Digest, roster: tuple[Address, ...], count: int, across: int) -> Clusters:
    return Clusters(sample(seed, roster, len(roster)), count, across)
