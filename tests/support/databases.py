"""Databases with the newest tables, of one test's own.

The tables are made once per process; each test gets a copy. PostgreSQL is the server that HEMALEDGER_TEST_DATABASE
names. Invariant: the database named there is only asked to create and drop others, so tests that run at once never
meet in one.
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
from sqlalchemy import create_engine, make_url, text

from webui.store.database import upgrade_database

SERVER = os.environ.get("HEMALEDGER_TEST_DATABASE", "")
DATABASE = "site.db"


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / DATABASE}"


def new_sqlite(folder: Path) -> str:
    """Return the URL of a new SQLite file in `folder`."""
    (folder / DATABASE).write_bytes(_sqlite_template())
    return sqlite_url(folder)


@contextmanager
def new_postgresql() -> Iterator[str]:
    """Yield the URL of a PostgreSQL database that is gone afterwards, or skip the test."""
    if not SERVER:
        pytest.skip("HEMALEDGER_TEST_DATABASE names no PostgreSQL database")
    name = _create(_postgresql_template())
    try:
        yield _url(name)
    finally:
        _drop(name)


@cache
def _sqlite_template() -> bytes:
    with TemporaryDirectory() as folder:
        upgrade_database(sqlite_url(Path(folder)))
        return (Path(folder) / DATABASE).read_bytes()


@cache
def _postgresql_template() -> str:
    name = _create("template0")
    atexit.register(_drop, name)
    upgrade_database(_url(name))
    return name


def _url(name: str) -> str:
    return make_url(SERVER).set(database=name).render_as_string(hide_password=False)


def _create(template: str) -> str:
    name = f"hemaledger_test_{uuid4().hex}"
    _run(f"CREATE DATABASE {name} TEMPLATE {template}")
    return name


def _drop(name: str) -> None:
    _run(f"DROP DATABASE {name} WITH (FORCE)")


def _run(statement: str) -> None:
    engine = create_engine(SERVER, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
