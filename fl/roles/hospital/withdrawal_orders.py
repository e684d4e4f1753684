"""A withdrawal that the hospital's staff order on their site: its agent takes the rows out and puts it on the ledger.

Invariant: an order is stated once at most, also after a crash: the ledger and the folder of removals say what is done.
An order names persons only as the hospital's own data do, and stays on the hospital's own disk.

Source: PROTOCOL.md 5X; fl/roles/hospital/withdrawing.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from fl.events import Event
from fl.protocol.errors import DatasetUnusable, RefusedError, SettingInvalid
from fl.protocol.federation import Federation
from fl.replay.ledger_view import Ports
from fl.roles.hospital.orders import VALID_S, OrderState
from fl.roles.hospital.withdrawing import OwnRows, withdraw_itself, withdraw_rows


@dataclass(frozen=True)
class WithdrawalOrder:
    """What the site leaves for the agent."""

    name: str
    """16 hexadecimal digits."""
    asked_at: int
    """Seconds since 1970."""
    asked_by: str
    """The name of the person of the staff."""
    persons: tuple[str, ...] = ()
    """Whose rows go; nobody: the whole hospital withdraws."""
    since: int = 1
    """With persons: the first round that can have used their rows."""


@dataclass(frozen=True)
class Withdrew:
    """What the agent did with an order."""

    state: OrderState
    at: int
    """Seconds since 1970."""
    rows: int = 0
    """How many rows are gone."""
    why: str = ""
    """Why it failed."""


class WithdrawalBox(Protocol):
    """Where the site leaves an order, and the agent its outcome."""

    def newest(self) -> WithdrawalOrder | None:
        """Return the newest order; None without one."""
        ...

    def put(self, order: WithdrawalOrder) -> None:
        """Store an order durably in place of older ones, or raise StorageFull."""
        ...

    def outcome(self, name: str) -> Withdrew | None:
        """Return what became of an order; None while it waits."""
        ...

    def note(self, name: str, outcome: Withdrew) -> None:
        """Record an outcome durably, or raise StorageFull."""
        ...


class WithdrawalOrders:
    """Carries out the orders of one hospital."""

    def __init__(self, ports: Ports, box: WithdrawalBox, rows: OwnRows) -> None:
        self._ports = ports
        self._box = box
        self._rows = rows

    def open(self) -> WithdrawalOrder | None:
        """Return the order that waits for this agent."""
        order = self._box.newest()
        if order is None:
            return None
        outcome = self._box.outcome(order.name)
        return order if outcome is None or outcome.state is OrderState.TAKEN else None

    def carry_out(self, order: WithdrawalOrder, federation: Federation) -> None:
        """Do the next thing for an order.

        Raises:
            UnavailableError: chain or disk do not answer; the order stays.
        """
        member = federation.book.members.get(self._ports.ledger.account)
        if member is None or member.revoked:
            self._fail(order, "this hospital is not a member of the consortium any more")
        elif self._box.outcome(order.name) is not None:
            self._withdraw(order, federation)
        elif self._ports.now() - order.asked_at > VALID_S:
            self._fail(order, "it waited for more than a day; give it again if you still want it")
        else:
            self._note(order, OrderState.TAKEN)

    def _withdraw(self, order: WithdrawalOrder, federation: Federation) -> None:
        rows = 0
        try:
            if order.persons:
                what, _ = withdraw_rows(self._ports, federation, self._rows, order.persons, order.since)
                rows = what.rows
            else:
                withdraw_itself(self._ports, federation)
        except (SettingInvalid, DatasetUnusable, RefusedError) as error:
            self._fail(order, str(error))
            return
        self._note(order, OrderState.DONE, rows)
        self._ports.notify(Event.WITHDRAWN, {"rows": rows})

    def _fail(self, order: WithdrawalOrder, why: str) -> None:
        self._note(order, OrderState.FAILED, why=why)
        self._ports.notify(Event.WITHDRAWAL_REFUSED, {"reason": why})

    def _note(self, order: WithdrawalOrder, state: OrderState, rows: int = 0, why: str = "") -> None:
        self._box.note(order.name, Withdrew(state, self._ports.now(), rows, why))
