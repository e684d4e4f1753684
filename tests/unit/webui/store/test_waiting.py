"""Waiting lists: a freed time is offered in turn, and nobody else can book it meanwhile."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from fl.protocol.errors import SlotTaken
from tests.support.site_town import INES, JONAS, MAYA, OMAR, PASSWORD, Town
from webui.errors import NotFound
from webui.store import waiting as waiting_store
from webui.store.appointments import UNDO_S
from webui.store.calendar_errors import AlreadyWaiting, DaysNotOffered, OfferGone
from webui.store.calendar_tables import Part, TakenTime, WaitingWish
from webui.store.mail_tables import MailRow
from webui.store.models import SiteRole
from webui.store.new_accounts import DoctorFacts, NewAccount, PatientFacts
from webui.store.slots import Slot
from webui.store.waiting import LEAD_S, OFFER_S, Wish, fits

ADA = "ada@patients.example"


def day_of(town: Town, moment: int) -> date:
    return datetime.fromtimestamp(moment, town.config.tz).date()


def patient(town: Town, email: str) -> int:
    new = NewAccount(SiteRole.PATIENT, email, email.partition("@")[0], PASSWORD, PatientFacts(date(1990, 1, 1)))
    return town.site.accounts.create(new).id


def full_day(town: Town) -> list[int]:
    """Let somebody book every time of Ines' next whole day; return the times."""
    tomorrow = day_of(town, town.federation.clock.now) + timedelta(days=1)
    times = [start for start in town.free() if day_of(town, start) == tomorrow]
    for number, start in enumerate(times):
        town.site.appointments.book(patient(town, f"p{number}@x.example"), town.members[INES].id, start)
    return times


def join(town: Town, email: str, part: Part = Part.ANY, doctor: str = INES) -> None:
    tomorrow = day_of(town, town.federation.clock.now) + timedelta(days=1)
    town.site.book.waiting.join(town.members[email].id, town.members[doctor].id, Wish(tomorrow, tomorrow, part))


def offer_of(town: Town, email: str) -> int | None:
    [waiting] = town.site.book.waiting.of_patient(town.members[email].id)
    return waiting.offer.starts_at if waiting.offer is not None else None


def free_up(town: Town, starts_at: int) -> None:
    """Let the patient of a booking cancel it."""
    row = next(
        each for each in town.site.appointments.of_doctor(town.members[INES].id, 0) if each.starts_at == starts_at
    )
    town.site.appointments.cancel(row.patient_id, row.id)


def turn(town: Town, seconds: int = 0) -> int:
    town.federation.clock.now += seconds
    return town.site.book.waiting.turn()


def subjects(town: Town) -> list[str]:
    with town.site.database.reading() as session:
        return list(session.scalars(select(MailRow.subject).order_by(MailRow.id)))


def test_a_freed_time_is_offered_in_turn_and_held(any_town: Town) -> None:
    town, book = any_town, any_town.site.appointments
    times = full_day(town)
    join(town, MAYA)
    join(town, OMAR)
    assert turn(town) == 0
    free_up(town, times[3])
    assert turn(town, UNDO_S - 1) == 0, "the cancellation can still be taken back"
    assert turn(town, 1) == 1
    assert (offer_of(town, MAYA), offer_of(town, OMAR)) == (times[3], None)
    with pytest.raises(SlotTaken):
        book.book(town.members[OMAR].id, town.members[INES].id, times[3])
    assert times[3] not in town.free()
    assert turn(town, OFFER_S - 1) == 0
    assert turn(town, 1) == 1
    assert (offer_of(town, MAYA), offer_of(town, OMAR)) == (None, times[3])
    [wish] = town.site.book.waiting.of_patient(town.members[OMAR].id)
    booking = town.site.book.waiting.accept(town.members[OMAR].id, wish.wish.id)
    assert book.of(town.members[OMAR].id, booking).starts_at == times[3]
    assert town.site.book.waiting.of_patient(town.members[OMAR].id) == []
    assert [each for each in subjects(town) if each.startswith("A free time")] == [
        "A free time on Tuesday, 24 November 2026, 10:30 (UTC)"
    ] * 2


