"""Databases for the tests of the site's stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import own_database
from tests.support.site_town import Town


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Yield the URL of an empty database of either kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'any.db'}"
        return
    with own_database() as url:
        yield url


@pytest.fixture
def any_town(any_database: str, tmp_path: Path) -> Iterator[Town]:
    """Yield a site over a database of either kind."""
    town = Town(tmp_path, database_url=any_database)
    yield town
    town.site.database.close()
