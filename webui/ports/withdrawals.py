"""The port to withdrawals: what hospitals took back, how far the federation is with it, and orders to the own agent.

Invariant: no patient crosses this port towards the federation. Persons are named as the hospital's own data name them,
and stay in the hospital's own folder.

Source: PROTOCOL.md 5X; fl/roles/hospital/withdrawal_orders.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fl.replay.withdrawals import Stage
from fl.roles.hospital.orders import OrderState
from fl.roles.hospital.withdrawal_orders import WithdrawalOrder, Withdrew


@dataclass(frozen=True)
class WithdrawalView:
    """One withdrawal, and what became of it."""

    key: str
    """Of its record: `BLOCK-INDEX`."""
    hospital: str
    own: bool
    """Whether it is this site's hospital."""
    whole: bool
    """Whether the hospital took itself back; else the pictures of persons."""
    rows: int
    since: int
    """The first round that can have used them."""
    at: int
    """When it was stated, in seconds since 1970."""
    stage: Stage
    base: int
    """The round whose model is, or will be, current again; 0: the first model."""
    superseded: tuple[int, ...]
    """Rounds whose models are, or will be, no longer in use."""
    back_at: int | None
    """When the coordinator went back."""
    rounds: tuple[int, ...]
    """Rounds since then from which the current model comes."""


@dataclass(frozen=True)
class Meaning:
    """What a return to an earlier model means."""

    base: int
    """The round whose model would be current again; 0: the first model."""
    superseded: tuple[int, ...]
    """Rounds whose models would be no longer in use; as many have to be trained again."""
    scratch: int
    """How many rounds it would be from the first model on."""
    since: int
    """When the first of these models became current, in seconds since 1970."""


@dataclass(frozen=True)
class OwnWithdrawal:
    """The newest order to this hospital's agent, and whether somebody can carry one out."""

    agent_runs: bool
    order: WithdrawalOrder | None = None
    outcome: Withdrew | None = None
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


class WithdrawalService(Protocol):
    """Withdrawals of the consortium, and orders to the agent of one hospital."""

    def all(self) -> Sequence[WithdrawalView]:
        """Return all withdrawals, the newest first; raise UnavailableError."""

    def meaning(self, since: int) -> Meaning | None:
        """Return what it would mean that this hospital takes back what it gave since a round; None: nothing.

        Raises:
            UnavailableError: the ledger does not answer.
        """

    def waiting(self) -> Meaning | None:
        """Return what it means to go back for all that waits; None if nothing waits; raise UnavailableError."""

    def left(self) -> bool:
        """Return whether this hospital took itself back; raise UnavailableError."""

    def now(self) -> OwnWithdrawal:
        """Return the newest order with its state."""

    def order(self, asked_by: str, persons: Sequence[str], since: int) -> str:
        """Leave an order in the name of a person and return its name; without persons for the whole hospital.

        Raises:
            StorageFull: it could not be written.
        """

    def take_back(self) -> None:
        """Take back the order that waits, if there is one; one that the agent has taken goes on."""
