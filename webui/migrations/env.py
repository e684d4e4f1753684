"""Alembic's entry: runs the revisions over the connection that `upgrade_database` hands in."""

from __future__ import annotations

from alembic import context

from webui.store import jobs  # noqa: F401 its tables
from webui.store.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
