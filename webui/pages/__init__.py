"""The pages: one blueprint each."""

from __future__ import annotations

from webui.pages import (
    access_log,
    account,
    accounts,
    appointments,
    approvals,
    auditor,
    checks,
    consent,
    doctor,
    factors,
    health,
    home,
    passkeys,
    requests,
    ways_back,
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
    account.blueprint,
    factors.blueprint,
    passkeys.blueprint,
    ways_back.blueprint,
    access_log.blueprint,
)
