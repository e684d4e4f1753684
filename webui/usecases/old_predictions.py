"""Predictions that an earlier version kept in the clear: sealed, then erased with their table.

Invariant: a row is gone only after its sealed record is stored; killed in between, the next start goes on.

Source: migrations/versions/0002_sealed_records.py.
Not here: records of today (patient_records.py).
"""

from __future__ import annotations

import json
import logging

from sqlalchemy import RowMapping, inspect, text
from sqlalchemy.orm import Session

from fl.protocol.errors import UnavailableError
from fl.protocol.names import Digest
from webui.ports.federation import ServedModel
from webui.ports.records import RecordService
from webui.store.database import Database
from webui.store.models import PatientProfile
from webui.store.records import NewRecord, insert_record
from webui.usecases.earlier_records import code_of, task_of_names
from webui.usecases.patient_records import new_policy, subject_of
from webui.usecases.record_format import Check, ledger_only, pack

TABLE = "old_prediction"
LOG = logging.getLogger("hemaledger.site")


def seal_old(database: Database, service: RecordService) -> int:
    """Seal every old prediction, erase it, and drop the table once it is empty; return how many were sealed.

    A row that cannot be sealed stays, is told in the log, and does not stop the others.

    Raises:
        UnavailableError: the chain or the database does not answer; what was sealed stays sealed.
    """
    if not inspect(database.engine).has_table(TABLE):
        return 0
    with database.reading() as session:
        rows = session.scalars(text(f"SELECT id FROM {TABLE} ORDER BY id")).all()  # noqa: S608 our own name
    sealed = sum(_try_one(database, service, row_id) for row_id in rows)
    if database.write(_drop_empty):
        database.forget(rebuild=True)
    return sealed


def _drop_empty(session: Session) -> bool:
    if session.scalar(text(f"SELECT count(*) FROM {TABLE}")):  # noqa: S608 our own name
        return False
    session.execute(text(f"DROP TABLE {TABLE}"))
    return True


def _try_one(database: Database, service: RecordService, row_id: int) -> bool:
    try:
        return _seal_one(database, service, row_id)
    except UnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 one bad row does not block the others
        LOG.error("old prediction %d stays in the clear: %s", row_id, type(error).__name__)  # noqa: TRY400 what it holds is no log's
        return False


def _seal_one(database: Database, service: RecordService, row_id: int) -> bool:
    def work(session: Session) -> bool:
        query = text(f"SELECT * FROM {TABLE} WHERE id = :id")  # noqa: S608 our own name
        row = session.execute(query, {"id": row_id}).mappings().first()
        if row is None:
            return False
        profile = session.get_one(PatientProfile, row["patient_id"])
        record = service.seal(new_policy(profile), pack(_check(row, profile)))
        insert_record(session, NewRecord(profile.account_id, record, row["created_at"]))
        session.execute(text(f"DELETE FROM {TABLE} WHERE id = :id"), {"id": row["id"]})  # noqa: S608 our own name
        return True

    return database.write(work)


def _check(row: RowMapping, profile: PatientProfile) -> Check:
    names = row["attested_by"]
    model = ServedModel(
        round=row["model_round"],
        model_digest=Digest(bytes(row["model_digest"])),
        envelope_digest=Digest(bytes(row["envelope_digest"])),
        protection=row["protection"],
        coordinator_name=row["coordinator_name"],
        final_at=row["final_at"],
        attested_by=tuple(json.loads(names) if isinstance(names, str) else names),
        verification=ledger_only(verified=bool(row["verified"]), at=row["verified_at"]),
        task=task_of_names([row["label"]], row["positive_class"]),
    )
    return Check(
        subject_of(profile),
        row["created_at"],
        code_of(row["label"]),
        row["probability"],
        model,
        bytes(row["image_png"]),
    )
