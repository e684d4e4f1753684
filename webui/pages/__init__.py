"""The pages: one blueprint each."""

from __future__ import annotations

from webui.pages import (
    about,
    accounts,
    appointments,
    approvals,
    auditor,
    calendar_feed,
    check_pictures,
    checks,
    consent,
    doctor,
    health,
    home,
    my_data,
    receipts,
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
    check_pictures.blueprint,
    receipts.blueprint,
    my_data.blueprint,
    about.blueprint,
    waiting.blueprint,
    schedule.blueprint,
    calendar_feed.blueprint,
)
