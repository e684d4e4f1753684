"""The parts of one running site.

Invariant: pages reach stores and services only through `site()`; there is no global state.

Source: securedrop's typed configuration on the application object.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event

from flask import current_app

from fl.protocol.errors import UnavailableError
from webui.config import SiteConfig
from webui.ports.federation import Services
from webui.ports.records import CommitteeFacts
from webui.store.accounts import AccountStore
from webui.store.appointments import AppointmentStore
from webui.store.care import Care, CareStore
from webui.store.carriers import carrier_of
from webui.store.database import Database
from webui.store.decryption_requests import RequestStore
from webui.store.handled import HandledForms
from webui.store.leaves import LeafStore
from webui.store.mail import MailStore
from webui.store.openings import Openings
from webui.store.passwords import Passwords
from webui.store.reasons import ReasonStore
from webui.store.receipts import ReceiptStore
from webui.store.records import RecordStore
from webui.store.request_notices import NoticeStore
from webui.store.throttle import Throttle
from webui.store.timeline import TimelineStore
from webui.store.trustee_registrations import TrusteeRegistrations
from webui.store.worklist import WorklistStore
from webui.usecases.admission import Doors
from webui.usecases.anchoring import Anchoring
from webui.usecases.mail import Mail
from webui.usecases.patient_records import PatientRecords
from webui.usecases.reasons import Reasons
from webui.usecases.receipt_checks import ReceiptChecks
from webui.usecases.receipts import Receipts
from webui.usecases.record_requests import RecordRequests
from webui.usecases.replays import Replays
from webui.usecases.request_notices import RequestNotices
from webui.usecases.risks import Risks
from webui.usecases.timeline import Timelines
from webui.usecases.trustee_kits import TrusteeKits
from webui.usecases.worklist import Worklist

EXTENSION = "hemaledger"


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
    work: WorklistStore
    worklist: Worklist
    request_notices: RequestNotices
    reasons: Reasons
    timelines: Timelines
    kits: TrusteeKits
    mail: Mail
    receipts: Receipts
    receipt_checks: ReceiptChecks
    risks: Risks

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
    opened, work = PatientRecords(records, services.records, openings, clock), WorklistStore(database, care)
    reasons = Reasons(ReasonStore(database), services.records)
    mail = Mail(MailStore(database, clock), carrier_of(config.mail))
    anchoring, receipts = Anchoring(LeafStore(database), services.records, clock), ReceiptStore(database)
    throttle, doors = Throttle(database, clock), Doors.of(config.places)
    cared = CareStore(database, care)
    risks = Risks(services.tables, records, opened, cared, throttle, doors.risks, config.limits, config.patient_risks)
    passwords = Passwords(config.passwords, (config.hospital_name, "hemaledger"))
    return Site(
        config=config,
        services=services,
        database=database,
        accounts=AccountStore(database, passwords, clock),
        record_store=records,
        patient_records=opened,
        anchoring=anchoring,
        request_store=requests,
        handled=HandledForms(database, clock),
        wake=Event(),
        doors=doors,
        record_requests=RecordRequests(requests, openings, records, services.requests, reasons, clock),
        appointments=AppointmentStore(database, config.tz, config.limits.open_bookings, clock),
        care=cared,
        openings=openings,
        throttle=throttle,
        replays=Replays(services.audits, clock),
        work=work,
        worklist=Worklist(work, records, opened, services.records, mail),
        request_notices=RequestNotices(NoticeStore(database, clock), requests, services.requests, mail),
        reasons=reasons,
        kits=TrusteeKits(TrusteeRegistrations(database, clock), services.records),
        timelines=Timelines(TimelineStore(database), opened),
        mail=mail,
        receipts=Receipts(receipts, anchoring, services.records, clock),
        receipt_checks=ReceiptChecks(receipts, anchoring, services.records, services.audits),
        risks=risks,
    )


def site() -> Site:
    value = current_app.extensions[EXTENSION]
    if not isinstance(value, Site):
        raise TypeError("this application was not made by create_app")
    return value
