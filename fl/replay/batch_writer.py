"""Records the steps of wide rounds in batches: a step goes on the board, the end of a phase takes all with it.

Invariant: a batch on the ledger names a file that is in the vault before it.

Source: PROTOCOL.md 5W.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fl.protocol.batches import Step, StepRecord, opening_file, record_of
from fl.protocol.errors import SettingInvalid
from fl.protocol.keys.members import KeyBook
from fl.protocol.names import NO_DIGEST, Address, Digest
from fl.protocol.ports import Endorser, Ledger, Vault
from fl.protocol.records import (
    ModelProposed,
    PhaseClosed,
    Receipt,
    Record,
    RoundFinalised,
    RoundFrozen,
    SharesDealt,
    StepsAnchored,
    WideFinalised,
    WideOpening,
    WideProposed,
    WideRoundOpened,
)
from fl.protocol.rounds.clusters import terms_of
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.rounds.rules import check_set_active
from fl.replay.cluster_batches import Written, write
from fl.replay.posted_parcels import PostedParcels
from fl.replay.posted_steps import Desk, Gathering, OwnSteps

EndOfPhase = PhaseClosed | RoundFrozen | ModelProposed | RoundFinalised


class BatchWriter:
    """What one account posts and records; without a `desk` it only opens rounds and ends phases."""

    def __init__(self, ledger: Ledger, vault: Vault, endorser: Endorser, desk: Desk | None) -> None:
        self._ledger = ledger
        self._vault = vault
        self._account = ledger.account
        self.own = None if desk is None else OwnSteps(ledger.account, desk)
        self.gathering = None if desk is None else Gathering(desk.board, endorser)
        self.parcels = None if desk is None else PostedParcels(desk.board)

    def open(self, record: WideOpening) -> Receipt:
        """Open a wide round; the file with its roster is in the vault then."""
        wide = record.wide
        batch = self._vault.put(opening_file(record.roster, wide))
        raw = WideRoundOpened(
            record.sender,
            record.round,
            record.terms,
            wide.degree,
            wide.replayers,
            len(record.roster),
            record.previous_model,
            batch,
        )
        return _as(record, self._ledger.append(raw))

    def post(self, current: Round, record: StepRecord) -> Receipt:
        """Put a step on the board; its receipt has no block."""
        if self.own is None:
            raise SettingInvalid("account", "the ledger was opened without a board, so it cannot post steps")
        self.own.post(current, record)
        last = current.last or current.opened
        return Receipt(replace(last, record=record, transaction=bytes(32)), gas_used=0)

    def end(self, current: Round, record: EndOfPhase, book: KeyBook) -> Receipt:
        """Record the end of a phase with the steps that the last `gather` found."""
        going = record.hospitals if isinstance(record, PhaseClosed | RoundFrozen) else ()
        made = self._written(current, going)
        batch = (made.count, made.root, made.file_digest)
        match record:
            case ModelProposed():
                digests = (record.model_digest, record.envelope_digest)
                raw: Record = WideProposed(self._account, current.number, *batch, *digests)
            case RoundFinalised():
                check_set_active(current, book)
                raw = WideFinalised(self._account, current.number, *batch, NO_DIGEST)
            case _:
                raw = self._steps(current, made)
        return _as(record, self._ledger.append(raw))

    def _written(self, current: Round, going: Sequence[Address]) -> Written:
        """Put the steps that the last `gather` found into the vault; without `going` all of them go on."""
        found = {} if self.gathering is None else self.gathering.steps(current.context, current.phase)
        return write(current, found, going or found, self._vault, self._received(current, found, going))

    def _received(
        self, current: Round, found: Mapping[Address, Step], going: Sequence[Address]
    ) -> Mapping[Address, Digest]:
        """Put the parcels for each hospital that goes on after SHARE into the vault; nothing without clusters."""
        if self.parcels is None or current.phase != Phase.SHARE or terms_of(current) is None:
            return {}
        made = [record_of(each, Phase.SHARE, current.number) for each in found.values()]
        roots = {each.sender: each.bundle_digest for each in made if isinstance(each, SharesDealt)}
        return {who: self._vault.put(file) for who, file in self.parcels.received(current, roots, going)}

    def _steps(self, current: Round, made: Written) -> StepsAnchored:
        numbers = (made.count, made.going, made.root, made.file_digest)
        return StepsAnchored(self._account, current.number, current.phase, *numbers)

    def agree(self, current: Round) -> Receipt:
        """Record the endorsements that the last `gather` found."""
        return self._ledger.append(self._steps(current, self._written(current, ())))


def _as(record: Record, receipt: Receipt) -> Receipt:
    return Receipt(replace(receipt.entry, record=record), receipt.gas_used)
