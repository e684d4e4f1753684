"""The role of a hospital's staff, and the table of their uploads."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from fl.protocol.names import Digest
from fl.training.model.handed_in import Declared
from tests.support.site_town import MAYA, TOVE, Town
from webui.store.database import Database, alembic_config, upgrade_database
from webui.store.upload_tables import WHY_CHARS
from webui.store.uploads import PAGE_ROWS, NewUpload, UploadStore

ADD = (
    "INSERT INTO account (id, email, email_key, name, role, password_hash, session_version, created_at) "
    "VALUES ({id}, '{id}@x.example', '{id}', 'N', '{role}', 'h', 0, 1)"
)


def test_an_earlier_database_gets_the_role_and_keeps_its_people_and_goes_back(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'site.db'}"
    upgrade_database(url)
    database = Database(url)
    with database.engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0001")
    with database.engine.begin() as connection:
        connection.execute(text(ADD.format(id=1, role="patient")))
        connection.execute(text("INSERT INTO patient_profile (account_id, date_of_birth) VALUES (1, '1980-01-01')"))
    with pytest.raises(IntegrityError), database.engine.begin() as connection:
        connection.execute(text(ADD.format(id=2, role="hospital")))
    upgrade_database(url)
    with database.engine.begin() as connection:
        connection.execute(text(ADD.format(id=2, role="hospital")))
        assert connection.scalar(text("SELECT count(*) FROM patient_profile")) == 1
        assert connection.scalar(text("PRAGMA integrity_check")) == "ok"
    with pytest.raises(IntegrityError), database.engine.begin() as connection:
        connection.execute(text(ADD.format(id=3, role="visitor")))
    with database.engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0001")
        assert list(connection.scalars(text("SELECT role FROM account"))) == ["patient"]


def test_uploads_are_listed_newest_first_with_whole_reasons_up_to_the_limit(tmp_path: Path) -> None:
    town = Town(tmp_path)
    store, tove = UploadStore(town.site.database, town.federation.clock), town.members[TOVE].id
    new = NewUpload(7, Digest(bytes(32)), Declared(5), refused="x" * 2000)
    for _ in range(PAGE_ROWS + 1):
        town.federation.clock.now += 1
        store.add(tove, new)
    first = store.page(0)
    assert len(first) == PAGE_ROWS + 1
    assert [row.id for row in first] == sorted((row.id for row in first), reverse=True)
    assert [row.name for row in first] == sorted((row.name for row in first), reverse=True)
    assert len(first[0].refused) == WHY_CHARS
    assert len(store.page(1)) == 1
    assert store.get(10_000) is None


def test_a_patients_account_is_not_the_hospitals(tmp_path: Path) -> None:
    town = Town(tmp_path)
    assert {account.email for account in town.staff.all()} >= {TOVE}
    assert MAYA not in {account.email for account in town.staff.all()}
