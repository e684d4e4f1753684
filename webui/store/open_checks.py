"""The checks and risks of some patients that are still open: without a review, or with a review that is not read.

Invariant: the database knows no result, so this list is by age; usecases/open_results.py finds the worst. Only for
readers who may see these patients' records.

Source: webui/store/worklist.py (read marks and review marks).
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import and_, case, or_, select

from webui.store.database import Database
from webui.store.models import Account, Leaf, StoredRecord
from webui.store.records import IS_CHECK
from webui.store.worklist import REVIEWED, Listed, read_by


class OpenChecks:
    """The open checks and risks of one site's patients."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, reader_id: int, patient_ids: Collection[int], most: int) -> tuple[list[Listed], bool]:
        """Return at most `most` open checks, and whether there are more.

        Those with a review that `reader_id` has not read come first; then the newest.
        """
        read = read_by(reader_id)
        query = (
            select(
                StoredRecord.id,
                StoredRecord.patient_id,
                Account.name,
                StoredRecord.created_at,
                read,
                REVIEWED,
                Leaf.digest,
            )
            .join(Account, Account.id == StoredRecord.patient_id)
            .join(Leaf, Leaf.id == StoredRecord.leaf_id)
            .where(IS_CHECK, StoredRecord.erased_at.is_(None), StoredRecord.patient_id.in_(patient_ids))
            .where(or_(~REVIEWED, and_(REVIEWED, ~read)))
            .order_by(case((REVIEWED, 0), else_=1), StoredRecord.created_at.desc(), StoredRecord.id.desc())
        )
        with self._database.reading() as session:
            rows = session.execute(query.limit(most + 1)).all()
        listed = [Listed(*row[:4], read=bool(row[4]), reviewed=bool(row[5]), leaf=row[6]) for row in rows[:most]]
        return listed, len(rows) > most
