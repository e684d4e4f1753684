"""A folder through which a hospital's site leaves orders of one kind for the hospital's agent.

`NAME.order` is an order, and `NAME.json` its outcome; names are 16 hexadecimal digits, and begin with the time.

Invariant: a file is whole or absent, and only the owner of the folder can read it.

Source: fl/roles/hospital/orders.py.
"""

from __future__ import annotations

import re
from pathlib import Path

from fl.files import write_atomic
from fl.protocol import strict_json
from fl.protocol.codec import Fields, JsonValue, write_document
from fl.protocol.errors import EncodingError, refused_write

ORDER, ENDED = ".order", ".json"
NAME = re.compile(r"[0-9a-f]{16}")
_OWNER_ONLY = 0o700


class OrderFolder:
    """The files of one kind of orders."""

    def __init__(self, folder: Path, what: str, cap: int) -> None:
        """`what` names an order in errors; no file has more than `cap` bytes."""
        self._folder, self._what, self._cap = folder, what, cap

    def newest(self) -> str | None:
        """Return the name of the newest order; None without one."""
        return max((path.stem for path in self._folder.glob("*" + ORDER) if NAME.fullmatch(path.stem)), default=None)

    def put(self, name: str, document: dict[str, JsonValue]) -> None:
        """Store an order, then forget the older ones with their outcomes; raise StorageFull."""
        try:
            self._folder.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
        except OSError as error:
            raise refused_write(str(self._folder), error) from error
        write_atomic(self._path(name, ORDER), write_document(document), mode=0o600)
        for path in (*self._folder.glob("*" + ORDER), *self._folder.glob("*" + ENDED)):
            if NAME.fullmatch(path.stem) and path.stem < name:
                path.unlink(missing_ok=True)

    def note(self, name: str, document: dict[str, JsonValue]) -> None:
        """Store the outcome of an order; raise StorageFull."""
        write_atomic(self._path(name, ENDED), write_document(document), mode=0o600)

    def order(self, name: str) -> Fields:
        """Return the fields of an order, or raise OSError or EncodingError."""
        return self._read(name, ORDER)

    def outcome(self, name: str) -> Fields:
        """Return the fields of an outcome, or raise OSError or EncodingError."""
        return self._read(name, ENDED)

    def _read(self, name: str, ending: str) -> Fields:
        with self._path(name, ending).open("rb") as file:
            raw = strict_json.loads(file.read(self._cap + 1), self._what, self._cap)
        return Fields(raw if isinstance(raw, dict) else {}, self._what)

    def _path(self, name: str, ending: str) -> Path:
        if not NAME.fullmatch(name):
            raise EncodingError("name of an order", "it has other signs than 16 hexadecimal digits")
        return self._folder / f"{name}{ending}"
