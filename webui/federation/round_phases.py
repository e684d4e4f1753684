"""The phases of one round for people: which are over, which is now, and whose part it waits for.

Source: fl/protocol/rounds/round.py (the phases, and who acts in each).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from fl.protocol.keys.members import KeyBook
from fl.protocol.names import Address, Role
from fl.protocol.rounds.round import Phase, Round
from webui.ports.hospital import PhaseView

MASKED = (Phase.ADVERTISE, Phase.SHARE, Phase.COMPLAIN, Phase.MASK, Phase.AGREE, Phase.UNMASK, Phase.PROPOSED)
SEALED = (Phase.OPEN, Phase.FROZEN, Phase.PROPOSED)


def phases_of(current: Round, book: KeyBook) -> tuple[PhaseView, ...]:
    """Return the phases of a round in their order, with the names of those who acted."""
    order = MASKED if current.masked else SEALED
    acted = _acted(current)
    views = []
    for phase in order:
        did = acted.get(phase, ())
        state = _state(current, phase, order)
        waits = _expected(current, phase, book) if state == "now" else ()
        missing = tuple(book.name_of(account) for account in waits if account not in did)
        views.append(PhaseView(phase.name.lower(), state, tuple(book.name_of(each) for each in did), missing))
    return tuple(views)


def deadline_of(current: Round) -> int | None:
    """Return the end of the phase now in seconds since 1970; None if the round has ended."""
    if current.ended:
        return None
    if current.phase in (Phase.OPEN, Phase.MASK):
        return current.terms.commit_deadline
    if current.masked and current.phase in MASKED[:-1]:
        return current.step_deadline
    return current.terms.close_deadline


def _state(current: Round, phase: Phase, order: tuple[Phase, ...]) -> str:
    if current.phase == Phase.FINAL:
        return "done"
    if current.phase == Phase.ABORTED:
        return "done" if _acted(current).get(phase) else "never"
    place = order.index(current.phase) if current.phase in order else 0
    return "now" if order.index(phase) == place else "done" if order.index(phase) < place else "later"


def _acted(current: Round) -> Mapping[Phase, Collection[Address]]:
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


def _expected(current: Round, phase: Phase, book: KeyBook) -> Collection[Address]:
    """Return who has a part in the phase now."""
    if phase == Phase.FROZEN:
        return (current.opener,)
    if phase == Phase.PROPOSED:
        auditors = tuple(member.account for member in book.having(Role.AUDITOR))
        return (*current.hospitals, *auditors) if current.masked else auditors
    if phase in (Phase.AGREE, Phase.UNMASK):
        return current.hospitals
    return current.sharers if current.masked else current.roster
