"""The appointment book: no slot is booked twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from fl.protocol.errors import SlotTaken
from tests.support.site_town import INES, JONAS, MAYA, OMAR, PASSWORD, Town
from webui.errors import BookingFixed, BookingOverlaps, NotFound, OneADay, SlotNotOffered, TooManyBookings
from webui.store.models import Appointment, OfficeHours, SiteRole
from webui.store.new_accounts import NewAccount, PatientFacts

CROWD = 20


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_a_booked_slot_is_not_free_any_more(town: Town) -> None:
    before = town.free()
    town.book()
    assert town.free() == before[1:]


def test_the_second_to_book_a_slot_is_refused(town: Town) -> None:
    starts_at = town.free()[0]
    town.book()
    with pytest.raises(SlotTaken):
        town.site.appointments.book(town.members[OMAR].id, town.members[INES].id, starts_at)


def test_of_twenty_who_book_the_same_slot_at_once_one_wins(any_town: Town) -> None:
    town = any_town
    people = [
        town.site.accounts.create(
            NewAccount(SiteRole.PATIENT, f"p{n}@x.example", f"P {n}", PASSWORD, PatientFacts(date(1990, 1, 1)))
        )
        for n in range(CROWD)
    ]
    doctor, starts_at, gate = town.members[INES].id, town.free()[0], Barrier(CROWD)

    def attempt(patient_id: int) -> str:
        gate.wait(timeout=120)
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


def raw(town: Town, **columns: object) -> None:
    """Write an appointment past the book."""
    row = {"doctor_id": town.members[INES].id, "patient_id": town.members[MAYA].id, "state": "booked", "created_at": 0}
    town.site.database.write(lambda session: session.execute(insert(Appointment).values(**(row | columns))))


def test_a_patient_sees_a_doctor_once_a_day(any_town: Town) -> None:
    town, maya, ines = any_town, any_town.members[MAYA].id, any_town.members[INES].id
    slots = town.free()
    first = town.site.appointments.book(maya, ines, slots[0])
    with pytest.raises(OneADay):
        town.site.appointments.book(maya, ines, slots[3])
    town.site.appointments.book(maya, town.members[JONAS].id, slots[3])
    town.site.appointments.cancel(maya, first)
    town.site.appointments.book(maya, ines, slots[5])
    town.book()


def test_a_day_is_one_of_the_hospitals_zone(tmp_path: Path) -> None:
    """In Auckland a working day begins on the evening before by UTC."""
    town = Town(tmp_path, zone="Pacific/Auckland")
    zone, slots = town.config.tz, town.free()
    days = [datetime.fromtimestamp(slot, zone).date() for slot in slots]
    first, last = next(
        (slots[i], slots[j])
        for i in range(len(slots))
        for j in range(i + 10, len(slots))
        if days[i] == days[j] and slots[i] // 86400 != slots[j] // 86400
    )
    maya, ines = town.members[MAYA].id, town.members[INES].id
    town.site.appointments.book(maya, ines, first)
    with pytest.raises(OneADay):
        town.site.appointments.book(maya, ines, last)


def test_what_is_offered_to_a_patient_can_be_booked(any_town: Town) -> None:
    """Neither another time on a day with this doctor, nor a time at which the patient is with another doctor."""
    town, maya, ines, jonas = any_town, *(any_town.members[each].id for each in (MAYA, INES, JONAS))
    book, slots = town.site.appointments, town.free()
    day = {slot: datetime.fromtimestamp(slot, town.config.tz).date() for slot in slots}
    later = next(slot for slot in slots if day[slot] != day[slots[0]])
    book.book(maya, ines, slots[0])
    book.book(maya, jonas, later)
    offered = [slot.starts_at for slot in book.free_for(maya, ines)]
    assert offered == [slot for slot in slots if day[slot] != day[slots[0]] and slot != later]
    assert [slot.starts_at for slot in book.free_for(town.members[OMAR].id, ines)] == slots[1:]


def test_bookings_of_before_count_though_they_have_no_day(any_town: Town) -> None:
    slots = any_town.free()
    raw(any_town, starts_at=slots[0], ends_at=slots[1])
    with pytest.raises(OneADay):
        any_town.site.appointments.book(any_town.members[MAYA].id, any_town.members[INES].id, slots[2])


@pytest.mark.parametrize("shift", [-60, 60])
@pytest.mark.parametrize("whose", ["doctor", "patient"])
def test_the_database_itself_forbids_overlaps(any_town: Town, whose: str, shift: int) -> None:
    town, start = any_town, any_town.free()[0]
    town.book()
    other = {"patient_id": town.members[OMAR].id} if whose == "doctor" else {"doctor_id": town.members[JONAS].id}
    with pytest.raises(IntegrityError):
        raw(town, starts_at=start + shift, ends_at=start + shift + 1800, **other)
    raw(town, starts_at=start + 1800, ends_at=start + 3600, **other)
    raw(town, starts_at=start, ends_at=start + 1800, state="cancelled")


def test_the_database_itself_forbids_a_second_appointment_on_a_day(any_town: Town) -> None:
    town, day = any_town, date(2026, 11, 30)
    raw(town, starts_at=100, ends_at=200, day=day)
    with pytest.raises(IntegrityError):
        raw(town, starts_at=300, ends_at=400, day=day)
    raw(town, starts_at=300, ends_at=400, day=day, state="cancelled")
    raw(town, starts_at=500, ends_at=600, day=date(2026, 12, 1))


def test_the_database_itself_forbids_overlapping_hours(any_town: Town) -> None:
    row = {"doctor_id": any_town.members[INES].id, "weekday": 6}

    def add(opens: int, closes: int) -> None:
        values = row | {"opens_minute": opens, "closes_minute": closes}
        any_town.site.database.write(lambda session: session.execute(insert(OfficeHours).values(**values)))

    add(540, 600)
    add(600, 660)
    with pytest.raises(IntegrityError):
        add(599, 601)


def test_of_many_clicks_of_one_patient_on_one_day_one_wins(any_town: Town) -> None:
    town, maya, ines = any_town, any_town.members[MAYA].id, any_town.members[INES].id
    slots, gate = town.free()[:6], Barrier(6)

    def attempt(starts_at: int) -> str:
        gate.wait(timeout=120)
        try:
            town.site.appointments.book(maya, ines, starts_at)
        except (OneADay, SlotTaken) as error:
            return type(error).__name__
        return "booked"

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(attempt, slots)).count("booked") == 1
