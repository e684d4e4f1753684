"""Who may see a record, what the database holds of it, and what erasing leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import undefer

from fl.crypto.capsule import NO_KEY, Readers, RecordPolicy
from fl.protocol.errors import NoCommittee
from fl.protocol.names import Purpose
from tests.support.migrations import differences
from tests.support.site_town import INES, JONAS, MAYA, NOOR, OMAR, Town, cell, words
from webui.errors import NotFound, RecordDamaged, WishNeeded
from webui.ports.consent import Choice, mask_of, purposes_in
from webui.ports.records import SealedRecord
from webui.store.database import Database
from webui.store.models import Leaf, StoredRecord
from webui.usecases.patient_records import Shown
from webui.usecases.sealing import sealed_of

HOSPITAL, QUORUM = Readers.HOSPITAL_AND_TRUSTEES, Readers.TRUSTEES
TREATMENT = frozenset({Purpose.TREATMENT})
WITH_WISH = TREATMENT | {Purpose.PATIENT_WISH}


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


@pytest.fixture
def check(town: Town) -> int:
    return town.add_check(MAYA)


def test_a_records_whole_life_on_either_database(any_town: Town) -> None:
    any_town.federation.records.hold_key()
    row_id, maya = any_town.add_check(MAYA), any_town.members[MAYA]
    any_town.book(MAYA, INES)
    any_town.site.patient_records.add_note(any_town.members[INES], row_id, "A note.")
    assert any_town.site.anchoring.anchor() is not None
    assert any_town.site.patient_records.choose(maya.id, Choice(HOSPITAL, TREATMENT)) == (2, 0)
    asked = any_town.site.record_requests.ask(
        any_town.members[JONAS], row_of(any_town, row_id).number or "", Purpose.TREATMENT
    )
    for place in (0, 1):
        any_town.federation.requests.answer(1, place)
    shown, wrong = any_town.site.record_requests.open(
        any_town.site.record_requests.one(any_town.members[JONAS], asked.row.id)
    )
    assert (shown.state, wrong) == ("open", ())
    any_town.site.record_store.erase(row_id, maya.id)
    assert read(any_town, MAYA, row_id).state == "erased"
    with any_town.site.database.engine.connect() as connection:
        assert differences(connection) == []


def test_a_record_keeps_every_label_it_had_and_choosing_back_adds_none(town: Town, check: int) -> None:
    maya, first = town.members[MAYA].id, sealed_of(row_of(town, check)).label
    for consent in (TREATMENT, frozenset({Purpose.TREATMENT, Purpose.RESEARCH}), TREATMENT):
        town.site.patient_records.choose(maya, Choice(HOSPITAL, consent))
    labels = town.site.record_store.labels_of(maya)
    assert len(labels) == 3
    assert {row.id for row in labels.values()} == {check}
    assert first in town.site.record_store.labels_of_row(check)
    town.site.record_store.erase(check, maya)
    assert town.site.record_store.labels_of(maya).keys() == labels.keys()
    assert town.site.record_store.labels_of(town.members[OMAR].id) == {}


def read(town: Town, email: str, row_id: int) -> Shown:
    return town.site.patient_records.read(town.site.record_store.visible(town.members[email], row_id))


def row_of(town: Town, row_id: int) -> StoredRecord:
    with town.site.database.reading() as session:
        found = session.scalar(
            select(StoredRecord).options(undefer(StoredRecord.file)).where(StoredRecord.id == row_id)
        )
    assert found is not None
    return found


def test_a_patient_sees_the_own_check_with_all_its_facts(town: Town, check: int) -> None:
    shown = read(town, MAYA, check)
    model = town.federation.verified_model()
    assert shown.check is not None
    kept = shown.check.model
    assert (kept.round, kept.model_digest, kept.envelope_digest) == (7, model.model_digest, model.envelope_digest)
    assert (kept.attested_by, kept.coordinator_name, kept.verification.whole) == (
        model.attested_by,
        model.coordinator_name,
        True,
    )
    assert (shown.check.image_png, shown.check.patient.born) == (cell(), "1987-04-12")


@pytest.mark.parametrize("email", [OMAR, INES, JONAS, NOOR])
def test_nobody_else_sees_it(town: Town, check: int, email: str) -> None:
    with pytest.raises(NotFound):
        town.site.record_store.visible(town.members[email], check)


def test_a_doctor_sees_it_while_an_appointment_stands(town: Town, check: int) -> None:
    booking = town.book(MAYA, INES)
    ines, jonas, maya = town.members[INES], town.members[JONAS], town.members[MAYA].id
    assert town.site.record_store.visible(ines, check).id == check
    assert town.site.record_store.patient_of(ines.id, maya).account_id == maya
    with pytest.raises(NotFound):
        town.site.record_store.visible(jonas, check)
    town.site.appointments.cancel(maya, booking)
    with pytest.raises(NotFound):
        town.site.record_store.visible(ines, check)
    with pytest.raises(NotFound):
        town.site.record_store.patient_of(ines.id, maya)


def test_a_past_appointment_keeps_the_treating_relation(town: Town, check: int) -> None:
    town.book(MAYA, INES)
    town.federation.clock.now += 90 * 86400
    assert town.site.record_store.visible(town.members[INES], check).id == check


def test_a_check_that_does_not_exist_looks_like_one_that_is_not_yours(town: Town) -> None:
    with pytest.raises(NotFound):
        town.site.record_store.visible(town.members[MAYA], 999)


def test_the_database_holds_nothing_that_can_be_read(town: Town) -> None:
    town.federation.probability = 0.91
    town.add_check(MAYA)
    town.book(MAYA, INES)
    town.site.patient_records.add_note(town.members[INES], 1, "A smear review was asked for.")
    stored = town.stored_bytes()
    for plain in (b"leukemia", b"healthy", b"\x89PNG", b"IHDR", b"0.91", b"North Coordination", b"smear review"):
        assert plain not in stored, plain
    assert b"Maya Lindqvist" in stored, "accounts are in the clear; this proves that the scan sees the file"


def test_a_note_is_a_record_of_its_own_for_the_same_readers(town: Town, check: int) -> None:
    town.book(MAYA, INES)
    town.site.patient_records.add_note(town.members[INES], check, "Please come back in two weeks.")
    (row,) = town.site.record_store.notes_on(check)
    note = town.site.patient_records.read(row).note
    assert note is not None
    assert (note.text, note.author) == ("Please come back in two weeks.", "Dr Inês Carvalho")
    assert row.number != row_of(town, check).number
    with pytest.raises(NotFound):
        town.site.patient_records.add_note(town.members[JONAS], check, "I do not treat her.")
    with pytest.raises(NotFound):
        town.site.record_store.visible(town.members[MAYA], row.id)


def test_the_file_of_another_patient_is_not_shown(town: Town, check: int) -> None:
    other = town.add_check(OMAR)
    with town.site.database.engine.begin() as connection:
        omar = town.members[OMAR].id
        connection.execute(update(StoredRecord).where(StoredRecord.id == check).values(patient_id=omar))
    with pytest.raises(RecordDamaged):
        read(town, OMAR, check)
    assert [
        shown.state
        for shown in town.site.patient_records.glance(
            town.members[OMAR], [row.id for row in town.site.record_store.of_patient(omar)]
        )
    ] == [
        "open",
        "damaged",
    ]
    assert read(town, OMAR, other).state == "open"


@pytest.mark.parametrize("change", ["file", "salt", "consent", "another record's file"])
def test_a_changed_row_is_found_out(town: Town, check: int, change: str) -> None:
    other = row_of(town, town.add_check(MAYA))
    file = row_of(town, check).file or b""
    choices: dict[str, dict[str, object]] = {
        "file": {"file": file[:-1] + bytes([file[-1] ^ 1])},
        "salt": {"salt": bytes(32)},
        "consent": {"consent": 63},
        "another record's file": {"file": other.file},
    }
    with town.site.database.engine.begin() as connection:
        connection.execute(update(StoredRecord).where(StoredRecord.id == check).values(**choices[change]))
    with pytest.raises(RecordDamaged):
        read(town, MAYA, check)


def test_erasing_leaves_the_leaf_and_nothing_that_opens(town: Town, check: int) -> None:
    town.book(MAYA, INES)
    town.site.patient_records.add_note(town.members[INES], check, "A note.")
    before = [row_of(town, row_id) for row_id in (check, check + 1)]
    town.site.record_store.erase(check, town.members[MAYA].id)
    for old in before:
        row = row_of(town, old.id)
        kept = (row.file, row.salt, row.record_id, row.number, row.readers, row.consent, row.key_id, row.key_epoch)
        assert kept == (None,) * 8
        assert row.leaf.digest == old.leaf.digest
    assert read(town, MAYA, check).state == "erased"
    stored = town.stored_bytes()
    for old in before:
        assert old.file is not None
        assert old.salt is not None
        assert old.file[:64] not in stored
        assert old.file[-64:] not in stored
        assert old.salt not in stored
        assert old.leaf.digest in stored
    town.site.record_store.erase(check)


def test_a_note_on_a_check_that_is_erased_meanwhile_is_not_kept(
    town: Town, check: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.book(MAYA, INES)
    seal = town.federation.records.seal

    def erase_first(policy: RecordPolicy, body: bytes) -> SealedRecord:
        town.site.record_store.erase(check)
        return seal(policy, body)

    monkeypatch.setattr(town.federation.records, "seal", erase_first)
    with pytest.raises(NotFound):
        town.site.patient_records.add_note(town.members[INES], check, "Too late.")
    assert town.site.record_store.notes_on(check) == []


def test_nobody_erases_anothers_record(town: Town, check: int) -> None:
    with pytest.raises(NotFound):
        town.site.record_store.erase(check, town.members[OMAR].id)
    assert read(town, MAYA, check).state == "open"


def test_a_choice_seals_what_exists_anew(town: Town, check: int) -> None:
    before = row_of(town, check)
    maya = town.members[MAYA].id
    assert town.site.patient_records.choose(maya, Choice(HOSPITAL, TREATMENT)) == (1, 0)
    after = row_of(town, check)
    assert purposes_in(after.consent or 0) == TREATMENT
    assert (after.record_id, after.number) == (before.record_id, before.number)
    assert after.file != before.file
    assert after.leaf.digest != before.leaf.digest
    assert read(town, MAYA, check).state == "open"
    assert (before.file or b"")[:64] not in town.stored_bytes()


def test_the_same_choice_again_seals_nothing_anew_until_the_key_changes(town: Town, check: int) -> None:
    maya, choice = town.members[MAYA].id, Choice(HOSPITAL, TREATMENT)
    assert town.site.patient_records.choose(maya, choice) == (1, 0)
    before = row_of(town, check)
    assert town.site.patient_records.choose(maya, choice) == (0, 0)
    assert row_of(town, check).file == before.file
    town.federation.records.hold_key()
    assert town.site.patient_records.choose(maya, choice) == (1, 0)


def test_a_quorum_alone_needs_a_committee(town: Town, check: int) -> None:
    maya = town.members[MAYA].id
    with pytest.raises(NoCommittee):
        town.site.patient_records.choose(maya, Choice(QUORUM, WITH_WISH))
    assert row_of(town, check).readers == HOSPITAL
    town.federation.records.hold_key()
    assert town.site.patient_records.choose(maya, Choice(QUORUM, WITH_WISH)) == (1, 0)
    assert read(town, MAYA, check).state == "waiting"
    assert town.site.patient_records.choose(maya, Choice(HOSPITAL, TREATMENT)) == (0, 0)
    assert row_of(town, check).readers == QUORUM, "the hospital cannot open it, so it cannot seal it anew"
    assert read(town, MAYA, town.add_check(MAYA)).state == "open"


def test_a_choice_that_locks_its_patient_out_is_refused(town: Town, check: int) -> None:
    town.federation.records.hold_key()
    with pytest.raises(WishNeeded):
        town.site.patient_records.choose(town.members[MAYA].id, Choice(QUORUM, TREATMENT))
    page = town.visitor(MAYA).post("/consent/", readers="2", purposes=["1"])
    assert page.status_code == 400
    assert WishNeeded.sentence in words(page)
    assert row_of(town, check).readers == HOSPITAL


def test_records_follow_the_key_in_force(town: Town, check: int) -> None:
    assert (town.site.patient_records.follow_key(), row_of(town, check).key_id) == (0, NO_KEY)
    for _ in range(2):
        town.federation.records.hold_key()
        assert town.site.patient_records.follow_key() == 1
        facts = town.federation.records.committee()
        assert facts is not None
        assert row_of(town, check).key_id == facts.key_id
        assert town.site.patient_records.follow_key() == 0
    assert read(town, MAYA, check).state == "open"


def test_every_file_has_its_own_leaf_for_good(town: Town, check: int) -> None:
    town.site.patient_records.choose(town.members[MAYA].id, Choice(HOSPITAL, TREATMENT))
    town.site.record_store.erase(check)
    with Database(town.config.database_url).reading() as session:
        assert len(session.scalars(select(Leaf)).all()) == 3, "twice the check, once its receipt"


@pytest.mark.parametrize("mask", range(64))
def test_a_mask_and_its_purposes_say_the_same(mask: int) -> None:
    assert mask_of(purposes_in(mask)) == mask


def test_release_is_no_purpose_for_a_record() -> None:
    assert purposes_in(0xFFFF) == frozenset(Purpose) - {Purpose.RELEASE}
