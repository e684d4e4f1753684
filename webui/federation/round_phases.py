"""The phases of one round for people: which are over, which is now, and whose part it waits for.

Source: fl/replay/attendance.py (who acts in each phase, and until when).
"""

from __future__ import annotations

from fl.protocol.keys.members import KeyBook
from fl.protocol.rounds.round import Phase, Round
from fl.replay.attendance import MASKED, SEALED, acted_in, expected
from webui.ports.hospital import PhaseView


def phases_of(current: Round, book: KeyBook) -> tuple[PhaseView, ...]:
    """Return the phases of a round in their order, with the names of those who acted."""
    order = MASKED if current.masked else SEALED
    acted = acted_in(current)
    views = []
    for phase in order:
        did = acted.get(phase, ())
        state = _state(current, phase, order)
        waits = expected(current, phase, book) if state == "now" else ()
        missing = tuple(book.name_of(account) for account in waits if account not in did)
        views.append(PhaseView(phase.name.lower(), state, tuple(book.name_of(each) for each in did), missing))
    return tuple(views)


def _state(current: Round, phase: Phase, order: tuple[Phase, ...]) -> str:
    if current.phase == Phase.FINAL:
        return "done"
    if current.phase == Phase.ABORTED:
        return "done" if acted_in(current).get(phase) else "never"
    place = order.index(current.phase) if current.phase in order else 0
    return "now" if order.index(phase) == place else "done" if order.index(phase) < place else "later"
