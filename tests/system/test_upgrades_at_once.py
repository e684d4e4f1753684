"""Several sites that find an empty database at the same moment: one makes the tables, the others wait, none fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from tests.support.databases import KINDS, bare_database
from tests.support.processes import ROOT, TIMEOUT_S
from webui.store.base import Base
from webui.store.database import NEWEST

SITES = 3
UPGRADE = """
import sys
from webui.store.database import upgrade_database
print("ready", flush=True)
sys.stdin.readline()
upgrade_database(sys.argv[1])
"""


def start(url: str) -> subprocess.Popen[str]:
    site = subprocess.Popen(
        [sys.executable, "-c", UPGRADE, url],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert site.stdout is not None
    assert site.stdout.readline() == "ready\n"
    return site


@pytest.mark.parametrize("kind", KINDS)
def test_sites_that_upgrade_an_empty_database_at_once_all_find_it_ready(kind: str, tmp_path: Path) -> None:
    with bare_database(kind, tmp_path) as url:
        sites = [start(url) for _ in range(SITES)]
        for site in sites:
            assert site.stdin is not None
            site.stdin.write("go\n")
            site.stdin.flush()
        for site in sites:
            said, _ = site.communicate(timeout=TIMEOUT_S)
            assert site.returncode == 0, said
        engine = create_engine(url)
        try:
            with engine.connect() as connection:
                assert list(connection.scalars(text("SELECT version_num FROM alembic_version"))) == [NEWEST]
                assert set(Base.metadata.tables) <= set(inspect(connection).get_table_names())
        finally:
            engine.dispose()
