"""The port to orders for a new key of the hospital: the site leaves one, the hospital's agent carries it out.

Invariant: no key crosses this port, only an order and what became of it.

Source: fl/roles/hospital/key_orders.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fl.roles.hospital.key_orders import KeyOrder, OrderOutcome
from fl.roles.hospital.orders import OrderState


@dataclass(frozen=True)
class KeyRenewal:
    """The newest order, and whether somebody can carry one out."""

    agent_runs: bool
    order: KeyOrder | None = None
    outcome: OrderOutcome | None = None
    """None while the order waits."""

    @property
    def open(self) -> bool:
        """Whether the agent has still something to do."""
        return self.order is not None and (self.outcome is None or self.outcome.state is OrderState.TAKEN)

    @property
    def step(self) -> str:
        """Return `none`, `waiting`, or a value of `OrderState`."""
        if self.order is None:
            return "none"
        return self.outcome.state.value if self.outcome is not None else "waiting"

    @property
    def version(self) -> str:
        """Return a short text that changes whenever this did."""
        return f"{self.order.name if self.order else 0}-{self.step}-{int(self.agent_runs)}"


class KeyService(Protocol):
    """Orders to the agent of one hospital."""

    def now(self) -> KeyRenewal:
        """Return the newest order with its state."""

    def order(self, asked_by: str) -> None:
        """Leave an order in the name of a person, or raise StorageFull."""

    def withdraw(self) -> None:
        """Take back the order that waits, if there is one; one that the agent has taken goes on."""
