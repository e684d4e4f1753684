"""A hospital's privacy account: what its trainings have cost its pictures, in one file, `privacy.json`.

Invariant: a spend is durable before the training that it pays for begins, and is never taken back. A file that cannot
be read is an error, never an empty account.

Source: fl/training/privacy (what a spend costs).
"""

from __future__ import annotations

import threading
from pathlib import Path

from fl.files import write_atomic
from fl.protocol.codec import DOCUMENT_CAP, Fields, JsonValue, parse_document, write_document
from fl.protocol.errors import JournalUnreadable, MalformedError
from fl.training.privacy.terms import Spend

ACCOUNT_CAP = DOCUMENT_CAP
"""Some 100,000 private rounds."""
_WHAT = "privacy account"


class FolderAccount:
    """Implements the Account port over one file; safe to use from several threads of one process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def spends(self) -> dict[bytes, Spend]:
        """Return every spend, by the context of its round.

        Raises:
            JournalUnreadable: the file is damaged.
        """
        try:
            with self._path.open("rb") as file:
                fields = Fields(parse_document(file.read(ACCOUNT_CAP + 1), _WHAT), _WHAT)
            return {bytes.fromhex(context): _spend(fields, context) for context in fields.value}
        except FileNotFoundError:
            return {}
        except (OSError, MalformedError, ValueError) as error:
            raise JournalUnreadable(str(self._path), "without it nobody knows what the trainings cost") from error

    def record(self, context: bytes, spend: Spend) -> None:
        """Record what a round's training spends; a round is charged once, for the first training that it asked for.

        Raises:
            JournalUnreadable: the file is damaged.
            StorageFull: it could not be written.
        """
        with self._lock:
            spends = self.spends()
            if context in spends:
                return
            document: dict[str, JsonValue] = {
                each.hex(): {"noise": one.noise, "rate": one.rate, "steps": one.steps}
                for each, one in {**spends, context: spend}.items()
            }
            write_atomic(self._path, write_document(document), mode=0o600)


def _spend(fields: Fields, context: str) -> Spend:
    inner = Fields(fields.mapping(context), _WHAT)
    inner.only("noise", "rate", "steps")
    return Spend(inner.number("noise"), inner.number("rate"), inner.integer("steps"))
