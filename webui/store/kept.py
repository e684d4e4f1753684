"""Who asked and who opened is kept: no program deletes it.

Invariant: a session of this site refuses to delete an opening, a line or root of the access log, or a request that
reached the ledger, and anything with which a database would delete them, too. EHDS asks for at least three years; here
they are kept as long as the database.

Source: EHDS (EU) 2025/327, Art. 9 (3 years); SQLAlchemy ORM events.
Not here: what a person does to the database by hand; the ledger's roots show that (usecases/access_audit.py).
"""

from __future__ import annotations

from sqlalchemy import Delete, event
from sqlalchemy.orm import ORMExecuteState, Session

from webui.errors import KeptForPatients

KEPT = frozenset({"opening", "access_entry", "access_batch"})
PARENTS = frozenset({"account", "patient_profile", "doctor_profile", "record"})
"""Deleting a row of these would delete rows of the others (ON DELETE CASCADE)."""
REQUESTS = "decryption_request"


class KeepingSession(Session):
    """A session that keeps what patients may ask for."""


@event.listens_for(KeepingSession, "before_flush")
def _refuse_rows(session: Session, _context: object, _instances: object) -> None:
    for row in session.deleted:
        table = row.__tablename__
        if table in KEPT | PARENTS or (table == REQUESTS and row.number is not None):
            raise KeptForPatients(table)


@event.listens_for(KeepingSession, "do_orm_execute")
def _refuse_statements(state: ORMExecuteState) -> None:
    statement = state.statement
    if isinstance(statement, Delete) and getattr(statement.table, "name", "") in KEPT | PARENTS | {REQUESTS}:
        raise KeptForPatients(str(getattr(statement.table, "name", "")))
