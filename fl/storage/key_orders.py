"""The folder through which a hospital's site orders a new key from the hospital's agent.

`NAME.order` is an order, and `NAME.json` its outcome; names are 16 hexadecimal digits, and begin with the time.

Invariant: a file is whole or absent, and only the owner of the folder can read it. No file holds a key.

Source: fl/roles/hospital/key_orders.py (the port).
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from fl.files import write_atomic
from fl.protocol import strict_json
from fl.protocol.codec import Fields
from fl.protocol.errors import EncodingError, refused_write
from fl.roles.hospital.key_orders import KeyOrder, OrderOutcome, OrderState

ORDER, ENDED = ".order", ".json"
NAME = re.compile(r"[0-9a-f]{16}")
_CAP = 16 * 1024
_OWNER_ONLY = 0o700


class FolderKeyOrders:
    """Implements the KeyOrderBox port over a folder that site and agent share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def newest(self) -> KeyOrder | None:
        """Return the newest order; an unreadable one counts as none."""
        names = [path.stem for path in self._folder.glob("*" + ORDER) if NAME.fullmatch(path.stem)]
        if not names:
            return None
        try:
            fields = self._read(max(names), ORDER)
            return KeyOrder(max(names), fields.integer("asked_at"), fields.text("asked_by"))
        except (OSError, EncodingError):
            return None

    def put(self, order: KeyOrder) -> None:
        """Store an order, then forget the older ones with their outcomes."""
        try:
            self._folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
        except OSError as error:
            raise refused_write(str(self._folder), error) from error
        document = {"asked_at": order.asked_at, "asked_by": order.asked_by}
        write_atomic(self._path(order.name, ORDER), json.dumps(document).encode(), mode=0o600)
        for path in (*self._folder.glob("*" + ORDER), *self._folder.glob("*" + ENDED)):
            if NAME.fullmatch(path.stem) and path.stem < order.name:
                path.unlink(missing_ok=True)

    def outcome(self, name: str) -> OrderOutcome | None:
        """Return the outcome of an order; a damaged one counts as a failure, so that no second key is made."""
        try:
            fields = self._read(name, ENDED)
            state = OrderState(fields.text("state"))
            return OrderOutcome(state, fields.integer("at"), fields.integer("epoch"), fields.text("why"))
        except FileNotFoundError:
            return None
        except (OSError, EncodingError, ValueError):
            return OrderOutcome(OrderState.FAILED, 0, why="its outcome on this machine is damaged")

    def note(self, name: str, outcome: OrderOutcome) -> None:
        document = {**vars(outcome), "state": outcome.state.value}
        write_atomic(self._path(name, ENDED), json.dumps(document).encode(), mode=0o600)

    def _read(self, name: str, ending: str) -> Fields:
        with self._path(name, ending).open("rb") as file:
            raw = strict_json.loads(file.read(_CAP + 1), "order for a key", _CAP)
        return Fields(raw if isinstance(raw, dict) else {}, "order for a key")

    def _path(self, name: str, ending: str) -> Path:
        if not NAME.fullmatch(name):
            raise EncodingError("name of an order", "it has other signs than 16 hexadecimal digits")
        return self._folder / f"{name}{ending}"
