"""The graph of a masked round: with whom each hospital shares its masks, and who holds shares of its secrets.

Invariant: the graph follows from the ledger alone, so everybody gets the same one. Nobody knew it before the hospitals'
keys were recorded, because its seed has the hash of the block that ended ADVERTISE.

Without `wide` every hospital of U1 is joined to every other one. A wide round puts them on a ring:

    seed = H("BAFL/1/graph" ‖ ctx[32] ‖ hash of the block that ended ADVERTISE[32])
    ring = the hospitals of U1, ascending by SHA-256(seed[32] ‖ account[20])

Each is joined to the k/2 next and the k/2 previous ones; if k + 1 is at least their number, to all others.
With clusters each is joined to all others of its cluster, and has masks in common with some of the clusters beside.

Source: PROTOCOL.md 5W.1, 5W.5; Bell, Bonawitz, Gascón, Lepoint, Raykova, "Secure Single-Server Aggregation with
(Poly)Logarithmic Overhead", CCS 2020 (a Harary graph of randomly numbered clients).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache

from fl.protocol.codec import Writer, sha256
from fl.protocol.errors import SharesMissing
from fl.protocol.names import Address, Digest
from fl.protocol.rounds.clusters import Clusters, clusters_of
from fl.protocol.rounds.round import Round


class MaskGraph:
    """Who is joined to whom; every hospital named must be one of the ring."""

    def __init__(self, ring: Sequence[Address], degree: int) -> None:
        """Join the hospitals of `ring` to `degree` others each; that is even, or at least all others."""
        self.ring = tuple(ring)
        self.complete = degree + 1 >= len(self.ring)
        self._reach = degree // 2
        self._places = {account: place for place, account in enumerate(self.ring)}

    def neighbours(self, account: Address) -> tuple[Address, ...]:
        """Return the hospitals to which one is joined, ascending."""
        return tuple(sorted(self._around(self._places[account])))

    def holders(self, account: Address) -> frozenset[Address]:
        """Return who holds shares of a hospital's secrets: its neighbours and itself."""
        return frozenset((account, *self._around(self._places[account])))

    def joined(self, one: Address, other: Address) -> bool:
        """Return whether two hospitals are neighbours; nobody is its own."""
        apart = abs(self._places[one] - self._places[other])
        return apart > 0 and (self.complete or min(apart, len(self.ring) - apart) <= self._reach)

    def masked(self, one: Address, other: Address) -> bool:
        """Return whether two hospitals have a mask in common: here neighbours have."""
        return self.joined(one, other)

    def poorest(self, hospitals: Collection[Address], among: Collection[Address]) -> tuple[Address, int] | None:
        """Return the hospital with the fewest holders in `among`, the first of equals, and their number."""
        present = frozenset(among)
        counted = ((self._count(account, present), account) for account in hospitals)
        fewest = min(counted, default=None)
        return None if fewest is None else (fewest[1], fewest[0])

    def lacking(
        self, hospitals: Collection[Address], among: Collection[Address], threshold: int
    ) -> tuple[Address, ...]:
        """Return the hospitals that have fewer than `threshold` holders in `among`, in their order."""
        present = frozenset(among)
        return tuple(each for each in hospitals if self._count(each, present) < threshold)

    def _count(self, account: Address, present: frozenset[Address]) -> int:
        if self.complete:
            return len(present)
        return (account in present) + sum(each in present for each in self._around(self._places[account]))

    def _around(self, place: int) -> Iterator[Address]:
        ring, reach = self.ring, self._reach
        if self.complete:
            yield from ring[:place]
            yield from ring[place + 1 :]
            return
        for step in range(1, reach + 1):
            yield ring[place - step]
            yield ring[(place + step) % len(ring)]


