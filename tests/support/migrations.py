"""What a database has after migrations, and how it differs from the models.

Invariant: every module of `webui.store` is imported first, so that no model can be missing here and in production.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Connection, Inspector, inspect, text

import webui.store
from webui.store.base import Base
from webui.store.database import alembic_config
from webui.store.mariadb import IN_FORCE, PARTIAL, is_compared, is_mariadb

for _module in iter_modules(webui.store.__path__):
    import_module(f"webui.store.{_module.name}")

Schema = dict[str, dict[str, object]]


def revisions(connection: Connection) -> list[str]:
    """Return the revisions from the first to the newest."""
    found = ScriptDirectory.from_config(alembic_config(connection)).walk_revisions()
    return [each.revision for each in found][::-1]


def differences(connection: Connection) -> list[Any]:
    """Return what Alembic would change in the database, and the CHECKs, which it does not compare."""
    options: dict[str, Any] = {"compare_type": True}
    if is_mariadb(connection.dialect):
        options["include_object"] = is_compared
    found = compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)
    return [*found, *_unequal_checks(connection)]


def schema(connection: Connection) -> Schema:
    """Return columns, keys, indexes, CHECKs and triggers of every table, in an order of their own."""
    inspector = inspect(connection)
    tables = sorted(set(inspector.get_table_names()) - {"alembic_version"})
    return {table: _table(inspector, table) for table in tables} | {"": {"triggers": sorted(triggers(connection))}}


def triggers(connection: Connection) -> set[str]:
    """Return the names of triggers, and of PostgreSQL's exclusion constraints."""
    query = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "postgresql": "SELECT conname FROM pg_constraint WHERE contype = 'x'",
    }.get(
        connection.dialect.name,
        "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
    )
    return set(connection.scalars(text(query)))


def _table(inspector: Inspector, table: str) -> dict[str, object]:
    return {
        "columns": sorted((c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)),
        "key": inspector.get_pk_constraint(table)["constrained_columns"],
        "foreign": sorted(
            (str(k["name"]), k["constrained_columns"], k["referred_table"], str(k["options"]))
            for k in inspector.get_foreign_keys(table)
        ),
        "indexes": sorted((str(i["name"]), str(i["column_names"]), i["unique"]) for i in inspector.get_indexes(table)),
        "unique": sorted((str(u["name"]), u["column_names"]) for u in inspector.get_unique_constraints(table)),
        "checks": sorted(str(c["name"]) for c in inspector.get_check_constraints(table)),
    }


def _unequal_checks(connection: Connection) -> list[str]:
    inspector, found = inspect(connection), []
    for table in Base.metadata.sorted_tables:
        wanted = {str(each.name) for each in table.constraints if isinstance(each, CheckConstraint)}
        made = {str(each["name"]) for each in inspector.get_check_constraints(table.name)}
        found += [f"{table.name}: CHECK {name}" for name in wanted ^ made]
    return found


def partial_indexes(connection: Connection) -> dict[str, str]:
    """Return the condition of each partial unique index; on MariaDB a column of the index replaces it."""
    found = {index["name"]: index for index in inspect(connection).get_indexes("appointment")}
    if is_mariadb(connection.dialect):
        return {
            str(name): str(found[name]["column_names"][-1] == IN_FORCE and found[name]["unique"]) for name in PARTIAL
        }
    key = f"{connection.dialect.name}_where"
    return {str(name): str(found[name]["dialect_options"][key]) for name in PARTIAL}
