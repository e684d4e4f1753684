"""Who acted in a round, for whom it waits, and whom it goes on without: from the ledger alone.

Invariant: nothing here is a guess. A member is waited for only while the ledger lacks its record of the phase now, and
it is left out only after a record of the coordinator left it out.

Source: fl/protocol/rounds/round.py (the phases, and who acts in each); PROTOCOL.md 5 and 5S.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from fl.protocol.federation import Federation
from fl.protocol.keys.members import KeyBook
from fl.protocol.names import Address, Role
from fl.protocol.records import Entry
from fl.protocol.rounds.mask_graph import is_answered
from fl.protocol.rounds.replayers import drawn, hospitals_needed
from fl.protocol.rounds.round import Phase, Round

MASKED = (Phase.ADVERTISE, Phase.SHARE, Phase.COMPLAIN, Phase.MASK, Phase.AGREE, Phase.UNMASK, Phase.PROPOSED)
SEALED = (Phase.OPEN, Phase.FROZEN, Phase.PROPOSED)
LAST_ROUNDS = 5
"""Of how many rounds a status tells who was left out."""


class Missed(StrEnum):
    """Why a round went on without a hospital."""

    KEYS = "it sent no keys in time"
    SHARES = "it dealt no shares in time"
    CHECK = "it did not check its shares in time"
    REJECTED = "what it sent could not be used"
    UPDATE = "it sent no update in time"
    SIGNATURE = "it did not sign the set in time"
    ANSWER = "it sent no answer for the sum in time"


_MISSED = {
    Phase.OPEN: Missed.UPDATE,
    Phase.ADVERTISE: Missed.KEYS,
    Phase.SHARE: Missed.SHARES,
    Phase.COMPLAIN: Missed.CHECK,
    Phase.MASK: Missed.UPDATE,
    Phase.AGREE: Missed.SIGNATURE,
    Phase.UNMASK: Missed.ANSWER,
}


@dataclass(frozen=True)
class Waiting:
    """What the consortium waits for now."""

    phase: str
    """Of the round, such as `mask`; `setup` before the first round and `between` rounds."""
    who: tuple[Address, ...]
    """Whose record is missing."""
    round: int
    """The round that runs, or the last one; 0 before the first."""
    since: int | None
    """Seconds since 1970; None if the ledger does not say."""
    until: int | None
    """The deadline, in seconds since 1970; None if there is none."""


@dataclass(frozen=True)
class Ending:
    """How one round stands or ended, for people."""

    number: int
    phase: str
    at: int
    """Of its last record, in seconds since 1970."""
    left_out: Mapping[Address, Missed]
    reason: str
    """Of an abort; empty otherwise."""


def waiting(federation: Federation) -> Waiting:
    """Return for whom the consortium waits now."""
    current, book = federation.active_round, federation.book
    if current is None:
        last = federation.rounds[-1].last if federation.rounds else None
        opened = federation.openings[-1].opened.timestamp if federation.openings else None
        who = tuple(member.account for member in book.having(Role.COORDINATOR))
        phase = "between" if federation.openings else "setup"
        keyless = tuple(each.account for each in book.members.values() if _lacks_key(each.account, book))
        who = who if federation.openings or not keyless else keyless
        return Waiting(phase, who, federation.last_round, last.timestamp if last else opened, None)
    acted = acted_in(current).get(current.phase, ())
    who = tuple(each for each in expected(current, current.phase, book) if each not in acted)
    who = who if who and not _enough(current, book) else (current.opener,)
    return Waiting(current.phase.name.lower(), who, current.number, current.phase_since, deadline_of(current))


def ending(current: Round) -> Ending:
    """Return how a round stands."""
    at = current.last.timestamp if current.last else current.opened.timestamp
    return Ending(current.number, current.phase.name.lower(), at, left_out(current), current.reason)


def left_out(current: Round) -> Mapping[Address, Missed]:
    """Return the hospitals of the roster that a round went on without, and why; those it still waits for are not.

    A hospital whose update counts is not among them, even if enough others signed or answered first.
    """
    acted = acted_in(current)
    missed: dict[Address, Missed] = {}
    for phase in _closed(current):
        for account in current.roster:
            if account not in acted.get(phase, ()):
                missed.setdefault(account, _MISSED[phase])
    for account in _rejected(current):
        missed.setdefault(account, Missed.REJECTED)
    return missed


def _closed(current: Round) -> tuple[Phase, ...]:
    """Return the phases that ended with or without a hospital, among those that may leave one out."""
    order = MASKED if current.masked else SEALED
    reached, aborted = _reached(current, order), current.phase == Phase.ABORTED
    before = order[: order.index(reached) + aborted]
    return tuple(each for each in before if each in _MISSED and (aborted or each not in (Phase.AGREE, Phase.UNMASK)))


def _rejected(current: Round) -> Collection[Address]:
    """Return the hospitals that acted, and that the coordinator's last choice nevertheless leaves out."""
    if current.frozen is not None:
        return set(current.roster) - set(current.hospitals)
    return set(current.roster) - set(current.sharers) if current.masked and current.receivers else ()


