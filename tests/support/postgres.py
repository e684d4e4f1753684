"""A PostgreSQL database of one test's own, on the server that HEMALEDGER_TEST_DATABASE names.

Invariant: the named database is only asked to create and drop others, so tests that run at once never meet in one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url, text

SERVER = os.environ.get("HEMALEDGER_TEST_DATABASE", "")


@contextmanager
def own_database() -> Iterator[str]:
    """Yield the URL of an empty database that is gone afterwards, or skip the test."""
    if not SERVER:
        pytest.skip("HEMALEDGER_TEST_DATABASE names no PostgreSQL database")
    name = f"hemaledger_test_{uuid4().hex}"
    _run(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    finally:
        _run(f"DROP DATABASE {name} WITH (FORCE)")


def _run(statement: str) -> None:
    engine = create_engine(SERVER, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()
