"""Orders that a hospital's staff give on their site, and the hospital's agent carries out.

Invariant: the site has no key of the hospital. What an order does, and whether it may be done, the agent decides.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from fl.protocol.federation import Federation
from fl.replay.ledger_view import LedgerView
from fl.roles.runner import Agent

VALID_S = 24 * 3600
"""An order that waited longer is not carried out: nobody may remember it."""


class OrderState(StrEnum):
    """What became of an order."""

    TAKEN = "taken"
    """The agent has begun, or waits for the ledger to record it."""
    DONE = "done"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


T = TypeVar("T")


class Orders(Protocol[T]):
    """Orders of one kind."""

    def open(self) -> T | None:
        """Return the order that waits for the agent."""

    def carry_out(self, order: T, federation: Federation) -> None:
        """Do the next thing for an order.

        Raises:
            UnavailableError: chain or disk do not answer; the order stays.
        """


class CarryingOut(Generic[T]):
    """An agent that carries out orders of one kind before anything else."""

    def __init__(self, agent: Agent, orders: Orders[T]) -> None:
        self._agent = agent
        self._orders = orders

    @property
    def view(self) -> LedgerView:
        return self._agent.view

    def step(self) -> bool:
        """Carry out an order if there is one, else do the agent's next thing."""
        order = self._orders.open()
        if order is None:
            return self._agent.step()
        self._orders.carry_out(order, self.view.refresh())
        return True

    def finish(self) -> None:
        self._agent.finish()
