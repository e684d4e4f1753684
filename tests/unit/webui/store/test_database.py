"""Tables, migrations, transactions."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from fl.protocol.errors import SettingInvalid
from webui.errors import DatabaseUnavailable
from webui.store.base import Base
from webui.store.database import NEWEST, Database, alembic_config, upgrade_database
from webui.store.models import Attempts


@pytest.fixture
def url(tmp_path: Path) -> str:
    made = f"sqlite:///{tmp_path / 'site.db'}"
    upgrade_database(made)
    return made


def test_models_and_migrations_agree(url: str) -> None:
    with Database(url).engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_partial_indexes_have_the_same_condition_in_models_and_migrations(url: str) -> None:
    with Database(url).engine.connect() as connection:
        made = {index["name"]: index for index in inspect(connection).get_indexes("appointment")}
    for name in ("uq_appointment_doctor_start", "uq_appointment_patient_start"):
        assert made[name]["unique"]
        assert str(made[name]["dialect_options"]["sqlite_where"]) == "state = 'booked'"


def test_the_newest_revision_is_the_last_migration(url: str) -> None:
    with Database(url).engine.connect() as connection:
        assert ScriptDirectory.from_config(alembic_config(connection)).get_current_head() == NEWEST


def test_upgrading_twice_changes_nothing(url: str) -> None:
    upgrade_database(url)


def test_a_database_of_another_version_is_refused_by_name(url: str) -> None:
    database = Database(url)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SettingInvalid, match="another version"):
        upgrade_database(url)


def test_the_migrations_can_be_taken_back(url: str) -> None:
    with Database(url).engine.begin() as connection:
        command.downgrade(alembic_config(connection), "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]


def test_sqlite_is_set_up_for_many_readers_and_real_constraints(url: str) -> None:
    with Database(url).engine.connect() as connection:
        pragmas = {name: connection.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "foreign_keys")}
    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1}


def test_a_write_that_fails_leaves_nothing(url: str) -> None:
    database = Database(url)

    def twice(session: Session) -> None:
        session.add(Attempts(key="k", count=1, window_ends_at=9))
        session.flush()
        session.execute(text("INSERT INTO attempts VALUES ('k', 2, 9)"))

    with pytest.raises(IntegrityError):
        database.write(twice)
    with database.reading() as session:
        assert session.get(Attempts, "k") is None


def test_a_log_that_a_reader_keeps_is_emptied_later(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.store.database.BUSY_TIMEOUT_MS", 10)
    database, log = Database(url), Path(url.removeprefix("sqlite:///") + "-wal")
    with database.reading() as reader:
        assert reader.get(Attempts, "k") is None
        database.write(lambda session: session.add(Attempts(key="k", count=1, window_ends_at=9)))
        assert not database.empty_log()
        assert log.stat().st_size > 0
    database.retry_empty_log()
    assert log.stat().st_size == 0


def test_a_folder_that_does_not_exist_is_unavailable_not_a_crash(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable):
        upgrade_database(f"sqlite:///{tmp_path / 'missing' / 'site.db'}")
