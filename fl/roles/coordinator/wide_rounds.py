"""The coordinator's part of a wide round: it gathers the steps on the board and ends AGREE and UNMASK.

The other phases end as in a masked round: the coordinator sees the round as if every right step on the board were
recorded, and what it records to end a phase takes these steps with it (fl/replay/batched_ledger.py).

Invariant: only ledger, vault and board decide what it does, so it can be killed at any moment and restarted elsewhere.

Source: PROTOCOL.md 5W.2.
"""

from __future__ import annotations

from collections.abc import Callable

from fl.events import Event
from fl.protocol.errors import GraphReplaced
from fl.protocol.federation import Federation
from fl.protocol.names import Address
from fl.protocol.rounds.clusters import is_agreed
from fl.protocol.rounds.mask_graph import is_answered
from fl.protocol.rounds.round import Phase, Round
from fl.replay.batched_ledger import BatchedLedger
from fl.replay.ledger_view import Ports
from fl.roles.coordinator.drop_outs import named
from fl.roles.graph_promise import check_graph

LEAST_PATIENCE_S = 5
"""How long the coordinator waits for more steps than enough, at least; otherwise as long as enough steps took."""


class WideSteps:
    """Sees rounds with the steps on the board, and waits for more of them than enough."""

    def __init__(self, ports: Ports, abort: Callable[[Round, str], bool]) -> None:
        self._ports = ports
        self._abort = abort
        self._reported: set[tuple[bytes, Phase, Address]] = set()
        self._enough: tuple[bytes, Phase, int] = (b"", Phase.NONE, 0)
        """Since when enough steps of a phase are there: context, phase, seconds since 1970."""

    def gathered(self, federation: Federation, current: Round) -> Round:
        """Return a wide round with all right steps on the board, any other round unchanged."""
        ledger = self._ports.ledger
        if current.wide is None or not isinstance(ledger, BatchedLedger):
            return current
        gathered = ledger.gather(current, federation.book)
        for account, error in ledger.left_out.items():
            if (current.context, current.phase, account) not in self._reported:
                self._reported.add((current.context, current.phase, account))
                reason = f"{federation.book.name_of(account)}: {error.name}: {error}"
                self._ports.notify(Event.HOSPITAL_LEFT_OUT, {"round": current.number, "reason": reason})
        return gathered

    def step(self, federation: Federation, current: Round, gathered: Round) -> bool | None:
        """End AGREE when enough hospitals signed; False while AGREE or UNMASK must wait, None if others decide.

        A round whose graph was replaced by a reorg is aborted at once: hospitals leave it, too.
        """
        try:
            check_graph(current, self._ports.journal)
        except GraphReplaced as error:
            return self._abort(current, f"{error.name}: {error}")
        if current.wide is None or current.phase not in (Phase.AGREE, Phase.UNMASK):
            return None
        agreeing = current.phase == Phase.AGREE
        done = gathered.endorsed if agreeing else gathered.revealed
        late = self._ports.now() > current.step_deadline
        if not (is_agreed(gathered) if agreeing else is_answered(gathered)):
            return None if late or not agreeing else False
        if len(done) < len(current.hospitals) and not late and not self._waited(current):
            return False
        return self._agree(federation, current, gathered) if agreeing else None

    def _agree(self, federation: Federation, current: Round, gathered: Round) -> bool:
        ledger = self._ports.ledger
        if not isinstance(ledger, BatchedLedger):
            return False
        ledger.agree(current)
        absent = set(current.hospitals) - set(gathered.endorsed)
        facts = {"phase": "agree", "left_out": len(absent), "missing": named(federation.book, absent)}
        self._ports.notify(Event.PHASE_CLOSED, {"round": current.number, **facts})
        return True

    def _waited(self, current: Round) -> bool:
        """Return whether the others had as long again as enough steps took."""
        now = self._ports.now()
        if self._enough[:2] != (current.context, current.phase):
            self._enough = (current.context, current.phase, now)
        reached = self._enough[2]
        return now >= reached + max(LEAST_PATIENCE_S, reached - current.phase_since)
