"""One process upgrades a database; others that would do so at the same moment wait for it.

Invariant: the lock belongs to a connection of its own. A snapshot that began before the wait would not see the tables
that the other made, and MariaDB ends a transaction at each change of a table. If a process dies, its server frees the
lock with the connection.

Source: PostgreSQL manual, "Advisory Locks", `lock_timeout`; MariaDB manual, "GET_LOCK".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text

from webui.errors import DatabaseUnavailable
from webui.store import mariadb

PATIENCE_S = 600
"""An upgrade of a large database takes minutes."""
_KEY = int.from_bytes(b"hemaledg", "big")
_NAME = "CONCAT('hemaledger ', MD5(DATABASE()))"


@contextmanager
def alone(engine: Engine) -> Iterator[None]:
    """Keep other processes from upgrading the same database. SQLite lets one write at a time anyway.

    Raises:
        DatabaseUnavailable: another process upgrades it for longer than PATIENCE_S.
    """
    if engine.dialect.name == "sqlite":
        yield
        return
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        (_take_named if mariadb.is_mariadb(engine.dialect) else _take_advisory)(connection)
        try:
            yield
        finally:
            connection.detach()  # so it is closed now, and not kept with the lock


def _take_advisory(connection: Connection) -> None:
    connection.execute(text(f"SET lock_timeout = '{PATIENCE_S}s'"))
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _KEY})


def _take_named(connection: Connection) -> None:
    if connection.scalar(text(f"SELECT GET_LOCK({_NAME}, {PATIENCE_S})")) != 1:
        raise DatabaseUnavailable("another process upgrades it")
