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

from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache, partial

from fl.protocol.codec import Writer
from fl.protocol.errors import BelowThreshold
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
    context, roster = current.context, current.roster
    make = partial(_clusters, seed_of(context), roster, terms.count, terms.across)
    return current.memo.of("clusters", (context, roster), make)


def terms_of(current: Round) -> ClusterTerms | None:
    """Return how a round is split into clusters, None if it is not."""
    return None if current.wide is None else current.wide.clusters


def seen(current: Round) -> tuple[Address, ...]:
    """Return the hospitals of the roster whose steps a reader sees, ascending: all, or its own cluster."""
    clusters = clusters_of(current)
    if clusters is None or current.viewer is None:
        return current.roster
    return clusters.members[clusters.seen_by(current.viewer)]


def is_seen(current: Round, account: Address) -> bool:
    """Return whether a reader sees the steps of a hospital of the roster."""
    clusters = clusters_of(current)
    if clusters is None or current.viewer is None:
        return True
    return clusters.number_of(account) == clusters.seen_by(current.viewer)


def numbers_seen(current: Round) -> Sequence[int]:
    """Return which clusters a reader sees; none in a round without clusters."""
    clusters = clusters_of(current)
    if clusters is None:
        return ()
    return range(len(clusters.parts)) if current.viewer is None else (clusters.seen_by(current.viewer),)


def thinnest(current: Round, present: Collection[Address]) -> tuple[int, int] | None:
    """Return the fewest hospitals of `present` that a seen cluster has, and its number; None without clusters."""
    clusters = clusters_of(current)
    if clusters is None:
        return None
    among = present if isinstance(present, Mapping | AbstractSet) else frozenset(present)
    counted = ((sum(each in among for each in clusters.members[g]), g) for g in numbers_seen(current))
    return min(counted)


def check_fewest(current: Round, present: Collection[Address]) -> None:
    """Raise BelowThreshold unless each cluster that the reader sees has f of `present`; other rounds pass."""
    terms, found = terms_of(current), thinnest(current, present)
    if terms is not None and found is not None and found[0] < terms.fewest:
        raise BelowThreshold(found[0], terms.fewest)


def is_agreed(current: Round) -> bool:
    """Return whether enough hospitals signed the frozen set: with clusters, also f of each that the reader sees."""
    terms, signed = terms_of(current), current.endorsed
    if terms is None or (current.viewer is None and len(signed) < current.endorsers):
        return len(signed) >= current.endorsers
    clusters = clusters_of(current)
    if clusters is None or len(signed) < terms.fewest * len(numbers_seen(current)):
        return False
    return all(sum(each in signed for each in clusters.members[g]) >= terms.fewest for g in numbers_seen(current))


def seed_of(context: bytes) -> Digest:
    """Return the seed of the ring of clusters, 32 bytes, of ctx."""
    return Writer("clusters").raw(context, 32).digest()


@lru_cache(maxsize=4)
def _clusters(seed: Digest, roster: tuple[Address, ...], count: int, across: int) -> Clusters:
    return Clusters(sample(seed, roster, len(roster)), count, across)
