"""A member's own steps on the board of a wide round, and all steps of a phase as the coordinator gathers them.

Invariant: a step is in the journal before it is on the board; after a restart the same bytes are posted again. A step
that is on the board counts for its own member at once, and for the others when it is in a batch.

Source: PROTOCOL.md 5W.2.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from fl.protocol.batches import PHASES, STEP_CAP, Step, StepRecord, body_of, record_of, statement
from fl.protocol.errors import HemaledgerError, MalformedError, RefusedError, SignatureInvalid, TamperedError
from fl.protocol.keys.members import KeyBook
from fl.protocol.names import Address
from fl.protocol.ports import PARCELS, Board, Endorser, Journal
from fl.protocol.records import Entry, SetEndorsed
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.rounds.rules import advance
from fl.protocol.rounds.set_statement import set_statement
from fl.replay.batch_checks import check_step

MOST_NAMES = 64
"""Of one account and phase. A member posts one; others come from somebody who may write to the board."""
MOST_LOOKS = 20
"""A file that cannot be read may be on a disk that fails for a moment, or junk."""


@dataclass(frozen=True)
class Desk:
    """What a member needs to post steps."""

    board: Board
    journal: Journal
    endorser: Endorser
    now: Callable[[], int]
    """Seconds since 1970."""


class OwnSteps:
    """One account's steps."""

    def __init__(self, account: Address, desk: Desk) -> None:
        self._account = account
        self._desk = desk
        self._posted: set[str] = set()
        """The journal keys of steps that this process put on the board."""

    def post(self, current: Round, record: StepRecord) -> None:
        """Sign a step, journal it and put it on the board; a step that was journalled before is posted instead."""
        phase, body = PHASES[type(record)], body_of(record)
        signature = self._desk.endorser.sign_step(statement(current, phase, body))
        data = self._desk.journal.once(_key(current, phase), Step(self._account, body, signature).to_bytes())
        self._put(current, phase, data)

    def post_parcels(self, current: Round, data: bytes) -> None:
        """Put the file with this account's parcels on the board; the same bytes have the same place."""
        self._desk.board.post(current.context, PARCELS, self._account, data)

    def made(self, current: Round, phase: Phase) -> Step | None:
        """Return this account's step of a phase, None before it was made."""
        data = self._desk.journal.get(_key(current, phase))
        return None if data is None else Step.from_bytes(data)

    def in_time(self, current: Round, phase: Phase) -> int | None:
        """Return when this account's step was on the board, in seconds since 1970; None if not before the deadline."""
        noted = self._desk.journal.get(_posted_key(current, phase))
        return None if noted is None else int(noted)

    def ahead(self, current: Round, book: KeyBook) -> Round:
        """Return the round as if this account's own step of the phase were in a batch already."""
        data = self._desk.journal.get(_key(current, current.phase))
        if data is None:
            return current
        self._put(current, current.phase, data)
        try:
            return taken(current, Step.from_bytes(data), current.phase, book)
        except (RefusedError, TamperedError):  # the ledger has it, or a reorg left it behind
            return current

    def _put(self, current: Round, phase: Phase, data: bytes) -> None:
        key = _key(current, phase)
        if key not in self._posted:
            self._desk.board.post(current.context, phase, self._account, data)
            self._posted.add(key)
            deadline = current.terms.commit_deadline if phase == Phase.MASK else current.step_deadline
            if (now := self._desk.now()) <= deadline:
                self._desk.journal.once(_posted_key(current, phase), str(now).encode())


@dataclass
class _Phase:
    key: tuple[bytes, Phase]
    """Context and phase."""
    looks: Counter[str] = field(default_factory=Counter)
    """How often each name of the board was read; what was read once is not read again."""
    steps: dict[Address, Step] = field(default_factory=dict)
    """Steps with a right signature."""


