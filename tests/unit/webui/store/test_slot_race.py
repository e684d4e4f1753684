"""Two hundred people and four processes at one slot, on every database: one wins, the others hear that it is taken."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from threading import Barrier

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fl.protocol.errors import SlotTaken
from tests.support.site_town import INES, Town
from webui.errors import BookingOverlaps, DatabaseUnavailable
from webui.store.appointments import AppointmentStore
from webui.store.booking_rules import IN_FORCE
from webui.store.database import Database
from webui.store.models import Account, Appointment, PatientProfile

CROWD, PROCESSES = 200, 4


def patients(town: Town) -> list[int]:
    """Add the crowd, past the costly passwords; return their ids."""

    def account(number: int) -> Account:
        email = f"p{number}@patients.example"
        return Account(email=email, email_key=email, name="P", role="patient", password_hash="", created_at=0)

    def work(session: Session) -> list[int]:
        rows = [PatientProfile(account=account(number), date_of_birth=date(1990, 1, 1)) for number in range(CROWD)]
        session.add_all(rows)
        session.flush()
        return [row.account_id for row in rows]

    return town.site.database.write(work)


def test_of_two_hundred_at_one_slot_one_wins_although_processes_share_no_lock(any_town: Town) -> None:
    town, people = any_town, patients(any_town)
    doctor, (starts_at, following, *_) = any_town.members[INES].id, any_town.free()
    url = town.config.database_url
    databases = [Database(url) for _ in range(PROCESSES)]
    books = [AppointmentStore(each, town.config.tz, 9, town.federation.clock) for each in databases]
    gate = Barrier(CROWD)

    def attempt(place: int) -> str:
        gate.wait(timeout=60)
        while True:
            with suppress(DatabaseUnavailable):  # too many wait; nothing has changed, so people try again
                try:
                    books[place % PROCESSES].book(people[place], doctor, starts_at)
                except SlotTaken:
                    return "taken"
                return "booked"

    with ThreadPoolExecutor(CROWD) as pool:
        outcomes = Counter(pool.map(attempt, range(CROWD)))
    for each in databases:
        each.close()
    assert outcomes == {"booked": 1, "taken": CROWD - 1}
    with town.site.database.reading() as session:
        assert session.scalar(select(func.count(Appointment.id)).where(IN_FORCE)) == 1
    assert town.free()[0] == following


def test_one_patient_who_asks_two_doctors_at_once_for_the_same_time_gets_one(any_town: Town) -> None:
    town, patient = any_town, any_town.members["maya@patients.example"].id
    doctors = [town.members[email].id for email in (INES, "jonas@clinic.example")]
    starts_at, databases = town.free()[0], [Database(town.config.database_url) for _ in range(2)]
    books = [AppointmentStore(each, town.config.tz, 9, town.federation.clock) for each in databases]
    gate = Barrier(2)

    def attempt(place: int) -> str:
        gate.wait(timeout=60)
        try:
            books[place].book(patient, doctors[place], starts_at)
        except (SlotTaken, BookingOverlaps):
            return "refused"
        return "booked"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, range(2))) == ["booked", "refused"]
    for each in databases:
        each.close()
