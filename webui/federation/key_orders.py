"""Orders for a new key, through the folder that site and agent share.

Invariant: adapters only translate; the agent decides (fl/roles/hospital/key_orders.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from fl.roles.hospital.key_orders import KeyOrder, KeyOrderBox, OrderOutcome
from fl.roles.hospital.orders import OrderState
from webui.ports.key_orders import KeyRenewal


@dataclass(frozen=True)
class FederationKeys:
    """Implements KeyService."""

    box: KeyOrderBox
    agent_runs: Callable[[], bool]
    clock: Callable[[], int]
    """Seconds since 1970."""

    def now(self) -> KeyRenewal:
        order = self.box.newest()
        return KeyRenewal(self.agent_runs(), order, self.box.outcome(order.name) if order is not None else None)

    def order(self, asked_by: str) -> None:
        at = self.clock()
        self.box.put(KeyOrder(f"{at:08x}{secrets.token_hex(4)}", at, asked_by))

    def withdraw(self) -> None:
        found = self.now()
        if found.order is not None and found.outcome is None:
            self.box.note(found.order.name, OrderOutcome(OrderState.WITHDRAWN, self.clock()))