def test_a_declined_time_goes_to_the_next_and_does_not_come_back(any_town: Town) -> None:
    town = any_town
    times = full_day(town)
    join(town, MAYA)
    free_up(town, times[0])
    free_up(town, times[1])
    assert turn(town, UNDO_S) == 1
    [waiting] = town.site.book.waiting.of_patient(town.members[MAYA].id)
    assert offer_of(town, MAYA) == times[0]
    town.site.book.waiting.decline(town.members[MAYA].id, waiting.wish.id)
    assert times[0] in town.free()
    assert turn(town) == 1
    assert offer_of(town, MAYA) == times[1]
    with pytest.raises(NotFound):
        town.site.book.waiting.accept(town.members[OMAR].id, waiting.wish.id)


def test_an_offer_that_ran_out_cannot_be_accepted_and_holds_nothing(any_town: Town) -> None:
    town = any_town
    times = full_day(town)
    join(town, MAYA)
    free_up(town, times[0])
    turn(town, UNDO_S)
    [waiting] = town.site.book.waiting.of_patient(town.members[MAYA].id)
    town.federation.clock.now += OFFER_S
    with pytest.raises(OfferGone):
        town.site.book.waiting.accept(town.members[MAYA].id, waiting.wish.id)
    assert times[0] in town.free()
    town.site.appointments.book(town.members[OMAR].id, town.members[INES].id, times[0])


def test_who_leaves_gets_no_offer_and_frees_the_held_one(any_town: Town) -> None:
    town = any_town
    times = full_day(town)
    join(town, MAYA)
    join(town, OMAR)
    free_up(town, times[0])
    turn(town, UNDO_S)
    [waiting] = town.site.book.waiting.of_patient(town.members[MAYA].id)
    town.site.book.waiting.leave(town.members[MAYA].id, waiting.wish.id)
    assert town.site.book.waiting.of_patient(town.members[MAYA].id) == []
    assert turn(town) == 1
    assert offer_of(town, OMAR) == times[0]


def test_nobody_is_offered_what_they_cannot_book(any_town: Town) -> None:
    town = any_town
    times = full_day(town)
    join(town, MAYA)
    join(town, OMAR)
    town.site.appointments.book(town.members[MAYA].id, town.members[JONAS].id, times[0])
    free_up(town, times[0])
    turn(town, UNDO_S)
    assert (offer_of(town, MAYA), offer_of(town, OMAR)) == (None, times[0])


def test_a_time_that_begins_soon_is_not_offered(any_town: Town) -> None:
    town = any_town
    times = full_day(town)
    join(town, MAYA)
    free_up(town, times[0])
    town.federation.clock.now = times[0] - LEAD_S
    assert turn(town) == 0


def test_a_wish_ends_with_its_last_day(any_town: Town) -> None:
    join(any_town, MAYA)
    turn(any_town, 2 * 86400)
    assert any_town.site.book.waiting.of_patient(any_town.members[MAYA].id) == []


def test_an_offer_on_a_day_that_the_doctor_closes_ends(any_town: Town) -> None:
    town, ines = any_town, any_town.members[INES].id
    tomorrow = day_of(town, town.federation.clock.now) + timedelta(days=1)
    town.site.book.schedules.close_day(ines, tomorrow)
    join(town, MAYA)
    assert turn(town) == 0
    town.site.book.schedules.open_day(ines, tomorrow)
    assert turn(town) == 1
    [waiting] = town.site.book.waiting.of_patient(town.members[MAYA].id)
    assert waiting.offer is not None
    town.site.book.schedules.close_day(ines, day_of(town, waiting.offer.starts_at))
    assert offer_of(town, MAYA) is None
    with pytest.raises(OfferGone):
        town.site.book.waiting.accept(town.members[MAYA].id, waiting.wish.id)


