"""Withdrawals of a federation in memory: a test states them and plays the coordinator and the agent.

Not here: real withdrawals (tests/memory/rounds/test_withdrawal.py and test_withdrawal_orders.py have them).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from fl.protocol.errors import ChainUnavailable
from fl.replay.withdrawals import Stage
from fl.roles.hospital.orders import OrderState
from fl.roles.hospital.withdrawal_orders import WithdrawalOrder, Withdrew
from webui.ports.withdrawals import Meaning, OwnWithdrawal, WithdrawalView

STATED = WithdrawalView(
    key="1290-0",
    hospital="Harbour Hospital",
    own=False,
    whole=True,
    rows=0,
    since=1,
    at=1_795_350_000,
    stage=Stage.ASKED,
    base=4,
    superseded=(5, 6, 7),
    back_at=None,
    rounds=(),
)
"""Harbour Hospital leaves after round 7; it joined in round 5."""


@dataclass
class FakeWithdrawals:
    """Implements WithdrawalService."""

    chain_up: Callable[[], bool]
    clock: Callable[[], int]
    agent_runs: bool = True
    stated: list[WithdrawalView] = field(default_factory=list)
    rounds: int = 7
    newest: WithdrawalOrder | None = None
    outcome: Withdrew | None = None
    out: bool = False
    """Whether this hospital has left."""

    def all(self) -> Sequence[WithdrawalView]:
        self._ask()
        return self.stated[::-1]

    def meaning(self, since: int) -> Meaning | None:
        self._ask()
        return self._back_to(since - 1) if since <= self.rounds else None

    def waiting(self) -> Meaning | None:
        self._ask()
        bases = [each.base for each in self.stated if each.stage is Stage.ASKED]
        return self._back_to(min(bases)) if bases else None

    def left(self) -> bool:
        self._ask()
        return self.out

    def now(self) -> OwnWithdrawal:
        return OwnWithdrawal(self.agent_runs, self.newest, self.outcome if self.newest is not None else None)

    def order(self, asked_by: str, persons: Sequence[str], since: int) -> str:
        self.newest = WithdrawalOrder(f"{self.clock():016x}", self.clock(), asked_by, tuple(persons), since)
        self.outcome = None
        return self.newest.name

    def take_back(self) -> None:
        if self.newest is not None and self.outcome is None:
            self.outcome = Withdrew(OrderState.WITHDRAWN, self.clock())

    def end(self, state: OrderState, rows: int = 0, why: str = "") -> None:
        """Do what the agent does."""
        self.outcome = Withdrew(state, self.clock(), rows, why)

    def state(self, view: WithdrawalView = STATED) -> None:
        """Put a withdrawal on the ledger."""
        self.stated.append(view)

    def go_back(self) -> None:
        """Do what the coordinator does for the newest withdrawal."""
        self.stated[-1] = replace(self.stated[-1], stage=Stage.GONE_BACK, back_at=self.clock())

    def train_on(self, *rounds: int) -> None:
        self.stated[-1] = replace(self.stated[-1], stage=Stage.TRAINED_ON, rounds=rounds)

    def _back_to(self, base: int) -> Meaning:
        return Meaning(base, tuple(range(base + 1, self.rounds + 1)), self.rounds, self.clock() - 86_400)

    def _ask(self) -> None:
        if not self.chain_up():
            raise ChainUnavailable("http://ledger.example", "connection refused")
