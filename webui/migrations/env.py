"""Alembic's entry point: it runs the revisions on the connection of `upgrade_database`."""

from __future__ import annotations

from alembic import context

from webui.store import consent_log, models, openings, receipts  # noqa: F401 their tables
from webui.store import job_tables as jobs  # noqa: F401 their tables
from webui.store.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
