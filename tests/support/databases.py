"""Databases with the newest tables, of one test's own.

The tables are made once per process; each test gets a copy (SQLite, PostgreSQL) or an emptied database (MariaDB, where
making the tables takes seconds). The servers are those that HEMALEDGER_TEST_DATABASE (PostgreSQL) and
HEMALEDGER_TEST_MARIADB name; without them, their tests are skipped. Invariant: a database named there is only asked to
create and drop others, so tests that run at once never meet in one.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, inspect, make_url, text

from webui.store.database import upgrade_database

SERVER = os.environ.get("HEMALEDGER_TEST_DATABASE", "")
MARIADB = os.environ.get("HEMALEDGER_TEST_MARIADB", "")
KINDS = ("sqlite", "postgresql", "mariadb")
DATABASE = "site.db"


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / DATABASE}"


def new_sqlite(folder: Path) -> str:
    """Return the URL of a new SQLite file in `folder`."""
    (folder / DATABASE).write_bytes(_sqlite_template())
    return sqlite_url(folder)


@contextmanager
def new_database(kind: str, folder: Path) -> Iterator[str]:
    """Yield the URL of a database of this kind with the newest tables, gone afterwards; or skip the test."""
    if kind == "sqlite":
        yield new_sqlite(folder)
        return
    with new_postgresql() if kind == "postgresql" else new_mariadb() as url:
        yield url


@contextmanager
def bare_database(kind: str, folder: Path) -> Iterator[str]:
    """Yield the URL of a database of this kind without tables, gone afterwards; or skip the test."""
    if kind == "sqlite":
        yield sqlite_url(folder)
        return
    server = _server(kind)
    name = _create(server)
    try:
        yield _url(server, name)
    finally:
        _drop(server, name)


@contextmanager
def new_postgresql() -> Iterator[str]:
    """Yield the URL of a PostgreSQL database that is gone afterwards, or skip the test."""
    server = _server("postgresql")
    name = _create(server, f" TEMPLATE {_postgresql_template()}")
    try:
        yield _url(server, name)
    finally:
        _drop(server, name)


@contextmanager
def new_mariadb() -> Iterator[str]:
    """Yield the URL of a MariaDB database that is empty again afterwards, or skip the test."""
    server = _server("mariadb")
    url = _EMPTIED.pop() if _EMPTIED else _made_mariadb(server)
    before = _tables(url)
    yield url
    assert _tables(url) == before, "the next test gets this database: put back the tables that this one changed"
    _empty(url)
    _EMPTIED.append(url)


_EMPTIED: list[str] = []
"""MariaDB databases of this process that no test is using."""


def _server(kind: str) -> str:
    variable, server = {
        "postgresql": ("HEMALEDGER_TEST_DATABASE", SERVER),
        "mariadb": ("HEMALEDGER_TEST_MARIADB", MARIADB),
    }[kind]
    if not server:
        pytest.skip(f"{variable} names no {kind} server")
    return server


def _made_mariadb(server: str) -> str:
    name = _create(server)
    atexit.register(_drop, server, name)
    upgrade_database(_url(server, name))
    return _url(server, name)


def _tables(url: str) -> set[str]:
    engine = create_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def _empty(url: str) -> None:
    """Delete all rows; new ids go on counting."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("SET foreign_key_checks = 0"))
        for table in _tables(url) - {"alembic_version"}:
            connection.execute(text(f"DELETE FROM `{table}`"))  # noqa: S608 our own table
    engine.dispose()


@cache
def _sqlite_template() -> bytes:
    with TemporaryDirectory() as folder:
        upgrade_database(sqlite_url(Path(folder)))
        return (Path(folder) / DATABASE).read_bytes()


@cache
def _postgresql_template() -> str:
    server = _server("postgresql")
    name = _create(server, " TEMPLATE template0")
    atexit.register(_drop, server, name)
    upgrade_database(_url(server, name))
    return name


def _url(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def _create(server: str, like: str = "") -> str:
    name = f"hemaledger_test_{uuid4().hex}"
    _run(server, f"CREATE DATABASE {name}{like}")
    return name


def _drop(server: str, name: str) -> None:
    _run(server, f"DROP DATABASE {name}" + (" WITH (FORCE)" if server == SERVER else ""))


def _run(server: str, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
