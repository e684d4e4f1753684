"""What an earlier version kept in the clear is sealed, and gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import inspect, text

from fl.protocol.errors import UnavailableError
from tests.support.postgres import own_database
from tests.support.site_services import FakeFederation
from tests.support.site_town import cell
from webui.config import CHEAP_PASSWORDS
from webui.store.accounts import AccountStore, SignedInUser
from webui.store.care import Care
from webui.store.database import Database, alembic_config, upgrade_database
from webui.store.models import SiteRole
from webui.store.openings import Openings
from webui.store.passwords import Passwords
from webui.store.records import RecordStore
from webui.usecases.old_predictions import seal_old
from webui.usecases.patient_records import PatientRecords

OLD_ROWS = 3


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of the earlier version, with a patient, a doctor, an appointment and three checks."""
    where = own_database() if request.param == "postgresql" else nullcontext(f"sqlite:///{tmp_path / 'site.db'}")
    with where as url:
        database = Database(url)
        with database.engine.begin() as connection:
            command.upgrade(alembic_config(connection), "0001")
            for statement in _people():
                connection.execute(text(statement))
            for number in range(OLD_ROWS):
                connection.execute(text(_OLD_ROW), {"image": cell(), "at": 1_700_000_000 + number, "digest": bytes(32)})
        yield database
        database.close()


_OLD_ROW = """INSERT INTO prediction (patient_id, image_png, label, positive_class, probability, model_round,
model_digest, envelope_digest, protection, coordinator_name, attested_by, final_at, verified, verified_at, created_at)
VALUES (1, :image, 'leukemia', 'leukemia', 0.75, 3, :digest, :digest, 'masked', 'Coordinator', '["Auditor"]', 1, true,
2, :at)"""


def _people() -> list[str]:
    account = "INSERT INTO account VALUES ({0}, '{1}', '{1}', '{2}', 'x', 0, 0)"
    return [
        account.format(1, "maya@x.example", "patient"),
        account.format(2, "ines@x.example", "doctor"),
        "INSERT INTO patient_profile VALUES (1, '1987-04-12')",
        "INSERT INTO doctor_profile VALUES (2, 'Haematology', 'Room', 30)",
        "INSERT INTO office_hours VALUES (1, 2, 0, 540, 600)",
        "INSERT INTO appointment VALUES (1, 2, 1, 100, 200, 'booked', 0, NULL)",
    ]


def _url(database: Database) -> str:
    return database.engine.url.render_as_string(hide_password=False)


def _upgrade(database: Database) -> FakeFederation:
    database.close()
    upgrade_database(_url(database))
    return FakeFederation()


def test_nothing_of_an_old_database_is_lost(old: Database) -> None:
    federation = _upgrade(old)
    assert seal_old(old, federation.records) == OLD_ROWS
    store = RecordStore(old, Care(90, federation.clock))
    charts = PatientRecords(store, federation.records, Openings(old, federation.clock), federation.clock)
    found = charts.show_all(SignedInUser(1, SiteRole.PATIENT, "x", 0), store.of_patient(1))
    assert [shown.row.created_at for shown in found] == [1_700_000_002, 1_700_000_001, 1_700_000_000]
    for shown in found:
        assert shown.check is not None
        check = shown.check
        assert (check.label, check.probability, check.image_png) == ("leukemia", 0.75, cell())
        assert (check.model.round, check.model.attested_by, check.model.verification.whole) == (3, ("Auditor",), True)
    with old.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM office_hours")) == 1
        assert connection.scalar(text("SELECT count(*) FROM appointment")) == 1


def test_afterwards_nothing_of_it_is_in_the_clear(old: Database) -> None:
    federation = _upgrade(old)
    seal_old(old, federation.records)
    assert not inspect(old.engine).has_table("old_prediction")
    if old.engine.dialect.name == "sqlite":
        database = Path(str(old.engine.url.database))
        stored = b"".join(path.read_bytes() for path in database.parent.glob(f"{database.name}*"))
        assert b"leukemia" not in stored
        assert b"\x89PNG" not in stored
        assert b"maya@x.example" in stored


def test_a_chain_that_is_silent_leaves_the_old_rows_for_the_next_turn(
    old: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    federation = _upgrade(old)
    seal, left = federation.records.seal, [1]

    def fail(*given: object) -> object:
        if not left:
            raise UnavailableError
        left.pop()
        return seal(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(federation.records, "seal", fail)
    with pytest.raises(UnavailableError):
        seal_old(old, federation.records)
    monkeypatch.undo()
    assert seal_old(old, federation.records) == OLD_ROWS - 1
    assert seal_old(old, federation.records) == 0


def test_one_bad_row_does_not_block_the_others(old: Database, caplog: pytest.LogCaptureFixture) -> None:
    federation = _upgrade(old)
    with old.engine.begin() as connection:
        connection.execute(text("UPDATE old_prediction SET attested_by = '7' WHERE id = 1"))
    assert seal_old(old, federation.records) == OLD_ROWS - 1
    assert "old prediction 1 stays in the clear: TypeError" in caplog.text
    assert inspect(old.engine).has_table("old_prediction")


def test_a_fresh_database_has_no_old_table(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    upgrade_database(url)
    assert not {"prediction", "old_prediction"} & set(inspect(Database(url).engine).get_table_names())


def test_an_account_of_before_still_works(old: Database) -> None:
    federation = _upgrade(old)
    accounts = AccountStore(old, Passwords(CHEAP_PASSWORDS), federation.clock)
    assert accounts.resume("1:0") == SignedInUser(1, SiteRole.PATIENT, "maya@x.example", 0)
