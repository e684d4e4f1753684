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
    requests,
    schedule,
    waiting,
)

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
)
