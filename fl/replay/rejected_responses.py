"""Reports each rejected unmasking response once, with the hospital's name.

Source: PROTOCOL.md 5, phase 7: any t valid responses give the same sum, so a rejected one does not stop the round.
"""

from __future__ import annotations

from collections.abc import Mapping

from fl.events import Event, Notify
from fl.protocol.errors import HemaledgerError
from fl.protocol.keys.members import KeyBook
from fl.protocol.names import Address
from fl.protocol.rounds.round import Round


class RejectionReporter:
    """Remembers which rejected responses it reported."""

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self._reported: set[tuple[bytes, Address]] = set()

    def report(self, book: KeyBook, current: Round, rejected: Mapping[Address, HemaledgerError]) -> None:
        """Notify of every response of a round that was rejected and not reported before."""
        for hospital, error in rejected.items():
            if (current.context, hospital) not in self._reported:
                self._reported.add((current.context, hospital))
                reason = f"{error.name}: the answer of {book.name_of(hospital)} cannot be used"
                self._notify(Event.ANSWER_LEFT_OUT, {"round": current.number, "reason": reason})
