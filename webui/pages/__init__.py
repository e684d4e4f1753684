"""The pages: one blueprint each."""

from __future__ import annotations

from webui.pages import (
    accounts,
    appointments,
    approvals,
    auditor,
    audits,
    checks,
    consent,
    doctor,
    health,
    home,
    ledger,
    operator,
    requests,
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
    ledger.blueprint,
    audits.blueprint,
    operator.blueprint,
)
