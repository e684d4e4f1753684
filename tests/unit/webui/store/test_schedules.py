"""A doctor's schedule: what patients can book follows it, and no booking is touched."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from fl.protocol.errors import SlotTaken
from tests.support.site_town import INES, JONAS, MAYA, OMAR, Town
from webui.errors import NotFound, OneADay
from webui.store.appointments import UNDO_S
from webui.store.calendar_errors import BlockMalformed, DayHasBookings, TimeTaken, UndoTooLate
from webui.store.calendar_tables import TakenTime
from webui.store.doctor_plans import Terms
from webui.store.new_accounts import DoctorFacts, Hours
from webui.store.slots import Slot, Stretch


def day_of(town: Town, moment: int) -> date:
    return datetime.fromtimestamp(moment, town.config.tz).date()


def free_on(town: Town, day: date) -> list[str]:
    return [f"{datetime.fromtimestamp(at, town.config.tz):%H:%M}" for at in town.free() if day_of(town, at) == day]


def ahead(town: Town, days: int = 1) -> date:
    return day_of(town, town.federation.clock.now) + timedelta(days=days)


def test_a_closed_day_offers_nothing_and_opens_again(any_town: Town) -> None:
    town, schedules, ines = any_town, any_town.site.book.schedules, any_town.members[INES].id
    schedules.close_day(ines, ahead(town))
    assert free_on(town, ahead(town)) == []
    assert len(town.free(JONAS)) > len(town.free())
    schedules.open_day(ines, ahead(town))
    assert len(free_on(town, ahead(town))) == 16


def test_a_day_with_bookings_cannot_be_closed(any_town: Town) -> None:
    town = any_town
    town.book()
    booked = town.site.appointments.of_patient(town.members[MAYA].id)[0]
    with pytest.raises(DayHasBookings):
        town.site.book.schedules.close_day(town.members[INES].id, day_of(town, booked.starts_at))
    with pytest.raises(BlockMalformed):
        town.site.book.schedules.close_day(town.members[INES].id, ahead(town, -1))


def test_extra_hours_are_offered_and_do_not_overlap(any_town: Town) -> None:
    town, schedules, ines = any_town, any_town.site.book.schedules, any_town.members[INES].id
    saturday = ahead(town, 5)
    schedules.add_extra(ines, saturday, Stretch(600, 690))
    assert free_on(town, saturday) == ["10:00", "10:30", "11:00"]
    with pytest.raises(TimeTaken):
        schedules.add_extra(ines, saturday, Stretch(660, 720))
    [row] = schedules.of(ines).extra
    with pytest.raises(NotFound):
        schedules.remove_extra(town.members[JONAS].id, row.id)
    schedules.remove_extra(ines, row.id)
    assert free_on(town, saturday) == []


def test_a_block_takes_time_and_meets_no_booking(any_town: Town) -> None:
    town, schedules, ines = any_town, any_town.site.book.schedules, any_town.members[INES].id
    start = town.free()[4]
    schedules.block(ines, Slot(start, start + 60))
    assert start not in town.free()
    with pytest.raises(SlotTaken):
        town.site.appointments.book(town.members[MAYA].id, ines, start)
    with pytest.raises(TimeTaken):
        schedules.block(ines, Slot(start - 60, start + 1))
    town.book()
    booked = town.site.appointments.of_patient(town.members[MAYA].id)[0]
    with pytest.raises(TimeTaken):
        schedules.block(ines, Slot(booked.starts_at - 60, booked.starts_at + 60))
    [row] = schedules.of(ines).blocks
    with pytest.raises(NotFound):
        schedules.unblock(town.members[JONAS].id, row.id)
    schedules.unblock(ines, row.id)
    assert start in town.free()


def test_the_database_itself_forbids_a_block_over_a_booking(any_town: Town) -> None:
    town = any_town
    town.book()
    booked = town.site.appointments.of_patient(town.members[MAYA].id)[0]
    row = {"doctor_id": town.members[INES].id, "starts_at": booked.ends_at - 1, "ends_at": booked.ends_at + 9}
    with pytest.raises(IntegrityError):
        town.site.database.write(lambda session: session.execute(insert(TakenTime).values(kind="block", **row)))
    town.site.appointments.cancel(town.members[MAYA].id, booked.id)
    town.site.database.write(lambda session: session.execute(insert(TakenTime).values(kind="block", **row)))


def test_the_buffer_keeps_bookings_apart(any_town: Town) -> None:
    town, ines = any_town, any_town.members[INES].id
    tomorrow = ahead(town)
    town.site.book.schedules.set_terms(ines, Terms(buffer_minutes=15))
    assert free_on(town, tomorrow)[:3] == ["09:00", "09:45", "10:30"]
    first = next(at for at in town.free() if day_of(town, at) == tomorrow)
    town.site.appointments.book(town.members[MAYA].id, ines, first)
    town.site.book.schedules.set_hours(ines, DoctorFacts("H", "R", 20, (Hours(1, 525, 620),)))
    town.site.book.schedules.set_terms(ines, Terms(buffer_minutes=10))
    assert free_on(town, tomorrow) == ["09:45"], (
        "08:45 ends five minutes before the booking at 09:00 and 09:15 is in it"
    )


def test_a_doctor_may_allow_several_appointments_on_a_day(any_town: Town) -> None:
    town, maya, ines = any_town, any_town.members[MAYA].id, any_town.members[INES].id
    slots = town.free()
    town.site.appointments.book(maya, ines, slots[0])
    with pytest.raises(OneADay):
        town.site.appointments.book(maya, ines, slots[2])
    town.site.book.schedules.set_terms(ines, Terms(several_a_day=True))
    town.site.appointments.book(maya, ines, slots[2])
    assert slots[4] in [slot.starts_at for slot in town.site.appointments.free_for(maya, ines)]


def test_a_moved_appointment_keeps_its_number_and_frees_the_old_time(any_town: Town) -> None:
    town, maya = any_town, any_town.members[MAYA].id
    slots, booking = town.free(), town.book()
    town.site.appointments.move(maya, booking, slots[1])
    assert town.free() == [slots[0], *slots[2:]]
    assert [row.starts_at for row in town.site.appointments.of_patient(maya)] == [slots[1]]
    assert town.site.appointments.details(town.site.appointments.of_patient(maya))[booking].sequence == 1
    with pytest.raises(NotFound):
        town.site.appointments.move(town.members[OMAR].id, booking, slots[5])


def test_who_loses_the_new_time_keeps_the_old_one(any_town: Town) -> None:
    town, maya = any_town, any_town.members[MAYA].id
    slots, booking = town.free(), town.book()
    town.site.appointments.book(town.members[OMAR].id, town.members[INES].id, slots[3])
    with pytest.raises(SlotTaken):
        town.site.appointments.move(maya, booking, slots[3])
    assert [row.starts_at for row in town.site.appointments.of_patient(maya)] == [slots[0]]
    assert slots[0] not in town.free()


def test_a_cancellation_can_be_taken_back_for_a_minute(any_town: Town) -> None:
    town, maya, book = any_town, any_town.members[MAYA].id, any_town.site.appointments
    before, booking = town.free(), town.book()
    book.cancel(maya, booking)
    with pytest.raises(NotFound):
        book.restore(town.members[OMAR].id, booking)
    town.federation.clock.now += UNDO_S - 1
    book.restore(maya, booking)
    assert town.free() == before[1:]
    book.cancel(maya, booking)
    town.federation.clock.now += UNDO_S
    with pytest.raises(UndoTooLate):
        book.restore(maya, booking)


def test_a_time_that_somebody_took_meanwhile_is_not_taken_back(any_town: Town) -> None:
    town, maya, book = any_town, any_town.members[MAYA].id, any_town.site.appointments
    start, booking = town.free()[0], town.book()
    book.cancel(maya, booking)
    book.book(town.members[OMAR].id, town.members[INES].id, start)
    with pytest.raises(SlotTaken):
        book.restore(maya, booking)
    assert book.of(maya, booking).state == "cancelled"


@pytest.mark.parametrize("closed", [True, False])
def test_a_doctor_cancels_and_may_keep_the_time_closed(any_town: Town, closed: bool) -> None:
    town, start, booking = any_town, any_town.free()[0], any_town.book()
    with pytest.raises(NotFound):
        town.site.appointments.call_off(town.members[JONAS].id, booking, closed=closed)
    town.site.appointments.call_off(town.members[INES].id, booking, closed=closed)
    assert (start in town.free()) is not closed
    with pytest.raises(UndoTooLate):
        town.site.appointments.restore(town.members[MAYA].id, booking)


def test_terms_are_kept_as_they_were_set(any_town: Town) -> None:
    town, ines = any_town, any_town.members[INES].id
    terms = replace(Terms(), place="Zürich", languages=("de", "pt"), buffer_minutes=5)
    town.site.book.schedules.set_terms(ines, terms)
    assert town.site.appointments.doctor(ines).terms == terms
    assert town.site.appointments.doctor(town.members[JONAS].id).terms == Terms()
