"""How another account becomes the operator: the operator proposes it, or a majority of the members replaces him.

Invariant: the checks have the order of Succession.sol, so both refuse a record with the same error;
tests/vectors/authority.json tests both. There is one operator at any time.

Source: PROTOCOL.md 3 (Operator); contracts/authority/Succession.sol.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from fl.protocol.errors import (
    DeadlineNotPassed,
    DuplicateStep,
    EncodingError,
    MemberExists,
    NoMajority,
    NotProposed,
    ReplacementClosed,
    WrongReplacement,
    WrongRole,
)
from fl.protocol.keys.members import KeyBook
from fl.protocol.names import NO_ADDRESS, Address, Role
from fl.protocol.records import (
    Entry,
    OperatorChanged,
    OperatorProposed,
    ReplacementProposed,
    ReplacementVetoed,
    ReplacementVoted,
    SuccessionRecord,
)
from fl.protocol.steps import DAY_S

VETO_TIME_S = 7 * DAY_S
"""How long the operator may veto a majority."""
VOTERS = (Role.HOSPITAL, Role.AUDITOR, Role.TRUSTEE)
"""The coordinator has no vote: there is only one, and it often works with the operator."""


@dataclass(frozen=True)
class Replacement:
    """A replacement of the operator, about which members vote."""

    number: int
    candidate: Address
    proposed: Entry
    since: int = 0
    """When a vote completed the majority, in seconds since 1970; 0 before."""
    vetoed: bool = False


@dataclass(frozen=True)
class Succession:
    """The proposals and votes for a new operator."""

    proposed: Address = NO_ADDRESS
    """The account that the operator itself proposed."""
    replacements: tuple[Replacement, ...] = ()
    closed: int = 0
    """The last replacement before the operator took office; it and all earlier ones are closed."""
    ballots: Mapping[Address, int] = field(default_factory=lambda: MappingProxyType({}))
    """Account -> the replacement of its last vote."""
    changes: tuple[Entry, ...] = ()
    """Every OperatorChanged."""
    last_revocation: int = 0
    """When a membership last ended, in seconds since 1970: this too can complete a majority."""

    def deadline(self, replacement: Replacement) -> int:
        """Return the last second for a veto, in seconds since 1970; there must be a majority."""
        return max(replacement.since, self.last_revocation) + VETO_TIME_S

    def votes(self, number: int, book: KeyBook) -> int:
        return sum(self.ballots.get(account) == number for account in electorate(book))

    def has_majority(self, number: int, book: KeyBook) -> bool:
        """Return whether more than half of the electorate vote for a replacement."""
        return 2 * self.votes(number, book) > len(electorate(book))

    def is_open(self, replacement: Replacement) -> bool:
        """Return whether members may vote for it and its candidate may take office."""
        return replacement.number > self.closed and not replacement.vetoed

    def replacement(self, number: int) -> Replacement:
        """Return an open replacement, or raise WrongReplacement or ReplacementClosed, in that order."""
        if not 1 <= number <= len(self.replacements):
            raise WrongReplacement(len(self.replacements), number)
        replacement = self.replacements[number - 1]
        if not self.is_open(replacement):
            raise ReplacementClosed(number)
        return replacement

    def after_revocation(self, now: int) -> Succession:
        """Return the value after a membership ended; `now` is in seconds since 1970."""
        return replace(self, last_revocation=now)

    def advance(self, entry: Entry, record: SuccessionRecord, book: KeyBook) -> Succession:
        """Return the value after `record` of `entry`, or raise the rule's error; `book` is the one before it."""
        match record:
            case OperatorProposed():
                return self._propose(record, book)
            case ReplacementProposed():
                return self._propose_replacement(entry, record, book)
            case ReplacementVoted():
                return self._vote(record, book, entry.timestamp)
            case ReplacementVetoed():
                book.active(record.sender, Role.OPERATOR)
                vetoed = replace(self.replacement(record.replacement), vetoed=True)
                return replace(self, replacements=self._replaced(vetoed))
            case OperatorChanged():
                return self._change(entry, record, book)

    def _propose(self, record: OperatorProposed, book: KeyBook) -> Succession:
        book.active(record.sender, Role.OPERATOR)
        _check_new(record.account, book)
        return replace(self, proposed=record.account)

    def _propose_replacement(self, entry: Entry, record: ReplacementProposed, book: KeyBook) -> Succession:
        if book.active(record.sender).role == Role.OPERATOR:
            raise WrongRole(record.sender)
        expected = len(self.replacements) + 1
        if record.replacement != expected:
            raise WrongReplacement(expected, record.replacement)
        if record.candidate == NO_ADDRESS:
            raise MemberExists(record.candidate)
        _check_new(record.candidate, book)
        return replace(self, replacements=(*self.replacements, Replacement(expected, record.candidate, entry)))

    def _vote(self, record: ReplacementVoted, book: KeyBook, now: int) -> Succession:
        if book.active(record.sender).role not in VOTERS:
            raise WrongRole(record.sender)
        replacement = self.replacement(record.replacement)
        if self.ballots.get(record.sender) == replacement.number:
            raise DuplicateStep(record.sender)
        ballots = MappingProxyType({**self.ballots, record.sender: replacement.number})
        voted = replace(self, ballots=ballots)
        made = voted.has_majority(replacement.number, book) and not self.has_majority(replacement.number, book)
        since = now if made else replacement.since
        return replace(voted, replacements=self._replaced(replace(replacement, since=since)))

    def _change(self, entry: Entry, record: OperatorChanged, book: KeyBook) -> Succession:
        _check_new(record.sender, book)
        if record.replacement:
            self._check_elected(record, book, entry.timestamp)
        elif record.sender != self.proposed:
            raise NotProposed(record.sender)
        if record.former != book.operator:
            raise EncodingError("ledger", "it names the wrong former operator")
        closed, changes = len(self.replacements), (*self.changes, entry)
        return replace(self, proposed=NO_ADDRESS, closed=closed, changes=changes)

    def _check_elected(self, record: OperatorChanged, book: KeyBook, now: int) -> None:
        replacement = self.replacement(record.replacement)
        if record.sender != replacement.candidate:
            raise NotProposed(record.sender)
        if not self.has_majority(replacement.number, book):
            raise NoMajority(self.votes(replacement.number, book), len(electorate(book)))
        if now <= self.deadline(replacement):
            raise DeadlineNotPassed(self.deadline(replacement))

    def _replaced(self, changed: Replacement) -> tuple[Replacement, ...]:
        at = changed.number - 1
        return (*self.replacements[:at], changed, *self.replacements[at + 1 :])


def electorate(book: KeyBook) -> tuple[Address, ...]:
    """Return who may vote: the active hospitals, auditors and trustees."""
    return tuple(member.account for role in VOTERS for member in book.having(role))


def _check_new(account: Address, book: KeyBook) -> None:
    """Raise MemberExists for an account that is or was a member: an account has one role forever."""
    if account in book.members:
        raise MemberExists(account)
