"""The folder through which a hospital's site orders a withdrawal from the hospital's agent.

Source: fl/roles/hospital/withdrawal_orders.py (the port); fl/storage/order_folder.py (the files).
"""

from __future__ import annotations

from pathlib import Path

from fl.protocol.errors import EncodingError
from fl.roles.hospital.orders import OrderState
from fl.roles.hospital.withdrawal_orders import WithdrawalOrder, Withdrew
from fl.storage.order_folder import OrderFolder

_CAP = 1024 * 1024


class FolderWithdrawalOrders:
    """Implements the WithdrawalBox port over a folder that site and agent share."""

    def __init__(self, folder: Path) -> None:
        self._files = OrderFolder(folder, "order for a withdrawal", _CAP)

    def newest(self) -> WithdrawalOrder | None:
        """Return the newest order; an unreadable one counts as none."""
        name = self._files.newest()
        if name is None:
            return None
        try:
            fields = self._files.order(name)
            persons = tuple(line for line in fields.text("persons").split("\n") if line)
            asked = fields.integer("asked_at"), fields.text("asked_by")
            return WithdrawalOrder(name, *asked, persons, fields.integer("since"))
        except (OSError, EncodingError):
            return None

    def put(self, order: WithdrawalOrder) -> None:
        """Store an order, then forget the older ones with their outcomes."""
        document = {**vars(order), "persons": "\n".join(order.persons)}
        del document["name"]
        self._files.put(order.name, document)

    def outcome(self, name: str) -> Withdrew | None:
        """Return the outcome of an order; a damaged one counts as a failure, so that nothing is stated twice."""
        try:
            fields = self._files.outcome(name)
            state = OrderState(fields.text("state"))
            return Withdrew(state, fields.integer("at"), fields.integer("rows"), fields.text("why"))
        except FileNotFoundError:
            return None
        except (OSError, EncodingError, ValueError):
            return Withdrew(OrderState.FAILED, 0, why="its outcome on this machine is damaged")

    def note(self, name: str, outcome: Withdrew) -> None:
        self._files.note(name, {**vars(outcome), "state": outcome.state.value})
