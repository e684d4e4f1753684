"""The pages: one blueprint each."""

from __future__ import annotations

from webui.pages import (
    about,
    accounts,
    appointments,
    approvals,
    auditor,
    check_pictures,
    checks,
    consent,
    doctor,
    health,
    home,
    my_data,
    receipts,
    requests,
    reviews,
    risk,
    trustee_kit,
    viewer,
    worklist,
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
    worklist.blueprint,
    reviews.blueprint,
    viewer.blueprint,
    trustee_kit.blueprint,
    check_pictures.blueprint,
    receipts.blueprint,
    my_data.blueprint,
    about.blueprint,
    risk.blueprint,
)
