"""Databases for the tests of the site's stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import new_postgresql
from tests.support.site_town import Town


@pytest.fixture(params=["sqlite", "postgresql"])
def any_town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    """Yield a site over a database of either kind."""
    if request.param == "sqlite":
        yield Town(tmp_path)
        return
    with new_postgresql() as url:
        town = Town(tmp_path, database_url=url)
        yield town
        town.site.database.close()
