"""A Ledger that shows what is in the batches of wide rounds, and records steps in batches.

Readers see the same records as in a masked round: in place of WideRoundOpened the opening with its roster, in place of
StepsAnchored, WideProposed and WideFinalised the steps and the end of the phase, as entries of the same block.

Invariant: entries are in ledger order and are never taken back. A batch whose file is missing or wrong stops the
reading there; when the round was aborted, what is left of it is skipped.

Source: PROTOCOL.md 5W.2.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace

from fl.crypto.hpke_keys import verify_possession
from fl.protocol.batches import Step, StepRecord, opening_file, record_of
from fl.protocol.errors import (
    BatchInvalid,
    HashMismatch,
    HemaledgerError,
    RoundBlocked,
    SettingInvalid,
    UnavailableError,
    VaultMissing,
)
from fl.protocol.federation import Federation, fold
from fl.protocol.keys.members import KeyBook
from fl.protocol.names import NO_DIGEST, Address, Digest
from fl.protocol.ports import Anchor, Endorser, Ledger, Vault
from fl.protocol.records import (
    BatchRecord,
    Entry,
    ModelProposed,
    PhaseClosed,
    Position,
    Receipt,
    Record,
    RoundAborted,
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
from fl.replay.batches import Expanded, expand
from fl.replay.cluster_batches import Written, write
from fl.replay.posted_parcels import PostedParcels
from fl.replay.posted_steps import Desk, Gathering, OwnSteps
from fl.replay.whole_round import WholeRound

EndOfPhase = PhaseClosed | RoundFrozen | ModelProposed | RoundFinalised


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
        self._vault = vault
        self._endorser = endorser
        self._strict = strict
        self._viewer = ledger.account if own_cluster else None
        self._whole: WholeRound | None = None
        """The newest round with clusters, for who sees its own cluster alone."""
        self._own = None if desk is None else OwnSteps(ledger.account, desk)
        self._gathering = None if desk is None else Gathering(desk.board, endorser)
        self._parcels = None if desk is None else PostedParcels(desk.board)
        self._lock = threading.RLock()
        self._waiting: list[Entry] = []
        """Read from the chain, not expanded yet."""
        self._read: Position | None = None
        """Of the newest entry that was read from the chain."""
        self._entries: list[Entry] = []
        self._positions: list[Position] = []
        self._federation = Federation(ledger.anchor, verify_possession)
        self._folded = 0
        """How many entries are in the federation."""
        self.batches: list[Record] = []
        """What was read of wide rounds, as it is on the chain."""
        self._problem: HemaledgerError | None = None
        self._wrong: tuple[Entry, BatchInvalid] | None = None
        """The newest batch that was found wrong."""
        self._wide = False
        """Whether any round was wide."""

    @property
    def anchor(self) -> Anchor:
        return self._ledger.anchor

    @property
    def account(self) -> Address:
        return self._ledger.account

    @property
    def own_cluster(self) -> bool:
        """Return whether only the account's own cluster of a round with clusters is seen."""
        return self._viewer is not None

    @property
    def inner(self) -> Ledger:
        """Return the chain's ledger."""
        return self._ledger

    # --- Reading -----------------------------------------------------------------------------------------------

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        """Return every entry behind `after`; raises as the chain's ledger.

        Raises:
            VaultMissing, VaultUnavailable, BatchInvalid: a strict reader cannot read a batch.
        """
        with self._lock:
            self._advance()
            if self._strict and self._problem is not None:
                raise self._problem
            return self._known(after)

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        """Block until there is an entry behind `after`; False if `timeout_s` passed first.

        Raises:
            VaultMissing, VaultUnavailable, RoundBlocked: the next batch cannot be read, so nothing comes.
        """
        with self._lock:
            if self._known(after):
                return True
            read = self._read
        news = self._ledger.wait(read, timeout_s)
        with self._lock:
            if news or self._problem is not None:  # a missing file may have come
                self._advance()
            if self._known(after):
                return True
            if isinstance(self._problem, UnavailableError):
                raise self._problem
            if self._problem is not None:
                raise RoundBlocked(str(self._problem))
        return False

    def _known(self, after: Position | None) -> list[Entry]:
        start = 0 if after is None else bisect_right(self._positions, after)
        return self._entries[start:]

    def _advance(self) -> None:
        news = self._ledger.replay(self._read)
        self._waiting += news
        self.batches += [entry.record for entry in news if isinstance(entry.record, BatchRecord)]
        self._read = news[-1].position if news else self._read
        self._problem = None
        while self._waiting and self._problem is None:
            self._take(self._waiting[0])

    def _take(self, raw: Entry) -> None:
        """Move the first waiting entry to the known ones, or note why it cannot be read."""
        if not isinstance(raw.record, BatchRecord):
            self._add([raw])
            if self._whole is not None:
                self._whole.note(raw)
            return
        federation = self._now()
        try:
            made = self._expanded(raw, federation)
        except (UnavailableError, BatchInvalid) as error:
            if not isinstance(error, VaultMissing | BatchInvalid) or not self._skip(raw.record):
                self._problem = error
            return
        self._add(made.entries)
        self._wide = True
        if isinstance(raw.record, WideRoundOpened):
            partial = made.federation.rounds[-1].viewer is not None
            self._whole = WholeRound(federation, raw) if partial else None
        elif self._whole is not None:
            self._whole.note(raw)
        self._federation, self._folded = made.federation, len(self._entries)

    def _expanded(self, raw: Entry, federation: Federation) -> Expanded:
        """Expand a batch; what was found wrong in the very bytes of its file stays wrong, and is not checked again."""
        if self._wrong is not None and self._wrong[0] == raw:
            raise self._wrong[1].with_traceback(None)
        try:
            return expand(raw, federation, self._vault, self._endorser, self._viewer)
        except BatchInvalid as error:
            if not isinstance(error.__cause__, HashMismatch):
                self._wrong = (raw, error)
            raise

    def _add(self, entries: Sequence[Entry]) -> None:
        self._waiting.pop(0)
        self._entries += entries
        self._positions += [entry.position for entry in entries]

    def _skip(self, lost: BatchRecord) -> bool:
        """Remove the rest of a round that was aborted since; False if it was not. An opening is never skipped."""
        if isinstance(lost, WideRoundOpened):
            return False
        ends = [
            place
            for place, each in enumerate(self._waiting)
            if isinstance(each.record, RoundAborted) and each.record.round == lost.round
        ]
        if not ends:
            return False
        rest = [each for each in self._waiting[: ends[0]] if not isinstance(each.record, BatchRecord)]
        self._waiting = rest + self._waiting[ends[0] :]
        return True

    def _now(self) -> Federation:
        """Return the ledger up to the newest known entry."""
        self._federation = fold(self._federation, self._entries[self._folded :])
        self._folded = len(self._entries)
        return self._federation

    # --- Writing -----------------------------------------------------------------------------------------------

    def append(self, record: Record) -> Receipt:
        """Record as the chain's ledger does; a step of a wide round is put on the board and recorded later.

        The receipt of such a step has no block. A record that ends a phase takes the steps on the board with it, as the
        last `gather` found them.
        """
        if isinstance(record, WideOpening):
            return self._open(record)
        current = self._wide_round()
        if current is not None and isinstance(record, StepRecord):
            return self._post(current, record)
        if current is not None and isinstance(record, EndOfPhase):
            return self._anchor(current, record)
        return self._ledger.append(record)

    def ahead(self, current: Round, book: KeyBook) -> Round:
        """Return the round as if this account's own posted step were recorded already."""
        return current if self._own is None or current.ended else self._own.ahead(current, book)

    def posted(self, current: Round, phase: Phase) -> Step | None:
        """Return the step that this account made in a phase, None if it made none here."""
        return None if self._own is None else self._own.made(current, phase)

    def in_time(self, current: Round, phase: Phase) -> int | None:
        """Return when that step was on the board, in seconds since 1970; None if not before the phase's deadline."""
        return None if self._own is None else self._own.in_time(current, phase)

    def gather(self, current: Round, book: KeyBook) -> Round:
        """Return the round as if all right steps on the board were recorded already."""
        return current if self._gathering is None or current.ended else self._gathering.gather(current, book)

    def post_parcels(self, current: Round, data: bytes) -> None:
        """Put the file with this account's parcels on the board; raises as Board.post."""
        if self._own is not None:
            self._own.post_parcels(current, data)

    def parcels_of(self, current: Round) -> frozenset[Address]:
        """Return the dealers of a round with clusters whose parcels are on the board; raises as Board.names."""
        return frozenset() if self._parcels is None else self._parcels.present(current)

    def whole(self, current: Round) -> Round:
        """Return a round with all its clusters, for a hospital that sums it again; any other round unchanged.

        Raises:
            VaultMissing, VaultUnavailable, BatchInvalid: a file of another cluster is missing, or breaks a rule.
        """
        with self._lock:
            if current.viewer is None or self._whole is None:
                return current
            return self._whole.read(self._vault, self._endorser)

    @property
    def left_out(self) -> Mapping[Address, HemaledgerError]:
        """Return whose signed steps on the board break a rule, and how, as the last `gather` found."""
        return {} if self._gathering is None else self._gathering.wrong

    def agree(self, current: Round) -> Receipt:
        """Record the endorsements that the last `gather` found; no other record ends AGREE."""
        return self._ledger.append(self._steps(current, self._written(current, ())))

    def _wide_round(self) -> Round | None:
        """Return the running round if it is wide. Without any wide round, no ledger is folded here."""
        with self._lock:
            if not self._wide:
                return None
            current = self._now().active_round
        return current if current is not None and current.wide is not None else None

    def _open(self, record: WideOpening) -> Receipt:
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

    def _post(self, current: Round, record: StepRecord) -> Receipt:
        if self._own is None:
            raise SettingInvalid("account", "the ledger was opened without a board, so it cannot post steps")
        self._own.post(current, record)
        last = current.last or current.opened
        return Receipt(replace(last, record=record, transaction=bytes(32)), gas_used=0)

    def _anchor(self, current: Round, record: EndOfPhase) -> Receipt:
        going = record.hospitals if isinstance(record, PhaseClosed | RoundFrozen) else ()
        made = self._written(current, going)
        batch = (made.count, made.root, made.file_digest)
        match record:
            case ModelProposed():
                digests = (record.model_digest, record.envelope_digest)
                raw: Record = WideProposed(self.account, current.number, *batch, *digests)
            case RoundFinalised():
                check_set_active(current, self._now().book)
                raw = WideFinalised(self.account, current.number, *batch, NO_DIGEST)
            case _:
                raw = self._steps(current, made)
        return _as(record, self._ledger.append(raw))

    def _written(self, current: Round, going: Sequence[Address]) -> Written:
        """Put the steps that the last `gather` found into the vault; without `going` all of them go on."""
        found = {} if self._gathering is None else self._gathering.steps(current.context, current.phase)
        return write(current, found, going or found, self._vault, self._received(current, found, going))

    def _received(
        self, current: Round, found: Mapping[Address, Step], going: Sequence[Address]
    ) -> Mapping[Address, Digest]:
        """Put the parcels for each hospital that goes on after SHARE into the vault; nothing without clusters."""
        if self._parcels is None or current.phase != Phase.SHARE or terms_of(current) is None:
            return {}
        made = [record_of(each, Phase.SHARE, current.number) for each in found.values()]
        roots = {each.sender: each.bundle_digest for each in made if isinstance(each, SharesDealt)}
        return {who: self._vault.put(file) for who, file in self._parcels.received(current, roots, going)}

    def _steps(self, current: Round, made: Written) -> StepsAnchored:
        numbers = (made.count, made.going, made.root, made.file_digest)
        return StepsAnchored(self.account, current.number, current.phase, *numbers)


def _as(record: Record, receipt: Receipt) -> Receipt:
    return Receipt(replace(receipt.entry, record=record), receipt.gas_used)
