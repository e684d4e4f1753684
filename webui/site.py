"""What one running site consists of, reachable from every page.

Invariant: pages reach stores and services only through `site()`; there is no global state.

Source: securedrop's typed configuration on the application object.
Not here: building it (app.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event

from flask import current_app, g

from fl.crypto.capsule import NO_KEY
from fl.protocol.errors import UnavailableError
from webui.anchoring import Anchoring
from webui.config import SiteConfig
from webui.disclosing import Disclosing
from webui.doors import Doors
from webui.patient_records import PatientRecords
from webui.record_services import CommitteeFacts
from webui.replays import Replays
from webui.services import Services
from webui.store.accounts import AccountStore
from webui.store.appointments import AppointmentStore
from webui.store.database import Database
from webui.store.disclosures import DisclosureStore
from webui.store.handled import HandledForms
from webui.store.leaves import LeafStore
from webui.store.models import StoredRecord
from webui.store.passwords import Passwords
from webui.store.records import RecordStore
from webui.store.throttle import Throttle

EXTENSION = "hemaledger"


@dataclass(frozen=True)
class Site:
    """Configuration, services and stores of one application."""

    config: SiteConfig
    services: Services
    database: Database
    accounts: AccountStore
    records: RecordStore
    charts: PatientRecords
    anchoring: Anchoring
    requests: DisclosureStore
    handled: HandledForms
    wake: Event
    """Set when there is something to do in the background before the next turn."""
    doors: Doors
    disclosing: Disclosing
    appointments: AppointmentStore
    throttle: Throttle
    replays: Replays

    def committee(self) -> CommitteeFacts | None:
        """Return who holds the key for records; None, too, while that cannot be known."""
        try:
            return self.services.records.committee()
        except UnavailableError:
            return None

    def dealt(self, row: StoredRecord) -> bool | None:
        """Return whether a record is sealed to a key that the operator dealt; None while that cannot be known.

        The ledger is asked once for a page.
        """
        if not any(row.key_id or NO_KEY):
            return False
        if "dealt_keys" not in g:
            try:
                g.dealt_keys = self.services.records.dealt_keys()
            except UnavailableError:
                g.dealt_keys = None
        return None if g.dealt_keys is None else row.key_id in g.dealt_keys


def build_site(config: SiteConfig, services: Services) -> Site:
    """Return the stores over one database, which must be at its newest revision."""
    database = Database(config.database_url)
    clock = services.clock
    records, requests = RecordStore(database, clock), DisclosureStore(database, clock)
    return Site(
        config=config,
        services=services,
        database=database,
        accounts=AccountStore(database, Passwords(config.passwords), clock),
        records=records,
        charts=PatientRecords(records, services.records, clock),
        anchoring=Anchoring(LeafStore(database), services.records, clock),
        requests=requests,
        handled=HandledForms(database, clock),
        wake=Event(),
        doors=Doors.of(config.places),
        disclosing=Disclosing(requests, records, services.disclosures, clock),
        appointments=AppointmentStore(database, config.tz, config.limits.open_bookings, clock),
        throttle=Throttle(database, clock),
        replays=Replays(services.audits, clock),
    )


def site() -> Site:
    """Return the site of the request in hand."""
    value = current_app.extensions[EXTENSION]
    if not isinstance(value, Site):
        raise TypeError("this application was not made by create_app")
    return value
