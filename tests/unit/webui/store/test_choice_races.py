"""A choice of the patient meets a record that is being sealed at that moment."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import select

from fl.crypto.capsule import Readers, RecordPolicy
from fl.protocol.names import Purpose
from tests.support.site_town import INES, MAYA, Town, cell, cell_pixels
from webui.errors import ChoiceChanged
from webui.ports.consent import Choice, mask_of
from webui.ports.federation import Prediction
from webui.ports.records import SealedRecord
from webui.site import Site, build_site
from webui.store.models import PatientProfile, StoredRecord
from webui.usecases.request_notices import Message
from webui.usecases.review_format import Decision
from webui.usecases.worklist import Verdict

QUORUM = Choice(Readers.TRUSTEES, frozenset({Purpose.TREATMENT, Purpose.PATIENT_WISH}))
OPEN = Choice(Readers.HOSPITAL_AND_TRUSTEES, frozenset({Purpose.TREATMENT}))
WISH = Choice(Readers.HOSPITAL_AND_TRUSTEES, frozenset({Purpose.TREATMENT, Purpose.PATIENT_WISH}))


def when_sealing(town: Town, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object], times: int = 1) -> None:
    """Let `act` happen after a record was sealed and before it is stored, the first `times` times."""
    seal, left = town.federation.records.seal, [times]

    def sealed(policy: RecordPolicy, body: bytes) -> SealedRecord:
        made = seal(policy, body)
        if left[0]:
            left[0] -= 1
            act()
        return made

    monkeypatch.setattr(town.federation.records, "seal", sealed)


def choose(town: Town, choice: Choice) -> None:
    town.site.patient_records.choose(town.members[MAYA].id, choice)


def readers(town: Town) -> list[tuple[int | None, int]]:
    """Return who can open each record of Maya, and who could if she had her will."""
    query = select(StoredRecord.readers, PatientProfile.readers).join(
        PatientProfile, PatientProfile.account_id == StoredRecord.patient_id
    )
    with town.site.database.reading() as session:
        return [(row[0], row[1]) for row in session.execute(query.where(StoredRecord.patient_id == _maya(town)))]


def _maya(town: Town) -> int:
    return town.members[MAYA].id


def test_a_check_that_is_being_written_follows_a_choice_made_at_that_moment(
    any_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    any_town.federation.records.hold_key()
    when_sealing(any_town, monkeypatch, lambda: choose(any_town, QUORUM))
    any_town.add_check(MAYA)
    assert readers(any_town) == [(Readers.TRUSTEES, Readers.TRUSTEES)]


def test_records_and_choices_at_once_end_with_every_record_as_the_patient_chose(any_town: Town) -> None:
    """Two processes of the site: the queue of writers of one process would hide a race between transactions."""
    other = build_site(any_town.config, any_town.federation.services)
    maya, prediction = _maya(any_town), any_town.federation.services.predictions.predict(cell_pixels())
    with ThreadPoolExecutor(6) as pool:
        added = [pool.submit(_add, any_town.site, maya, prediction) for _ in range(9)]
        chosen = [pool.submit(other.patient_records.choose, maya, wish) for wish in (OPEN, WISH, OPEN, WISH)]
        waited = [each.result() for each in added], [each.result() for each in chosen]
    assert [len(each) for each in waited] == [9, 4]
    while other.patient_records.carry_on():
        pass
    other.database.close()
    with any_town.site.database.reading() as session:
        mask = session.get_one(PatientProfile, maya).consent
        found = session.scalars(select(StoredRecord.consent).where(StoredRecord.patient_id == maya)).all()
    assert found
    assert set(found) == {mask}


def _add(site: Site, maya: int, prediction: Prediction) -> None:
    with suppress(ChoiceChanged):
        site.patient_records.add_check(maya, cell(), prediction)


@pytest.mark.parametrize("kind", ["note", "review"])
def test_what_a_doctor_writes_follows_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    town = Town(tmp_path)
    town.federation.records.hold_key()
    town.book(MAYA, INES)
    row, ines = town.add_check(MAYA), town.members[INES]
    when_sealing(town, monkeypatch, lambda: choose(town, QUORUM))
    if kind == "note":
        town.site.patient_records.add_note(ines, row, "Seen.")
    else:
        verdict, letter = Verdict(Decision.CONFIRMED), Message("A review", "There is one.")
        town.site.worklist.review(ines, row, verdict, lambda: letter, town.federation.clock.now)
    assert readers(town) == [(Readers.TRUSTEES, Readers.TRUSTEES)] * 2


def test_a_patient_who_never_stops_choosing_is_answered_and_nothing_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = Town(tmp_path)
    town.federation.records.hold_key()
    wishes = iter([QUORUM, OPEN] * 5)
    when_sealing(town, monkeypatch, lambda: choose(town, next(wishes)), times=5)
    with pytest.raises(ChoiceChanged):
        town.add_check(MAYA)
    assert readers(town) == []


def test_a_record_that_is_sealed_otherwise_at_that_moment_is_sealed_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = Town(tmp_path)
    town.federation.records.hold_key()
    row = town.add_check(MAYA)
    stale = town.site.record_store.whole(row)
    assert stale is not None
    when_sealing(town, monkeypatch, lambda: town.site.patient_records._seal_again(stale, QUORUM))
    choose(town, QUORUM)
    assert readers(town) == [(Readers.TRUSTEES, Readers.TRUSTEES)]


def test_an_older_change_that_comes_late_changes_nothing(any_town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has sealed a record by the older choice, and stores it when the newer change is done."""
    any_town.federation.records.hold_key()
    any_town.add_check(MAYA)
    choose(any_town, WISH)

    def choose_back() -> None:
        choose(any_town, WISH)
        while any_town.site.patient_records.carry_on():
            pass

    when_sealing(any_town, monkeypatch, choose_back)
    choose(any_town, OPEN)
    assert not any_town.site.patient_records.carry_on()
    with any_town.site.database.reading() as session:
        profile = session.get_one(PatientProfile, _maya(any_town))
        assert session.scalars(select(StoredRecord.consent)).all() == [profile.consent] == [mask_of(WISH.consent)]


def test_two_changes_to_the_same_within_a_second_are_two(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.federation.records.hold_key()
    town.add_check(MAYA)
    changes, key = town.site.record_store.changes, town.federation.records.facts
    assert key is not None
    first = changes.begin(_maya(town), WISH, key.key_id)
    changes.begin(_maya(town), OPEN, key.key_id)
    changes.begin(_maya(town), WISH, key.key_id)
    assert changes.progress(first, None) is None, "the newest one has not begun yet"
    assert [each.done for each in changes.under_way()] == [False]


def test_following_a_new_key_never_brings_an_older_choice_back(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.federation.records.hold_key()
    town.add_check(MAYA)
    town.federation.records.hold_key()
    key = town.federation.records.facts
    assert key is not None
    town.site.record_store.changes.begin(_maya(town), QUORUM, key.key_id)
    assert town.site.patient_records.follow_key() == 1
    assert readers(town) == [(Readers.TRUSTEES, Readers.TRUSTEES)]
