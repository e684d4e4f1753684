"""The appointment book: no slot is booked twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from fl.protocol.errors import SlotTaken
from tests.fakes.postgres import own_database
from tests.fakes.site_town import INES, JONAS, MAYA, OMAR, PASSWORD, Town
from webui.store.accounts import NewAccount, PatientFacts
from webui.store.database import upgrade_database
from webui.store.models import Appointment, SiteRole
from webui.store.refusals import BookingFixed, BookingOverlaps, NotFound, SlotNotOffered, TooManyBookings

CROWD = 20


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def crowded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Town]:
    if request.param == "sqlite":
        yield Town(tmp_path)
        return
    with own_database() as url:
        upgrade_database(url)
        town = Town(tmp_path, database_url=url)
        yield town
        town.site.database.close()


def test_a_booked_slot_is_not_free_any_more(town: Town) -> None:
    before = town.free()
    town.book()
    assert town.free() == before[1:]


def test_the_second_to_book_a_slot_is_refused(town: Town) -> None:
    starts_at = town.free()[0]
    town.book()
    with pytest.raises(SlotTaken):
        town.site.appointments.book(town.members[OMAR].id, town.members[INES].id, starts_at)


def test_of_twenty_who_book_the_same_slot_at_once_one_wins(crowded: Town) -> None:
    town = crowded
    people = [
        town.site.accounts.create(
            NewAccount(SiteRole.PATIENT, f"p{n}@x.example", f"P {n}", PASSWORD, PatientFacts(date(1990, 1, 1)))
        )
        for n in range(CROWD)
    ]
    doctor, starts_at, gate = town.members[INES].id, town.free()[0], Barrier(CROWD)

    def attempt(patient_id: int) -> str:
        gate.wait(timeout=20)
        try:
            town.site.appointments.book(patient_id, doctor, starts_at)
        except SlotTaken:
            return "taken"
        return "booked"

    with ThreadPoolExecutor(CROWD) as pool:
        outcomes = sorted(pool.map(attempt, [person.id for person in people]))
    assert outcomes == ["booked"] + ["taken"] * (CROWD - 1)
    assert len(town.site.appointments.of_doctor(doctor, 0)) == 1


@pytest.mark.parametrize("column", ["doctor_id", "patient_id"])
def test_the_database_itself_forbids_a_double_booking(town: Town, column: str) -> None:
    town.book()
    row = {
        "doctor_id": town.members[INES].id,
        "patient_id": town.members[MAYA].id,
        "starts_at": town.site.appointments.of_patient(town.members[MAYA].id)[0].starts_at,
        "ends_at": 9_999_999_999,
        "state": "booked",
        "created_at": 0,
    }
    other = {"doctor_id": town.members[OMAR].id, "patient_id": town.members[JONAS].id}
    row |= {"patient_id": town.members[OMAR].id} if column == "doctor_id" else {"doctor_id": town.members[JONAS].id}
    assert row[column] != other[column]
    with pytest.raises(IntegrityError, match=r"UNIQUE|overlaps"):
        town.site.accounts._database.write(lambda session: session.execute(insert(Appointment).values(**row)))


def test_a_patient_cannot_be_in_two_rooms(town: Town) -> None:
    starts_at = town.free()[0]
    town.book()
    with pytest.raises(BookingOverlaps):
        town.site.appointments.book(town.members[MAYA].id, town.members[JONAS].id, starts_at)


@pytest.mark.parametrize("shift", [60, -10 * 365 * 86400, 365 * 86400])
def test_a_time_outside_the_offer_is_refused(town: Town, shift: int) -> None:
    with pytest.raises(SlotNotOffered):
        town.site.appointments.book(town.members[MAYA].id, town.members[INES].id, town.free()[0] + shift)


def test_a_doctor_that_does_not_exist_is_not_found(town: Town) -> None:
    with pytest.raises(NotFound):
        town.site.appointments.book(town.members[MAYA].id, town.members[OMAR].id, town.free()[0])


def test_one_patient_cannot_take_the_whole_week(town: Town) -> None:
    for _ in range(town.config.limits.open_bookings):
        town.book()
    with pytest.raises(TooManyBookings):
        town.book()


def test_a_cancelled_slot_can_be_booked_again_even_by_the_same_patient(town: Town) -> None:
    before = town.free()
    booking = town.book()
    town.site.appointments.cancel(town.members[MAYA].id, booking)
    assert town.free() == before
    town.book()
    town.site.appointments.cancel(town.members[MAYA].id, town.book(place=0))
    assert [row.state for row in town.site.appointments.of_patient(town.members[MAYA].id)].count("booked") == 1


def test_only_the_own_appointment_can_be_cancelled_and_only_once(town: Town) -> None:
    booking = town.book()
    with pytest.raises(NotFound):
        town.site.appointments.cancel(town.members[OMAR].id, booking)
    town.site.appointments.cancel(town.members[MAYA].id, booking)
    with pytest.raises(BookingFixed):
        town.site.appointments.cancel(town.members[MAYA].id, booking)


def test_what_has_begun_cannot_be_cancelled(town: Town) -> None:
    booking = town.book()
    town.federation.clock.now = town.site.appointments.of_patient(town.members[MAYA].id)[0].starts_at
    with pytest.raises(BookingFixed):
        town.site.appointments.cancel(town.members[MAYA].id, booking)
