"""The uploads of weights: who sent what when, and why it was refused.

Invariant: a row is written before the sealed file of an accepted upload, so no file is without a row.

Source: webui/store/upload_tables.py.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from fl.protocol.names import Digest
from fl.training.model.handed_in import Declared
from webui.store.database import Database
from webui.store.upload_tables import WHY_CHARS, WeightUpload

PAGE_ROWS = 20


@dataclass(frozen=True)
class NewUpload:
    """What is known about a file when it has been checked."""

    size: int
    digest: Digest
    """SHA-256 of the file."""
    declared: Declared
    base: Digest | None = None
    norm: float | None = None
    refused: str = ""


class UploadStore:
    """The uploads of one site."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        self._database = database
        self._clock = clock

    def add(self, account_id: int, new: NewUpload) -> WeightUpload:
        """Store an upload under a new name; names ascend with the time."""
        now = self._clock()
        row = WeightUpload(
            name=f"{now & 0xFFFFFFFF:08x}{secrets.token_hex(4)}",
            account_id=account_id,
            received_at=now,
            size=new.size,
            digest=new.digest,
            base=new.base,
            samples=min(max(new.declared.samples, 0), 2**31 - 1),
            correct=min(max(new.declared.correct, 0), 2**31 - 1),
            loss=new.declared.loss,
            norm=new.norm,
            refused=new.refused[:WHY_CHARS],
        )

        def work(session: Session) -> int:
            session.add(row)
            session.flush()
            return row.id

        found = self.get(self._database.write(work))
        if found is None:
            raise LookupError("the upload that was just stored is gone")
        return found

    def refuse(self, row: int, why: str) -> None:
        """Note that an accepted upload cannot be used."""

        def work(session: Session) -> None:
            session.get_one(WeightUpload, row).refused = why[:WHY_CHARS]

        self._database.write(work)

    def get(self, row: int) -> WeightUpload | None:
        with self._database.reading() as session:
            return session.get(WeightUpload, row)

    def page(self, number: int) -> Sequence[WeightUpload]:
        """Return uploads, the newest first, and one more than a page has if there are older ones."""
        query = select(WeightUpload).order_by(WeightUpload.received_at.desc(), WeightUpload.id.desc())
        with self._database.reading() as session:
            return session.scalars(query.offset(number * PAGE_ROWS).limit(PAGE_ROWS + 1)).all()
