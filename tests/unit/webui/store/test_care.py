"""A doctor's access begins with the booking and ends when the care ends; every opening is written down."""

from __future__ import annotations

import pytest

from tests.support.site_town import INES, JONAS, MAYA, OMAR, Town, Visitor
from webui.errors import NotFound
from webui.store.openings import PAGE_ROWS, How

DAY_S = 86400


@pytest.fixture
def check(any_town: Town) -> int:
    return any_town.add_check(MAYA)


def ended_at(town: Town) -> int:
    return town.site.appointments.of_patient(town.members[MAYA].id)[0].ends_at


def paths(town: Town, check: int) -> tuple[str, ...]:
    patient = town.members[MAYA].id
    return (f"/checks/{check}", f"/checks/{check}/image.png", f"/doctor/patients/{patient}")


def statuses(doctor: Visitor, town: Town, check: int) -> set[int]:
    return {doctor.get(path).status_code for path in paths(town, check)}


def test_access_lasts_from_booking_to_the_period_after_the_last_appointment(any_town: Town, check: int) -> None:
    town, clock = any_town, any_town.federation.clock
    assert statuses(town.visitor(INES), town, check) == {404}
    town.book()
    assert statuses(town.visitor(INES), town, check) == {200}
    clock.now = ended_at(town) + 90 * DAY_S - 1
    doctor = town.visitor(INES)
    assert statuses(doctor, town, check) == {200}
    assert "Maya Lindqvist" in doctor.text("/doctor/")
    clock.now += 1
    assert statuses(doctor, town, check) == {404}
    assert doctor.get(f"/checks/{check}/proof.json").status_code == 404
    assert doctor.post(f"/checks/{check}/notes", page="/requests/", text="late").status_code == 404
    assert "Maya Lindqvist" not in doctor.text("/doctor/")
    with pytest.raises(NotFound):
        town.site.record_store.visible(town.members[INES], check)


def test_a_later_appointment_lengthens_it_and_a_cancelled_one_does_not(any_town: Town, check: int) -> None:
    town, clock = any_town, any_town.federation.clock
    town.book()
    first = ended_at(town)
    later = town.book()
    clock.now = first + 90 * DAY_S - 1
    assert statuses(town.visitor(INES), town, check) == {200}
    clock.now = first
    town.site.appointments.cancel(town.members[MAYA].id, later)
    clock.now = first + 90 * DAY_S
    assert statuses(town.visitor(INES), town, check) == {404}


def test_the_hospital_sets_the_period(tmp_path_factory: pytest.TempPathFactory) -> None:
    town = Town(tmp_path_factory.mktemp("site"), care_days=7)
    check = town.add_check(MAYA)
    town.book()
    patient = town.visitor(MAYA)
    for path in (
        "/privacy",
        "/appointments/",
        "/appointments/doctors",
        "/checks/new",
        "/consent/",
        "/requests/who-sees",
    ):
        assert "7 days after your last appointment" in patient.text(path), path
    town.federation.clock.now = ended_at(town) + 7 * DAY_S
    assert statuses(town.visitor(INES), town, check) == {404}


def test_the_patient_sees_who_has_access_until_when(any_town: Town) -> None:
    town, patient = any_town, any_town.visitor(MAYA)
    assert "Nobody but you" in patient.text("/requests/who-sees")
    town.book(place=0)
    until = ended_at(town) + 90 * DAY_S
    found = town.site.care.doctors_of(town.members[MAYA].id)
    assert [(doctor.account.name, end) for doctor, end in found] == [("Dr Inês Carvalho", until)]
    assert "Dr Inês Carvalho , Haematology, until" in patient.text("/requests/who-sees")
    assert "Nobody but you" in town.visitor(OMAR).text("/requests/who-sees")
    town.staff.disable(INES, keep_appointments=True)
    assert "Nobody but you" in patient.text("/requests/who-sees")


def openings(town: Town) -> list[tuple[str, str]]:
    found = town.site.openings.of_patient(town.members[MAYA].id, 0)
    return [(each.reader.name, each.how) for each in reversed(found)]


def test_every_opening_by_a_doctor_is_written_down(any_town: Town, check: int) -> None:
    town, clock = any_town, any_town.federation.clock
    town.book()
    town.visitor(MAYA).get(f"/checks/{check}")
    assert openings(town) == [], "the patient's own visits are not listed"
    doctor = town.visitor(INES)
    for path in ("/doctor/", *paths(town, check)):
        doctor.get(path)
    ines = "Dr Inês Carvalho"
    assert openings(town) == [(ines, How.LIST), (ines, How.CHECK)]
    clock.now += 60
    doctor.get(f"/checks/{check}/image.png")
    assert openings(town)[2:] == [(ines, How.CHECK)]
    page = town.visitor(MAYA).text("/requests/who-sees")
    assert page.count(ines) == 2, "as a doctor with access, and one line"
    assert "your check of" in page
    assert "saw it in a list; opened it 2 times." in page


def test_a_refused_visit_is_no_opening(any_town: Town, check: int) -> None:
    any_town.visitor(JONAS).get(f"/checks/{check}")
    assert openings(any_town) == []


def test_openings_come_in_pages_and_stay_when_the_record_is_erased(any_town: Town, check: int) -> None:
    town, maya = any_town, any_town.members[MAYA]
    row = town.site.record_store.visible(maya, check)
    for _ in range(PAGE_ROWS + 1):
        town.site.openings.note(town.members[INES].id, [row], How.CHECK)
        town.federation.clock.now += 60
    town.site.record_store.erase(check, maya.id)
    assert len(town.site.openings.of_patient(maya.id, 0)) == PAGE_ROWS
    assert len(town.site.openings.of_patient(maya.id, 1)) == 1
    page = town.visitor(MAYA).text("/requests/who-sees")
    assert "now erased: opened it 51 times." in page
    assert page.count("now erased") == 1


def test_what_cannot_be_written_down_is_not_shown(any_town: Town, check: int) -> None:
    town = any_town
    town.book()
    doctor = town.visitor(INES)
    with town.site.database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE opening RENAME TO moved")
    answer = doctor.get(f"/checks/{check}")
    with town.site.database.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE moved RENAME TO opening")  # later tests get the same database
    assert answer.status_code >= 500
    assert "probability" not in answer.text
