"""What one running site consists of, reachable from every page.

Invariant: pages reach stores and services only through `site()`; there is no global state.

Source: securedrop's typed configuration on the application object.
Not here: building it (app.py).
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app

from webui.config import SiteConfig
from webui.services import Services
from webui.store.accounts import AccountStore
from webui.store.appointments import AppointmentStore
from webui.store.database import Database
from webui.store.passwords import Passwords
from webui.store.predictions import PredictionStore
from webui.store.throttle import Throttle

EXTENSION = "hemaledger"


@dataclass(frozen=True)
class Site:
    """Configuration, services and stores of one application."""

    config: SiteConfig
    services: Services
    accounts: AccountStore
    predictions: PredictionStore
    appointments: AppointmentStore
    throttle: Throttle


def build_site(config: SiteConfig, services: Services) -> Site:
    """Return the stores over one database, which must be at its newest revision."""
    database = Database(config.database_url)
    clock = services.clock
    return Site(
        config=config,
        services=services,
        accounts=AccountStore(database, Passwords(config.passwords), clock),
        predictions=PredictionStore(database, clock),
        appointments=AppointmentStore(database, config.tz, config.limits.open_bookings, clock),
        throttle=Throttle(database, clock),
    )


def site() -> Site:
    """Return the site of the request in hand."""
    value = current_app.extensions[EXTENSION]
    if not isinstance(value, Site):
        raise TypeError("this application was not made by create_app")
    return value
