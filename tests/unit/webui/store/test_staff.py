"""What the hospital's staff does with accounts."""

from __future__ import annotations

import pytest

from tests.support.site_town import INES, JONAS, MAYA, NOOR, PASSWORD, TOVE, WEEK, Town
from webui.errors import AccountExists, HoursOverlap, NameMalformed, NotFound, RoleFixed, SignInRefused
from webui.store.models import SiteRole
from webui.store.new_accounts import DoctorFacts, Hours
from webui.store.staff import Change


def test_a_disabled_account_has_no_session_and_no_way_to_one(any_town: Town) -> None:
    town, ines = any_town, any_town.visitor(INES)
    town.staff.disable(INES.upper())
    assert ines.get("/doctor/").location.startswith("/sign-in")
    with pytest.raises(SignInRefused):
        town.site.accounts.sign_in(INES, PASSWORD)
    with pytest.raises(NotFound):
        town.staff.start_reset(INES, 60)
    town.staff.enable(INES)
    assert ines.get("/doctor/").location.startswith("/sign-in"), "sessions of before stay ended"
    assert town.visitor(INES).get("/doctor/").status_code == 200


def test_a_disabled_doctor_offers_nothing_and_what_was_booked_is_cancelled_by_the_hospital(any_town: Town) -> None:
    town, ines, maya = any_town, any_town.members[INES].id, any_town.members[MAYA].id
    slot = town.free()[0]
    town.book()
    assert [row.patient_id for row in town.staff.disable(INES)] == [maya]
    assert [doctor.account.email for doctor in town.site.appointments.doctors()] == [JONAS]
    with pytest.raises(NotFound):
        town.site.appointments.book(maya, ines, slot)
    patient = town.visitor(MAYA)
    assert "cancelled by the hospital" in patient.text("/appointments/")
    assert patient.get(f"/appointments/doctors/{ines}").status_code == 404
    town.staff.enable(INES)
    town.book()


def test_appointments_can_be_kept(any_town: Town) -> None:
    any_town.book()
    assert any_town.staff.disable(INES, keep_appointments=True) == []
    assert any_town.site.appointments.of_patient(any_town.members[MAYA].id)[0].state == "booked"


def test_an_account_is_changed(any_town: Town) -> None:
    town, ines = any_town, any_town.members[INES]
    facts = DoctorFacts("Oncology", "Room 9", 20, (Hours(0, 540, 600), Hours(0, 600, 660)))
    town.staff.change(INES, Change(email="Ines@Neu.example", name=" Dr  Inês O’Neil ", doctor=facts))
    assert town.site.accounts.sign_in("ines@neu.example", PASSWORD).name == "Dr Inês O’Neil"
    assert town.staff.doctor("ines@neu.example") == facts
    assert town.site.appointments.doctor(ines.id).room == "Room 9"
    with pytest.raises(NotFound):
        town.staff.change(INES, Change(name="x"))


def test_a_change_that_cannot_be_changes_nothing(any_town: Town) -> None:
    staff = any_town.staff
    for change, error in (
        (Change(email=JONAS.upper(), name="Other"), AccountExists),
        (Change(name="A\u202eB", role=SiteRole.AUDITOR), NameMalformed),
        (Change(name="Other", role=SiteRole.PATIENT), RoleFixed),
    ):
        with pytest.raises(error):
            staff.change(INES, change)
    with pytest.raises(RoleFixed):
        staff.change(MAYA, Change(role=SiteRole.DOCTOR))
    assert any_town.site.accounts.sign_in(INES, PASSWORD) == any_town.members[INES]


def test_a_new_role_ends_sessions_and_a_former_doctor_offers_nothing(any_town: Town) -> None:
    town, ines = any_town, any_town.visitor(INES)
    town.staff.change(INES, Change(role=SiteRole.AUDITOR))
    assert ines.get("/doctor/").location.startswith("/sign-in")
    assert town.visitor(INES).get("/auditor/").status_code == 200
    assert INES not in [doctor.account.email for doctor in town.site.appointments.doctors()]
    town.staff.change(NOOR, Change(role=SiteRole.DOCTOR, doctor=DoctorFacts("Surgery", "1", 30, WEEK)))
    assert town.free(NOOR)


def test_the_list_has_all_but_patients(any_town: Town) -> None:
    assert {account.email for account in any_town.staff.all()} == {INES, JONAS, NOOR, TOVE}


@pytest.mark.parametrize(
    "hours",
    [
        (Hours(0, 540, 720), Hours(0, 660, 780)),
        (Hours(2, 540, 720), Hours(0, 1, 2), Hours(2, 540, 720)),
        (Hours(4, 600, 610), Hours(4, 540, 1440)),
    ],
)
def test_overlapping_hours_are_refused(hours: tuple[Hours, ...]) -> None:
    with pytest.raises(HoursOverlap):
        DoctorFacts("Haematology", "1", 30, hours)


def test_hours_that_touch_are_fine() -> None:
    assert DoctorFacts("Haematology", "1", 30, (Hours(0, 720, 780), Hours(0, 540, 720), Hours(1, 540, 720))).hours
