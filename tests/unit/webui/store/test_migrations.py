"""The migrations, on every database: they make what the models say, and can be taken back.

A new revision needs no test of its own here: every test goes through all revisions.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import IntegrityError

from tests.support.databases import KINDS, bare_database, new_database
from tests.support.migrations import differences, partial_indexes, revisions, schema, triggers
from webui.store.database import MIGRATIONS, NEWEST, Database, alembic_config, upgrade_database

OVERLAPS = {
    "sqlite": {
        f"{table}_overlap_{event}" for table in ("appointment", "office_hours") for event in ("insert", "update")
    },
    "postgresql": {"ex_appointment_doctor", "ex_appointment_patient", "ex_office_hours_doctor"},
}
OVERLAPS["mysql"] = OVERLAPS["sqlite"]
PEOPLE = (
    (
        "INSERT INTO account (id, email, name, role, password_hash, session_version, created_at, email_key) VALUES "
        "(1, 'a@x', 'Zoë 🩺', 'doctor', '', 0, 0, 'a@x'), (2, 'b@x', 'B', 'patient', '', 0, 0, 'b@x'), "
        "(3, 'c@x', 'C', 'patient', '', 0, 0, 'c@x')"
    ),
    "INSERT INTO doctor_profile (account_id, specialty, room, slot_minutes) VALUES (1, 'Blood', '1', 30)",
    (
        "INSERT INTO patient_profile (account_id, date_of_birth, readers, consent) VALUES "
        "(2, '1990-02-28', 1, 15), (3, '1990-02-28', 1, 15)"
    ),
)
BOOKING = (
    "INSERT INTO appointment (doctor_id, patient_id, starts_at, ends_at, state, created_at, day) "
    "VALUES (1, {patient}, {start}, {end}, '{state}', 0, '{day}')"
)
HOURS = (
    "INSERT INTO office_hours (doctor_id, weekday, opens_minute, closes_minute) VALUES (1, {day}, {opens}, {closes})"
)


@pytest.fixture(params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Yield a database with the newest tables."""
    with new_database(request.param, tmp_path) as url:
        database = Database(url)
        yield database
        database.close()


@pytest.fixture(params=KINDS)
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Yield a database without tables."""
    with bare_database(request.param, tmp_path) as url:
        database = Database(url)
        yield database
        database.close()


def test_the_revisions_are_one_chain_and_the_newest_is_named(tmp_path: Path) -> None:
    with Database(f"sqlite:///{tmp_path / 'site.db'}").engine.connect() as connection:
        script, chain = ScriptDirectory.from_config(alembic_config(connection)), revisions(connection)
    assert script.get_heads() == [NEWEST] == chain[-1:]
    assert script.get_bases() == chain[:1] == ["0001"]
    assert chain == sorted(chain)
    files = sorted(path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert [name[:4] for name in files] == chain


def test_models_and_migrations_agree(made: Database) -> None:
    with made.engine.connect() as connection:
        assert differences(connection) == []


def test_the_laws_against_overlaps_outlive_every_migration(made: Database) -> None:
    with made.engine.connect() as connection:
        assert triggers(connection) >= OVERLAPS[made.engine.dialect.name]
        assert set(partial_indexes(connection).values()) <= {
            "state = 'booked'",
            "((state)::text = 'booked'::text)",
            "True",
        }


def test_the_whole_way_up_down_and_up_again_ends_at_the_same_tables(bare: Database, url_of_bare: str) -> None:
    upgrade_database(url_of_bare)
    with bare.engine.begin() as connection:
        before = schema(connection)
        command.downgrade(alembic_config(connection), "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
        command.upgrade(alembic_config(connection), "head")
        assert schema(connection) == before


@pytest.fixture
def url_of_bare(bare: Database) -> str:
    return bare.engine.url.render_as_string(hide_password=False)


def test_each_step_down_undoes_its_step_up_and_people_and_bookings_stay(bare: Database, url_of_bare: str) -> None:
    with bare.engine.begin() as connection:
        first, *later = revisions(connection)
    upgrade_database(url_of_bare)
    with bare.engine.begin() as connection:
        config = alembic_config(connection)
        command.downgrade(config, first)
        _fill(connection)
        for revision in later:
            before = schema(connection)
            command.upgrade(config, revision)
            command.downgrade(config, "-1")
            assert schema(connection) == before, revision
            command.upgrade(config, revision)
        assert connection.scalar(text("SELECT name FROM account WHERE id = 1")) == "Zoë 🩺"
        assert connection.scalar(text("SELECT COUNT(*) FROM appointment")) == 1


@pytest.mark.parametrize(
    "statement",
    [
        BOOKING.format(patient=3, start=1000, end=2800, state="booked", day="2026-01-02"),
        BOOKING.format(patient=3, start=1900, end=3700, state="booked", day="2026-01-02"),
        BOOKING.format(patient=2, start=9000, end=9900, state="booked", day="2026-01-01"),
        BOOKING.format(patient=3, start=9000, end=9000, state="booked", day="2026-01-02"),
        BOOKING.format(patient=3, start=9000, end=9900, state="waiting", day="2026-01-02"),
        BOOKING.format(patient=7, start=9000, end=9900, state="booked", day="2026-01-02"),
        HOURS.format(day=0, opens=600, closes=700),
        HOURS.format(day=0, opens=900, closes=800),
        "UPDATE appointment SET ends_at = starts_at",
        "UPDATE office_hours SET weekday = 0",
        "INSERT INTO patient_profile (account_id, date_of_birth, readers, consent) VALUES (2, '1990-02-28', 1, 15)",
    ],
)
def test_the_database_refuses_what_breaks_its_law(made: Database, statement: str) -> None:
    with made.engine.begin() as connection:
        _fill(connection)
    with pytest.raises(IntegrityError), made.engine.begin() as connection:
        connection.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        BOOKING.format(patient=3, start=2800, end=4600, state="booked", day="2026-01-01"),
        BOOKING.format(patient=2, start=1000, end=2800, state="cancelled", day="2026-01-01"),
        HOURS.format(day=0, opens=720, closes=800),
        HOURS.format(day=2, opens=500, closes=800),
        "UPDATE appointment SET ends_at = ends_at + 600",
        "UPDATE office_hours SET opens_minute = opens_minute + 1",
    ],
)
def test_the_database_allows_what_only_looks_like_an_overlap(made: Database, statement: str) -> None:
    with made.engine.begin() as connection:
        _fill(connection)
        connection.execute(text(statement))


def _fill(connection: Connection) -> None:
    for statement in PEOPLE:
        connection.execute(text(statement))
    connection.execute(text(BOOKING.format(patient=2, start=1000, end=2800, state="booked", day="2026-01-01")))
    connection.execute(text(HOURS.format(day=0, opens=540, closes=720)))
    connection.execute(text(HOURS.format(day=1, opens=540, closes=720)))
