"""Unmasking answers that cannot be used: left out, and told once, with the hospital's name.

Source: PROTOCOL.md 5, phase 7.
Not here: the sum, which any t right answers give (unmasking.py).
"""

from __future__ import annotations

from fl.events import Event, Notify
from fl.protocol.errors import HemaledgerError
from fl.protocol.federation import Federation
from fl.protocol.names import Address
from fl.protocol.rounds.round import Round
from fl.replay.round_replay import Skip


class AnswersLeftOut:
    """Who was told of already."""

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self._told: set[tuple[bytes, Address]] = set()

    def of(self, federation: Federation, current: Round) -> Skip:
        """Return what is to be told of each answer of a round that is left out."""

        def skip(hospital: Address, error: HemaledgerError) -> None:
            if (current.context, hospital) not in self._told:
                self._told.add((current.context, hospital))
                reason = f"{error.name}: the answer of {federation.book.name_of(hospital)} cannot be used"
                self._notify(Event.ANSWER_LEFT_OUT, {"round": current.number, "reason": reason})

        return skip