class ClusterGraph:
    """Who is joined to whom in a round with clusters; every hospital named must be one of the roster."""

    def __init__(self, clusters: Clusters, hospitals: Iterable[Address]) -> None:
        """Join the `hospitals` of each cluster to each other."""
        present = frozenset(hospitals)
        self._clusters = clusters
        self._members = [tuple(each for each in members if each in present) for members in clusters.members]

    def neighbours(self, account: Address) -> tuple[Address, ...]:
        """Return the hospitals to which one is joined, ascending."""
        return tuple(each for each in self._of(account) if each != account)

    def holders(self, account: Address) -> frozenset[Address]:
        """Return who holds shares of a hospital's secrets: its neighbours and itself."""
        return frozenset(self._of(account))

    def joined(self, one: Address, other: Address) -> bool:
        """Return whether two hospitals are neighbours; nobody is its own."""
        return one != other and self._clusters.number_of(one) == self._clusters.number_of(other)

    def masked(self, one: Address, other: Address) -> bool:
        """Return whether two hospitals have a mask in common: neighbours, and partners in the clusters beside."""
        return self._clusters.masked(one, other)

    def poorest(self, hospitals: Collection[Address], among: Collection[Address]) -> tuple[Address, int] | None:
        """Return the hospital with the fewest holders in `among`, the first of equals, and their number."""
        counts = self._counts(among)
        fewest = min(((counts[self._clusters.number_of(each)], each) for each in hospitals), default=None)
        return None if fewest is None else (fewest[1], fewest[0])

    def lacking(
        self, hospitals: Collection[Address], among: Collection[Address], threshold: int
    ) -> tuple[Address, ...]:
        """Return the hospitals that have fewer than `threshold` holders in `among`, in their order."""
        counts = self._counts(among)
        return tuple(each for each in hospitals if counts[self._clusters.number_of(each)] < threshold)

    def _of(self, account: Address) -> tuple[Address, ...]:
        return self._members[self._clusters.number_of(account)]

    def _counts(self, among: Collection[Address]) -> list[int]:
        present = frozenset(among)
        return [sum(each in present for each in members) for members in self._members]


def graph_of(current: Round) -> MaskGraph | ClusterGraph:
    """Return the graph of U1, once ADVERTISE has ended; the same object for the same round."""
    clusters, hospitals = clusters_of(current), current.receivers
    if clusters is not None:
        return current.memo.of("graph", (clusters, hospitals), lambda: ClusterGraph(clusters, hospitals))
    if current.wide is None:
        return _complete(current.receivers)
    return _ring(seed_of(current.context, current.graph_block), current.receivers, current.wide.degree)


def seed_of(context: bytes, block: bytes) -> Digest:
    """Return the graph's seed, 32 bytes, of ctx and the hash of the block that ended ADVERTISE."""
    return Writer("graph").raw(context, 32).raw(block, 32).digest()


def ring_of(seed: bytes, hospitals: Sequence[Address]) -> tuple[Address, ...]:
    """Return the hospitals in a random order that the seed alone decides: each order is equally likely."""
    return tuple(sorted(hospitals, key=lambda account: sha256(seed + account)))


def check_holders(current: Round) -> None:
    """Raise SharesMissing unless t holders of each hospital of U2 are in the frozen set of a wide round.

    Then no choice of the set lets the sum of few be seen, and the sum of all can be unmasked (PROTOCOL.md 5W.1).
    """
    if current.wide is not None:
        _check(current, current.hospitals)


def check_answered(current: Round, answered: Collection[Address]) -> None:
    """Raise SharesMissing for the hospital of U2 with the fewest holders in `answered`, if it has fewer than t."""
    _check(current, answered)


def is_answered(current: Round) -> bool:
    """Return whether t holders of each hospital of U2 revealed shares: the sum may be unmasked."""
    if len(current.revealed) < current.terms.threshold:
        return False
    if current.wide is None:
        return True
    try:
        _check(current, current.revealed)
    except SharesMissing:
        return False
    return True


def check_set(current: Round, survivors: Collection[Address]) -> None:
    """Raise SharesMissing unless a set may be frozen; as `check_holders`, before it is."""
    if current.wide is not None:
        _check(current, survivors)


def _check(current: Round, present: Collection[Address]) -> None:
    poorest = graph_of(current).poorest(current.sharers, present)
    if poorest is not None and poorest[1] < current.terms.threshold:
        raise SharesMissing(poorest[0], poorest[1], current.terms.threshold)


@lru_cache(maxsize=4)
def _ring(seed: Digest, hospitals: tuple[Address, ...], degree: int) -> MaskGraph:
    return MaskGraph(ring_of(seed, hospitals), degree)


@lru_cache(maxsize=4)
def _complete(hospitals: tuple[Address, ...]) -> MaskGraph:
    return MaskGraph(hospitals, len(hospitals))
