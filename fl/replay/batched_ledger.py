"""A Ledger that shows what is in the batches of wide rounds, and records steps in batches.

Readers see the same records as in a masked round: in place of WideRoundOpened the opening with its roster, in place of
StepsAnchored, WideProposed and WideFinalised the steps and the end of the phase, as entries of the same block.

Invariant: entries are in ledger order and are never taken back. A batch whose file is missing or wrong stops the
reading there; when the round was aborted, what is left of it is skipped.

Source: PROTOCOL.md 5W.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fl.protocol.batches import Step, StepRecord
from fl.protocol.errors import HemaledgerError
from fl.protocol.keys.members import KeyBook
from fl.protocol.names import Address
from fl.protocol.ports import Anchor, Endorser, Ledger, Vault
from fl.protocol.records import Entry, Position, Receipt, Record, WideOpening
from fl.protocol.rounds.round import Phase, Round
from fl.replay.batch_reader import BatchReader
from fl.replay.batch_writer import BatchWriter, EndOfPhase
from fl.replay.posted_steps import Desk


class BatchedLedger:
    """Implements Ledger over the chain's ledger; safe to use from several threads."""

    def __init__(
        self,
        ledger: Ledger,
        vault: Vault,
        endorser: Endorser,
        desk: Desk | None = None,
        *,
        strict: bool = False,
        own_cluster: bool = False,
    ) -> None:
        """Read batches from `vault`; with a `desk`, also post steps and record batches.

        A `strict` reader raises the error of a missing or wrong batch; any other one stops before it, and `wait` says
        why. With `own_cluster` only the account's own cluster of a round with clusters is seen.
        """
        self._ledger = ledger
        self._reader = BatchReader(ledger, vault, endorser, strict=strict, own_cluster=own_cluster)
        self._writer = BatchWriter(ledger, vault, endorser, desk)

    @property
    def anchor(self) -> Anchor:
        return self._ledger.anchor

    @property
    def account(self) -> Address:
        return self._ledger.account

    @property
    def own_cluster(self) -> bool:
        """Return whether only the account's own cluster of a round with clusters is seen."""
        return self._reader.viewer is not None

    @property
    def inner(self) -> Ledger:
        """Return the chain's ledger."""
        return self._ledger

    @property
    def batches(self) -> Sequence[Record]:
        """Return what was read of wide rounds, as it is on the chain."""
        return self._reader.batches

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        """Return every entry behind `after`; raises as the chain's ledger.

        Raises:
            VaultMissing, VaultUnavailable, BatchInvalid: a strict reader cannot read a batch.
        """
        return self._reader.replay(after)

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        """Block until there is an entry behind `after`; False if `timeout_s` passed first.

        Raises:
            VaultMissing, VaultUnavailable, RoundBlocked: the next batch cannot be read, so nothing comes.
        """
        return self._reader.wait(after, timeout_s)

    def append(self, record: Record) -> Receipt:
        """Record as the chain's ledger does; a step of a wide round is put on the board and recorded later.

        The receipt of such a step has no block. A record that ends a phase takes the steps on the board with it, as the
        last `gather` found them.
        """
        if isinstance(record, WideOpening):
            return self._writer.open(record)
        current = self._reader.wide_round()
        if current is not None and isinstance(record, StepRecord):
            return self._writer.post(current, record)
        if current is not None and isinstance(record, EndOfPhase):
            return self._writer.end(current, record, self._reader.now().book)
        return self._ledger.append(record)

    def ahead(self, current: Round, book: KeyBook) -> Round:
        """Return the round as if this account's own posted step were recorded already."""
        return current if self._writer.own is None or current.ended else self._writer.own.ahead(current, book)

    def posted(self, current: Round, phase: Phase) -> Step | None:
        """Return the step that this account made in a phase, None if it made none here."""
        return None if self._writer.own is None else self._writer.own.made(current, phase)

    def in_time(self, current: Round, phase: Phase) -> int | None:
        """Return when that step was on the board, in seconds since 1970; None if not before the phase's deadline."""
        return None if self._writer.own is None else self._writer.own.in_time(current, phase)

    def gather(self, current: Round, book: KeyBook) -> Round:
        """Return the round as if all right steps on the board were recorded already."""
        return (
            current if self._writer.gathering is None or current.ended else self._writer.gathering.gather(current, book)
        )

    def post_parcels(self, current: Round, data: bytes) -> None:
        """Put the file with this account's parcels on the board; raises as Board.post."""
        if self._writer.own is not None:
            self._writer.own.post_parcels(current, data)

    def parcels_of(self, current: Round) -> frozenset[Address]:
        """Return the dealers of a round with clusters whose parcels are on the board; raises as Board.names."""
        return frozenset() if self._writer.parcels is None else self._writer.parcels.present(current)

    def whole(self, current: Round) -> Round:
        """Return a round with all its clusters, for a hospital that sums it again; any other round unchanged.

        Raises:
            VaultMissing, VaultUnavailable, BatchInvalid: a file of another cluster is missing, or breaks a rule.
        """
        return self._reader.whole(current)

    @property
    def left_out(self) -> Mapping[Address, HemaledgerError]:
        """Return whose signed steps on the board break a rule, and how, as the last `gather` found."""
        return {} if self._writer.gathering is None else self._writer.gathering.wrong

    def agree(self, current: Round) -> Receipt:
        """Record the endorsements that the last `gather` found; no other record ends AGREE."""
        return self._writer.agree(current)