def test_an_offer_outside_the_doctors_new_hours_cannot_be_accepted(any_town: Town) -> None:
    town, ines = any_town, any_town.members[INES].id
    join(town, MAYA)
    turn(town)
    [waiting] = town.site.book.waiting.of_patient(town.members[MAYA].id)
    town.site.book.schedules.set_hours(ines, DoctorFacts("Haematology", "Room 1", 30, ()))
    with pytest.raises(OfferGone):
        town.site.book.waiting.accept(town.members[MAYA].id, waiting.wish.id)
    assert town.site.appointments.of_patient(town.members[MAYA].id) == []


def test_somebody_behind_many_who_cannot_come_gets_the_offer(any_town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_store, "TURN_OFFERS", 1)
    town = any_town
    times = full_day(town)
    join(town, MAYA, Part.AFTERNOON)
    join(town, OMAR)
    free_up(town, times[0])
    assert turn(town, UNDO_S) == 1
    assert (offer_of(town, MAYA), offer_of(town, OMAR)) == (None, times[0])


def test_nobody_waits_twice_or_for_days_that_are_over(any_town: Town) -> None:
    town = any_town
    join(town, MAYA)
    with pytest.raises(AlreadyWaiting):
        join(town, MAYA)
    join(town, MAYA, doctor=JONAS)
    past = Wish(date(2020, 2, 29), date(2020, 3, 1), Part.ANY)
    with pytest.raises(DaysNotOffered):
        town.site.book.waiting.join(town.members[OMAR].id, town.members[INES].id, past)
    with pytest.raises(NotFound):
        town.site.book.waiting.join(
            town.members[OMAR].id, town.members[MAYA].id, past.__class__(*days_ahead(town), Part.ANY)
        )


def days_ahead(town: Town) -> tuple[date, date]:
    today = day_of(town, town.federation.clock.now)
    return today, today + timedelta(days=1)


def test_the_database_itself_forbids_two_offers_of_one_time(any_town: Town) -> None:
    town, start = any_town, any_town.free()[0]
    join(town, MAYA)
    join(town, OMAR)

    def hold(place: int) -> None:
        with town.site.database.reading() as session:
            wishes = list(session.scalars(select(WaitingWish.id).order_by(WaitingWish.id)))
        row = {"doctor_id": town.members[INES].id, "starts_at": start + place * 60, "ends_at": start + 1800}
        values = row | {"kind": "offer", "wish_id": wishes[place], "held_until": start}
        town.site.database.write(lambda session: session.execute(insert(TakenTime).values(**values)))

    hold(0)
    with pytest.raises(IntegrityError):
        hold(1)


@pytest.mark.parametrize(
    ("part", "fitting"), [(Part.ANY, [9, 11, 12, 16]), (Part.MORNING, [9, 11]), (Part.AFTERNOON, [12, 16])]
)
def test_a_part_of_the_day_ends_at_noon(any_town: Town, part: Part, fitting: list[int]) -> None:
    day = date(2026, 11, 24)
    wish = WaitingWish(first_day=day, last_day=day, part=part.value)
    hours = {hour: int(datetime(2026, 11, 24, hour, tzinfo=UTC).timestamp()) for hour in (9, 11, 12, 16)}
    assert [hour for hour, at in hours.items() if fits(wish, Slot(at, at + 3600), any_town.config.tz)] == fitting


def test_a_time_that_was_free_when_the_patient_joined_is_not_offered(any_town: Town) -> None:
    town = any_town
    assert town.free()
    join(town, MAYA)
    assert turn(town) == 0
    assert turn(town, 3600) == 0
    assert offer_of(town, MAYA) is None


def test_a_time_that_was_free_is_offered_once_somebody_booked_and_cancelled_it(any_town: Town) -> None:
    town, book = any_town, any_town.site.appointments
    tomorrow = day_of(town, town.federation.clock.now) + timedelta(days=1)
    start = next(each for each in town.free() if day_of(town, each) == tomorrow)
    join(town, MAYA)
    book.book(town.members[OMAR].id, town.members[INES].id, start)
    assert turn(town) == 0
    free_up(town, start)
    assert turn(town, UNDO_S + 1) == 1
    assert offer_of(town, MAYA) == start
