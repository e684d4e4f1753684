"""The dealers' parcels of a round with clusters: on the board, and as the coordinator sorts them by receiver.

Invariant: only parcels with the root in their dealer's signed step count, whatever else is on the board. What the
receivers get follows from them alone, so a restart writes the same files.

Source: PROTOCOL.md 5W.5, Parcels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from fl.crypto.share_delivery import SEALED_BYTES
from fl.crypto.share_encryption import bundle_from_bytes
from fl.protocol import merkle
from fl.protocol.errors import EncodingError, VaultMissing
from fl.protocol.names import Address, Digest
from fl.protocol.parcels import posted_cap, received_files
from fl.protocol.ports import PARCELS, Board
from fl.protocol.rounds.clusters import clusters_of
from fl.protocol.rounds.mask_graph import graph_of
from fl.protocol.rounds.round import Round
from fl.replay.posted_steps import MOST_LOOKS, wanted


class PostedParcels:
    """The parcels of the running round."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._context = b""
        self._looks = Counter[str]()
        """How often each name of the board was read."""
        self._right: dict[Address, tuple[Digest, str]] = {}
        """Root and name of the right parcels of each dealer."""

    def present(self, current: Round) -> frozenset[Address]:
        """Return the dealers whose parcels are on the board: one for each of their mates, under the root they signed.

        Raises:
            VaultUnavailable: the board does not answer.
        """
        if self._context != current.context:
            self._context, self._looks, self._right = current.context, Counter(), {}
        roots = {who: record.bundle_digest for who, record in current.dealt.items()}
        self._right = {who: found for who, found in self._right.items() if roots.get(who) == found[0]}
        if len(self._right) < len(roots):
            self._look(current, roots)
        return frozenset(self._right)

    def received(
        self, current: Round, roots: Mapping[Address, Digest], going: Collection[Address]
    ) -> Iterator[tuple[Address, bytes]]:
        """Yield the file of each hospital that goes on, with the parcels of its mates that go on.

        Args:
            current: The round in SHARE, of which `present` was asked before.
            roots: The root that each dealer signed.
            going: Who goes on.

        Raises:
            VaultMissing: somebody took the parcels of one of them away meanwhile; that dealer is present no more.
        """
        clusters = clusters_of(current)
        for cluster in () if clusters is None else clusters.members:
            members = [each for each in cluster if each in current.going]  # in SHARE: those of U1
            posted = {dealer: self._parcels(current, dealer, roots[dealer]) for dealer in members if dealer in going}
            if posted:
                yield from received_files(current.context, members, posted).items()

    def _look(self, current: Round, roots: Mapping[Address, Digest]) -> None:
        for name, who in wanted(self._board.names(current.context, PARCELS), roots, self._right):
            if self._looks[name] >= MOST_LOOKS:
                continue
            self._looks[name] += 1
            if self._read(current, who, name, roots[who]) is not None:
                self._right[who] = (roots[who], name)

    def _parcels(self, current: Round, dealer: Address, root: Digest) -> tuple[bytes, ...]:
        known = self._right.get(dealer)
        found = None if known is None else self._read(current, dealer, known[1], root)
        if known is not None and found is None:
            del self._right[dealer], self._looks[known[1]]
        if found is None:
            raise VaultMissing(root)
        return found

    def _read(self, current: Round, dealer: Address, name: str, root: Digest) -> tuple[bytes, ...] | None:
        """Return the parcels under a name of the board, None if they are not those of the dealer's step."""
        mates = len(graph_of(current).neighbours(dealer))
        data = self._board.read(current.context, PARCELS, name, posted_cap(mates))
        if data is None:
            return None
        self._looks[name] = MOST_LOOKS  # the bytes under a name do not change
        try:
            parcels = bundle_from_bytes(data, mates, SEALED_BYTES)
        except EncodingError:  # anybody who may write to the vault can put this here
            return None
        return parcels if merkle.root_of(parcels) == root else None
