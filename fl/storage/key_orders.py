"""The folder through which a hospital's site orders a new key from the hospital's agent.

Invariant: no file holds a key.

Source: fl/roles/hospital/key_orders.py (the port); fl/storage/order_folder.py (the files).
"""

from __future__ import annotations

from pathlib import Path

from fl.protocol.errors import EncodingError
from fl.roles.hospital.key_orders import KeyOrder, OrderOutcome
from fl.roles.hospital.orders import OrderState
from fl.storage.order_folder import OrderFolder

_CAP = 16 * 1024


class FolderKeyOrders:
    """Implements the KeyOrderBox port over a folder that site and agent share."""

    def __init__(self, folder: Path) -> None:
        self._files = OrderFolder(folder, "order for a key", _CAP)

    def newest(self) -> KeyOrder | None:
        """Return the newest order; an unreadable one counts as none."""
        name = self._files.newest()
        if name is None:
            return None
        try:
            fields = self._files.order(name)
            return KeyOrder(name, fields.integer("asked_at"), fields.text("asked_by"))
        except (OSError, EncodingError):
            return None

    def put(self, order: KeyOrder) -> None:
        """Store an order, then forget the older ones with their outcomes."""
        self._files.put(order.name, {"asked_at": order.asked_at, "asked_by": order.asked_by})

    def outcome(self, name: str) -> OrderOutcome | None:
        """Return the outcome of an order; a damaged one counts as a failure, so that no second key is made."""
        try:
            fields = self._files.outcome(name)
            state = OrderState(fields.text("state"))
            return OrderOutcome(state, fields.integer("at"), fields.integer("epoch"), fields.text("why"))
        except FileNotFoundError:
            return None
        except (OSError, EncodingError, ValueError):
            return OrderOutcome(OrderState.FAILED, 0, why="its outcome on this machine is damaged")

    def note(self, name: str, outcome: OrderOutcome) -> None:
        self._files.note(name, {**vars(outcome), "state": outcome.state.value})