class Gathering:
    """The steps of the phase at hand, read from the board as they come."""

    def __init__(self, board: Board, endorser: Endorser) -> None:
        self._board = board
        self._endorser = endorser
        self._phase = _Phase((b"", Phase.NONE))
        self.wrong: dict[Address, HemaledgerError] = {}
        """Why a step of the phase at hand was left out, by the account in it."""

    def gather(self, current: Round, book: KeyBook) -> Round:
        """Return the round as if every right step on the board were in a batch already."""
        if self._phase.key != (current.context, current.phase):
            self._phase, self.wrong = _Phase((current.context, current.phase)), {}
        unread = self._unread(current, book)
        trial = current
        for account in sorted({*unread, *self._phase.steps}):
            trial = self._first_right(trial, account, unread[account], current, book)
        return trial

    def _first_right(self, trial: Round, account: Address, unread: list[str], current: Round, book: KeyBook) -> Round:
        """Return the round with the first step of a member that keeps the rules; note what is wrong with others."""
        while (step := self._signed(account, unread, current)) is not None:
            try:
                if current.phase == Phase.AGREE:
                    check_endorsement(step, current, self._endorser)
                trial = taken(trial, step, current.phase, book)
            except (MalformedError, RefusedError, TamperedError) as error:
                self.wrong[account] = error
                del self._phase.steps[account]
            else:
                self.wrong.pop(account, None)
                break
        return trial

    def steps(self, context: bytes, phase: Phase) -> Mapping[Address, Step]:
        """Return the right steps that the last `gather` found."""
        return self._phase.steps if self._phase.key == (context, phase) else {}

    def _unread(self, current: Round, book: KeyBook) -> defaultdict[Address, list[str]]:
        """Return what to read of each member without a right step, MOST_NAMES of each: others may be junk."""
        known = {account.hex(): account for account in book.members}
        listed: defaultdict[Address, list[str]] = defaultdict(list)
        for name in self._board.names(current.context, current.phase):
            account = known.get(name.partition("-")[0])
            if account is not None and account not in self._phase.steps:
                listed[account].append(name)
        for account, names in listed.items():
            listed[account] = [name for name in names[:MOST_NAMES] if self._phase.looks[name] < MOST_LOOKS]
        return listed

    def _signed(self, account: Address, unread: list[str], current: Round) -> Step | None:
        """Return a member's step that it signed, and read its names until there is one."""
        while account not in self._phase.steps and unread:
            name = unread.pop(0)
            data = self._board.read(current.context, current.phase, name)
            self._phase.looks[name] += 1
            if data is None or len(data) > STEP_CAP:
                continue
            self._phase.looks[name] = MOST_LOOKS
            try:
                step = Step.from_bytes(data)
                check_step(step, current.phase, current, self._endorser)
            except (MalformedError, TamperedError):
                continue  # anybody who may write to the vault can put this here
            if step.account == account:
                self._phase.steps[account] = step
        return self._phase.steps.get(account)


def wanted(
    names: Iterable[str], accounts: Iterable[Address], done: Container[Address]
) -> Iterator[tuple[str, Address]]:
    """Yield the names on the board of accounts that are not `done` yet, MOST_NAMES of each: others may be junk."""
    known = {account.hex(): account for account in accounts}
    counted = Counter[str]()
    for name in names:
        prefix = name.partition("-")[0]
        counted[prefix] += 1
        if prefix in known and known[prefix] not in done and counted[prefix] <= MOST_NAMES:
            yield name, known[prefix]


def taken(current: Round, step: Step, phase: Phase, book: KeyBook) -> Round:
    """Return the round with a step, by its own rules, or raise their error."""
    entry, last = current.opened, current.last or current.opened
    book.active(step.account)
    record = record_of(step, phase, current.number)
    return advance(current, Entry(record, last.position, bytes(32), current.phase_since, b"", entry.contract), book)


def check_endorsement(step: Step, current: Round, endorser: Endorser) -> None:
    """Raise SignatureInvalid unless the step has its account's signature of the frozen set."""
    made = record_of(step, Phase.AGREE, current.number)
    if not isinstance(made, SetEndorsed) or endorser.recover(set_statement(current), made.signature) != step.account:
        raise SignatureInvalid("another account signed the set")


def _key(current: Round, phase: Phase) -> str:
    return f"step {phase.name.lower()}/{current.context.hex()}"


def _posted_key(current: Round, phase: Phase) -> str:
    return f"posted {phase.name.lower()}/{current.context.hex()}"
