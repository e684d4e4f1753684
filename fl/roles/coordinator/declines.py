"""The coordinator hears which hospitals decline a round, and ends it at once if too few are left.

Invariant: a statement is a hospital's own word about itself: it never removes another hospital. After the set of a
round is fixed, statements change nothing.

Source: PROTOCOL.md 5 (Statements).
"""

from __future__ import annotations

from collections.abc import Callable

from fl.events import Event
from fl.protocol.federation import Federation
from fl.protocol.names import Address, shown
from fl.protocol.rounds.round import Phase, Round
from fl.replay.ledger_view import Ports
from fl.roles.coordinator.drop_outs import short_cluster

BEFORE_THE_FREEZE = (Phase.OPEN, Phase.ADVERTISE, Phase.SHARE, Phase.COMPLAIN, Phase.MASK)
MOST_CHARS, MOST_NAMED = 40, 20
"""Of one rule, and how many hospitals the reason of an abort names."""


class Declines:
    """Reports each refusal once, and counts who is left."""

    def __init__(self, ports: Ports, abort: Callable[[Round, str], bool]) -> None:
        self._ports = ports
        self._abort = abort
        self._reported: set[tuple[bytes, Address]] = set()

    def step(self, federation: Federation, current: Round) -> bool:
        """Report new refusals; abort the round if the others are too few. False while it can go on."""
        declined = federation.declined(current)
        said = {account: shown(made.text)[:MOST_CHARS] or "no rule" for account, made in declined.items()}
        for account, rule in said.items():
            if (current.context, account) not in self._reported:
                self._reported.add((current.context, account))
                name = federation.book.name_of(account)
                self._ports.notify(Event.HOSPITAL_DECLINED, {"round": current.number, "hospital": name, "rule": rule})
        gone = declined.keys() - current.commitments.keys()
        rest = current.going - gone
        left, needed = len(rest), max(current.terms.min_commitments, current.terms.threshold)
        short = short_cluster(current, rest)
        if not gone or current.phase not in BEFORE_THE_FREEZE or (left >= needed and not short):
            return False
        names = [f"{federation.book.name_of(account)} ({said[account]})" for account in sorted(gone)]
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        listed = ", ".join(names[:MOST_NAMED]) + more
        few = f"{left} of {needed} hospitals are left" if left < needed else short
        return self._abort(current, f"Declined: {few}; declined by {listed}")