def newest_records(entries: Iterable[Entry]) -> Mapping[Address, Entry]:
    """Return the newest record of each account: its last sign of life on the ledger."""
    return {entry.record.sender: entry for entry in entries}


def deadline_of(current: Round) -> int | None:
    """Return the end of the phase now in seconds since 1970; None if the round has ended."""
    if current.ended:
        return None
    if current.phase in (Phase.OPEN, Phase.MASK):
        return current.terms.commit_deadline
    if current.masked and current.phase in MASKED[:-1]:
        return current.step_deadline
    return current.terms.close_deadline


def acted_in(current: Round) -> Mapping[Phase, Collection[Address]]:
    """Return who made the record of each phase."""
    return {
        Phase.OPEN: current.commitments,
        Phase.ADVERTISE: current.advertised,
        Phase.SHARE: current.dealt,
        Phase.COMPLAIN: current.checked,
        Phase.MASK: current.commitments,
        Phase.AGREE: current.endorsed,
        Phase.UNMASK: current.revealed,
        Phase.PROPOSED: current.attestations,
        Phase.FROZEN: (current.opener,) if current.proposal else (),
    }


def expected(current: Round, phase: Phase, book: KeyBook) -> Collection[Address]:
    """Return who has a part in the phase now."""
    if phase == Phase.FROZEN:
        return (current.opener,)
    if phase == Phase.PROPOSED:
        auditors = tuple(member.account for member in book.having(Role.AUDITOR))
        return (*sorted(drawn(current)), *auditors) if current.masked else auditors
    if phase in (Phase.AGREE, Phase.UNMASK):
        return current.hospitals
    return current.sharers if current.masked else current.roster


def _enough(current: Round, book: KeyBook) -> bool:
    """Return whether enough members acted in a phase that does not need all."""
    if current.phase == Phase.PROPOSED:
        audited = sum(book.members[account].role == Role.AUDITOR for account in current.attestations)
        wanted = current.terms.attestations - hospitals_needed(current)
        return audited >= wanted and len(current.attestations) >= current.terms.attestations
    return current.phase == Phase.UNMASK and is_answered(current)


def _lacks_key(account: Address, book: KeyBook) -> bool:
    member = book.members[account]
    return member.key is None and not member.revoked and member.role in (Role.HOSPITAL, Role.AUDITOR, Role.COORDINATOR)


def _reached(current: Round, order: tuple[Phase, ...]) -> Phase:
    """Return the phase that a round is in, or the last one in which somebody acted before it ended."""
    if current.phase in order:
        return current.phase
    if current.phase == Phase.FINAL:
        return Phase.PROPOSED
    acted = acted_in(current)
    return next((phase for phase in reversed(order) if acted.get(phase)), order[0])
