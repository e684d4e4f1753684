"""Alembic's entry point: it runs the revisions on the connection of `upgrade_database`."""

from __future__ import annotations

from alembic import context

from webui.store import calendar_tables as calendars  # noqa: F401 their tables
from webui.store import (  # noqa: F401 their tables
    consent_log,
    mail_choices,
    models,
    openings,
    patient_notices,
    receipts,
    token_tables,
    training_objections,
    upload_tables,
)
from webui.store import job_tables as jobs  # noqa: F401 their tables
from webui.store.base import Base
from webui.store.mariadb import is_compared, is_mariadb

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    include_object=is_compared if is_mariadb(connection.dialect) else None,
)
with context.begin_transaction():
    context.run_migrations()
