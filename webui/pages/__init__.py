"""The pages: one blueprint each."""

from __future__ import annotations

from webui.pages import (
    about,
    access_log,
    account,
    accounts,
    appointments,
    approvals,
    auditor,
    calendar_feed,
    check_pictures,
    checks,
    consent,
    doctor,
    factors,
    health,
    home,
    metrics,
    my_data,
    passkeys,
    receipts,
    requests,
    schedule,
    tokens,
    waiting,
    ways_back,
)
from webui.pages.api import blueprint as api
from webui.pages.fhir import blueprint as fhir

PAGES = (
    health.blueprint,
    home.blueprint,
    accounts.blueprint,
    checks.blueprint,
    consent.blueprint,
    appointments.blueprint,
    doctor.blueprint,
    requests.blueprint,
    approvals.blueprint,
    auditor.blueprint,
    check_pictures.blueprint,
    receipts.blueprint,
    my_data.blueprint,
    about.blueprint,
    waiting.blueprint,
    schedule.blueprint,
    calendar_feed.blueprint,
    account.blueprint,
    factors.blueprint,
    passkeys.blueprint,
    ways_back.blueprint,
    access_log.blueprint,
    tokens.blueprint,
    metrics.blueprint,
    api,
    fhir,
)
BY_TOKEN = (api, fhir)
"""Those for programs: a token instead of a cookie, so no token of a form (http/machines.py)."""
