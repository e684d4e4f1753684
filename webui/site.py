"""The parts of one running site.

Invariant: pages reach stores and services only through `site()`; there is no global state.

Source: securedrop's typed configuration on the application object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from flask import current_app

from fl.protocol.errors import HemaledgerError, UnavailableError
from webui.config import SiteConfig
from webui.ports.federation import Services
from webui.ports.records import CommitteeFacts
from webui.store.access_log import AccessLog, Line, LogEvent
from webui.store.accounts import AccountStore, SignedInUser
from webui.store.appointments import AppointmentStore
from webui.store.booking_rules import Rules
from webui.store.calendar_feeds import FeedStore
from webui.store.care import Care, CareStore
from webui.store.carriers import carrier_of
from webui.store.database import Database
from webui.store.decryption_requests import RequestStore
from webui.store.factors import FactorStore
from webui.store.handled import HandledForms
from webui.store.keyed import Keyed
from webui.store.leaves import LeafStore
from webui.store.mail import MailStore
from webui.store.mail_choices import MailChoices
from webui.store.networks import network_of
from webui.store.one_time import OneTimeStore
from webui.store.open_checks import OpenChecks
from webui.store.openings import Openings
from webui.store.passkeys import PasskeyStore
from webui.store.passwords import Passwords
from webui.store.patient_notices import PatientNoticeStore
from webui.store.preferences import PreferenceStore
from webui.store.reasons import ReasonStore
from webui.store.receipts import ReceiptStore
from webui.store.records import RecordStore
from webui.store.reminders import Reminders
from webui.store.request_notices import NoticeStore
from webui.store.schedules import ScheduleStore
from webui.store.sessions import SessionStore
from webui.store.staff import StaffStore
from webui.store.throttle import Throttle
from webui.store.timeline import TimelineStore
from webui.store.tokens import TokenStore
from webui.store.training_objections import ObjectionStore
from webui.store.trustee_registrations import TrusteeRegistrations
from webui.store.uploads import UploadStore
from webui.store.waiting import WaitingStore
from webui.store.worklist import WorklistStore
from webui.usecases.access_audit import AccessAudit
from webui.usecases.accesses import Accesses
from webui.usecases.admission import Doors
from webui.usecases.anchoring import Anchoring
from webui.usecases.appointment_mail import AppointmentMail, Letterhead
from webui.usecases.failed_sign_ins import FailedSignIns
from webui.usecases.full_audits import FullAudits
from webui.usecases.gists import Gists
from webui.usecases.key_orders import HospitalKeys
from webui.usecases.ledger_health import Health
from webui.usecases.ledger_tables import LedgerTables
from webui.usecases.line_proofs import LineProofs
from webui.usecases.mail import Mail
from webui.usecases.models_in_use import ModelsInUse
from webui.usecases.notices import Notices
from webui.usecases.open_results import OpenResults
from webui.usecases.own_tools import OwnTools
from webui.usecases.passkeys import Passkeys
from webui.usecases.patient_notices import PatientNotices
from webui.usecases.patient_records import PatientRecords
from webui.usecases.proof_states import far_reach
from webui.usecases.reasons import Reasons
from webui.usecases.receipt_checks import ReceiptChecks
from webui.usecases.receipts import Receipts
from webui.usecases.record_requests import RecordRequests
from webui.usecases.replays import Replays
from webui.usecases.request_notices import RequestNotices
from webui.usecases.risks import Risks
from webui.usecases.second_steps import SecondSteps
from webui.usecases.superseded_notices import SupersededNotices
from webui.usecases.timeline import Timelines
from webui.usecases.trustee_kits import TrusteeKits
from webui.usecases.trustee_shares import TrusteeShares
from webui.usecases.ways_back import WaysBack
from webui.usecases.withdrawals import Withdrawals
from webui.usecases.worklist import Worklist

EXTENSION = "hemaledger"
NETWORK_CHARS = 16


@dataclass(frozen=True)
class AppointmentBook:
    """All that belongs to appointments."""

    appointments: AppointmentStore
    schedules: ScheduleStore
    waiting: WaitingStore
    feeds: FeedStore
    reminders: Reminders
    head: Letterhead
    news: AppointmentMail


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
    accesses: Accesses
    line_proofs: LineProofs
    throttle: Throttle
    replays: Replays
    models_in_use: ModelsInUse
    receipts: Receipts
    receipt_checks: ReceiptChecks
    mail: Mail
    book: AppointmentBook
    sessions: SessionStore
    second_steps: SecondSteps
    passkeys: Passkeys
    ways_back: WaysBack
    notices: Notices
    preferences: PreferenceStore
    mail_choices: MailChoices
    access_log: AccessLog
    failed_sign_ins: FailedSignIns
    access_audit: AccessAudit
    keyed: Keyed
    tokens: TokenStore
    work: WorklistStore
    worklist: Worklist
    gists: Gists
    open_results: OpenResults
    request_notices: RequestNotices
    superseded_notices: SupersededNotices
    patient_notices: PatientNotices
    reasons: Reasons
    timelines: Timelines
    kits: TrusteeKits
    risks: Risks
    ledger_tables: LedgerTables
    full_audits: FullAudits
    health: Health
    staff: StaffStore
    own_tools: OwnTools
    hospital_keys: HospitalKeys
    withdrawals: Withdrawals
    shares: TrusteeShares

    def line(self, user: SignedInUser | None, event: LogEvent, what: str, address: str | None, about: str = "") -> Line:
        """Return a line for the access log; `address` is the network address that asked."""
        network = self.keyed.tag("network", network_of(address or ""))[:NETWORK_CHARS]
        if user is None:
            return Line(None, "", event, what, about, network)
        return Line(user.id, user.role.value, event, what, about, network)

    def trust_code(self) -> str:
        """Return the code of the trust file with which proofs hold; empty without one, or if nothing answers now."""
        try:
            return self.services.proofs.trust_code()
        except HemaledgerError:
            return ""

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
    log, throttle, receipts = AccessLog(database, clock), Throttle(database, clock), ReceiptStore(database)
    anchoring = Anchoring(LeafStore(database), services.records, clock, log, 60 * config.anchor_minutes)
    opened, work = PatientRecords(records, services.records, openings, clock), WorklistStore(database, care)
    reasons, cared = Reasons(ReasonStore(database), services.records), CareStore(database, care)
    doors = Doors.of(config.places)
    gists = Gists(opened, throttle, doors.lists, config.limits.openings, clock)
    risks = Risks(services.tables, records, opened, cared, throttle, doors.risks, config.limits, config.patient_risks)
    passwords = Passwords(config.passwords, (config.hospital_name, "hemaledger"))
    accounts, keyed = AccountStore(database, passwords, clock), Keyed(config.secret_key)
    told = PatientNoticeStore(database, clock)
    mail, one_time = Mail(MailStore(database, clock), carrier_of(config.mail)), OneTimeStore(database, clock)
    book = _book(config, database, mail, clock)
    notices = Notices(mail, config.hospital_name, config.address)
    steps = SecondSteps(database, FactorStore(database, keyed, clock), notices, clock)
    asked = RecordRequests(requests, openings, records, services.requests, reasons, clock)
    in_use = ModelsInUse(services.predictions, services.tables)
    return Site(
        config=config,
        services=services,
        database=database,
        accounts=accounts,
        record_store=records,
        patient_records=opened,
        anchoring=anchoring,
        request_store=requests,
        handled=HandledForms(database, clock),
        wake=Event(),
        doors=doors,
        record_requests=asked,
        appointments=book.appointments,
        care=cared,
        openings=openings,
        accesses=Accesses(openings, requests, asked),
        line_proofs=LineProofs(log, LeafStore(database), services.proofs, lambda: services.records.sealer().account),
        throttle=throttle,
        replays=Replays(services.audits, clock),
        models_in_use=in_use,
        receipts=Receipts(receipts, anchoring, services.records, services.proofs, in_use, clock),
        receipt_checks=ReceiptChecks(receipts, anchoring, services.records, services.audits),
        mail=mail,
        book=book,
        sessions=SessionStore(database, clock, config.session_s),
        second_steps=steps,
        passkeys=Passkeys(PasskeyStore(database, clock), one_time, steps, accounts, keyed),
        ways_back=WaysBack(database, accounts, one_time, notices, clock),
        notices=notices,
        preferences=PreferenceStore(database),
        mail_choices=MailChoices(database),
        access_log=log,
        access_audit=AccessAudit(log, LeafStore(database), services.records),
        failed_sign_ins=FailedSignIns(database, throttle, log, notices),
        keyed=keyed,
        tokens=TokenStore(database, clock),
        work=work,
        worklist=Worklist(work, records, opened, services.records, mail, gists),
        gists=gists,
        open_results=OpenResults(OpenChecks(database), opened, gists),
        patient_notices=PatientNotices(told, mail, lambda: far_reach(services.proofs).root),
        request_notices=RequestNotices(NoticeStore(database, clock), requests, services.requests, mail),
        superseded_notices=SupersededNotices(database, cared, services.predictions, mail, clock),
        reasons=reasons,
        kits=TrusteeKits(TrusteeRegistrations(database, clock), services.records),
        timelines=Timelines(TimelineStore(database), opened),
        risks=risks,
        ledger_tables=LedgerTables(services.audits),
        full_audits=FullAudits(services.auditor, services.audits, clock),
        health=Health(services.audits, services.machine, database),
        staff=StaffStore(database, clock, book.news.tell),
        own_tools=OwnTools(UploadStore(database, clock), services.hospital),
        shares=TrusteeShares(services.shares, log),
        hospital_keys=HospitalKeys(database, services.keys, services.hospital),
        withdrawals=Withdrawals(database, services.withdrawals, ObjectionStore(database, clock)),
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
        news=news,
    )


def site() -> Site:
    value = current_app.extensions[EXTENSION]
    if not isinstance(value, Site):
        raise TypeError("this application was not made by create_app")
    return value
