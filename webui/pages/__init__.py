"""The pages: one blueprint each."""

from __future__ import annotations

from webui.pages import (
    accounts,
    appointments,
    approvals,
    auditor,
    calendar_feed,
    checks,
    consent,
    doctor,
    health,
    home,
    metrics,
    requests,
    schedule,
    tokens,
    waiting,
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
    waiting.blueprint,
    schedule.blueprint,
    calendar_feed.blueprint,
    tokens.blueprint,
    api,
    fhir,
    metrics.blueprint,
)
BY_TOKEN = (api, fhir)
"""Those for programs: a token instead of a cookie, so no token of a form (http/machines.py)."""
