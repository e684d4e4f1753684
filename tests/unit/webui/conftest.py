"""Databases for the tests of the site's stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import KINDS, new_database
from tests.support.site_town import Town


@pytest.fixture(params=KINDS)
def any_town(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    """Yield a site over a database of every kind."""
    if request.param == "sqlite":
        yield Town(tmp_path)
        return
    with new_database(request.param, tmp_path) as url:
        town = Town(tmp_path, database_url=url)
        yield town
        town.site.database.close()
