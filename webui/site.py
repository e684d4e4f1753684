"""The parts of one running site.

Invariant: pages reach stores and services only through `site()`; there is no global state.

Source: securedrop's typed configuration on the application object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from flask import current_app

from fl.protocol.errors import UnavailableError
from webui.config import SiteConfig
from webui.ports.federation import Services
from webui.ports.records import CommitteeFacts
from webui.store.accounts import AccountStore
from webui.store.appointments import AppointmentStore
from webui.store.booking_rules import Rules
from webui.store.calendar_feeds import FeedStore
from webui.store.care import Care, CareStore
from webui.store.carriers import carrier_of
from webui.store.database import Database
from webui.store.decryption_requests import RequestStore
from webui.store.handled import HandledForms
from webui.store.leaves import LeafStore
from webui.store.mail import MailStore
from webui.store.openings import Openings
from webui.store.passwords import Passwords
from webui.store.records import RecordStore
from webui.store.reminders import Reminders
from webui.store.schedules import ScheduleStore
from webui.store.throttle import Throttle
from webui.store.tokens import TokenStore
from webui.store.waiting import WaitingStore
from webui.usecases.admission import Doors
from webui.usecases.anchoring import Anchoring
from webui.usecases.appointment_mail import AppointmentMail, Letterhead
from webui.usecases.mail import Mail
from webui.usecases.patient_records import PatientRecords
from webui.usecases.record_requests import RecordRequests
from webui.usecases.replays import Replays

EXTENSION = "hemaledger"


@dataclass(frozen=True)
class AppointmentBook:
    """All that belongs to appointments."""

    appointments: AppointmentStore
    schedules: ScheduleStore
    waiting: WaitingStore
    feeds: FeedStore
    reminders: Reminders
    head: Letterhead


@dataclass(frozen=True)
class Site:
    """Configuration, stores, use cases and services of one application.

    A store holds rows, a service asks the ledger, and a use case (patient_records, record_requests) joins both.
    """

    config: SiteConfig
    services: Services
    database: Database
    accounts: AccountStore
    record_store: RecordStore
    patient_records: PatientRecords
    anchoring: Anchoring
    request_store: RequestStore
    handled: HandledForms
    wake: Event
    """Set to start the next turn of the upkeep early (maintenance.py)."""
    doors: Doors
    record_requests: RecordRequests
    appointments: AppointmentStore
    care: CareStore
    openings: Openings
    throttle: Throttle
    replays: Replays
    mail: Mail
    book: AppointmentBook
    tokens: TokenStore

    def committee(self) -> CommitteeFacts | None:
        """Return who holds the key for records; None also if the ledger does not answer."""
        try:
            return self.services.records.committee()
        except UnavailableError:
            return None


def build_site(config: SiteConfig, services: Services) -> Site:
    """Return the parts over one database, which must be at its newest revision."""
    database = Database(config.database_url)
    clock = services.clock
    care, openings = Care(config.care_days, clock), Openings(database, clock)
    records, requests = RecordStore(database, care), RequestStore(database, clock)
    mail = Mail(MailStore(database, clock), carrier_of(config.mail))
    book = _book(config, database, mail, clock)
    passwords = Passwords(config.passwords, (config.hospital_name, "hemaledger"))
    return Site(
        config=config,
        services=services,
        database=database,
        accounts=AccountStore(database, passwords, clock),
        record_store=records,
        patient_records=PatientRecords(records, services.records, openings, clock),
        anchoring=Anchoring(LeafStore(database), services.records, clock),
        request_store=requests,
        handled=HandledForms(database, clock),
        wake=Event(),
        doors=Doors.of(config.places),
        record_requests=RecordRequests(requests, openings, records, services.requests, clock),
        appointments=book.appointments,
        care=CareStore(database, care),
        openings=openings,
        throttle=Throttle(database, clock),
        replays=Replays(services.audits, clock),
        mail=mail,
        book=book,
        tokens=TokenStore(database, clock),
    )


def _book(config: SiteConfig, database: Database, mail: Mail, clock: Callable[[], int]) -> AppointmentBook:
    zone, open_bookings = config.tz, config.limits.open_bookings
    head = Letterhead(config.hospital_name, config.mail.sender, config.address, zone)
    news = AppointmentMail(mail, head, clock)
    return AppointmentBook(
        appointments=AppointmentStore(database, zone, open_bookings, clock, news.tell),
        schedules=ScheduleStore(database, zone, clock),
        waiting=WaitingStore(database, lambda: Rules(zone, open_bookings, clock()), news.tell, news.offer),
        feeds=FeedStore(database, clock),
        reminders=Reminders(database, news.tell, clock),
        head=head,
    )


def site() -> Site:
    value = current_app.extensions[EXTENSION]
    if not isinstance(value, Site):
        raise TypeError("this application was not made by create_app")
    return value
