"""Withdrawals as the ledger has them, and orders through the folder that site and agent share.

Invariant: adapters only translate; fl/replay/withdrawals.py says what follows from the ledger, and the agent decides
(fl/roles/hospital/withdrawal_orders.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fl.protocol.federation import Federation
from fl.protocol.names import Address
from fl.protocol.ports import Vault
from fl.protocol.withdrawal import HOSPITAL
from fl.replay.branches import pending, withdrawn
from fl.replay.withdrawals import Course, Price, courses, price_of, price_without
from fl.roles.hospital.orders import OrderState
from fl.roles.hospital.withdrawal_orders import WithdrawalBox, WithdrawalOrder, Withdrew
from webui.ports.withdrawals import Meaning, OwnWithdrawal, WithdrawalView


@dataclass(frozen=True)
class FederationWithdrawals:
    """Implements WithdrawalService."""

    federation: Callable[[], Federation]
    vault: Vault
    account: Address
    """Of this site's hospital."""
    box: WithdrawalBox
    agent_runs: Callable[[], bool]
    clock: Callable[[], int]
    """Seconds since 1970."""

    def all(self) -> list[WithdrawalView]:
        federation = self.federation()
        return [self._view(federation, each) for each in reversed(courses(federation, self.vault))]

    def meaning(self, since: int) -> Meaning | None:
        federation = self.federation()
        price = price_without(federation, self.account, since) if federation.openings else None
        return _meaning(federation, price) if price is not None else None

    def waiting(self) -> Meaning | None:
        federation = self.federation()
        bases = [each.base for each in pending(federation, self.vault)]
        return _meaning(federation, price_of(federation, min(bases))) if bases else None

    def left(self) -> bool:
        return self.account in withdrawn(self.federation())

    def now(self) -> OwnWithdrawal:
        order = self.box.newest()
        return OwnWithdrawal(self.agent_runs(), order, self.box.outcome(order.name) if order is not None else None)

    def order(self, asked_by: str, persons: Sequence[str], since: int) -> str:
        at = self.clock()
        name = f"{at:08x}{secrets.token_hex(4)}"
        self.box.put(WithdrawalOrder(name, at, asked_by, tuple(persons), since))
        return name

    def take_back(self) -> None:
        found = self.now()
        if found.order is not None and found.outcome is None:
            self.box.note(found.order.name, Withdrew(OrderState.WITHDRAWN, self.clock()))

    def _view(self, federation: Federation, course: Course) -> WithdrawalView:
        place, what = course.asked.position, course.what
        return WithdrawalView(
            key=f"{place.block}-{place.index}" + (f"-{place.part}" if place.part else ""),
            hospital=federation.book.name_of(course.hospital),
            own=course.hospital == self.account,
            whole=what.what == HOSPITAL,
            rows=what.rows,
            since=what.since,
            at=course.asked.timestamp,
            stage=course.stage,
            base=course.base,
            superseded=course.superseded,
            back_at=course.back.opened.timestamp if course.back is not None else None,
            rounds=course.rounds,
        )


def _meaning(federation: Federation, price: Price) -> Meaning:
    gone = frozenset(price.superseded)
    ends = (each.last.timestamp for each in federation.rounds if each.number in gone and each.last)
    return Meaning(price.base, price.superseded, price.scratch, min(ends, default=0))
