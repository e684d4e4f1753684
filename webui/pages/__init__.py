"""The pages: one blueprint each."""

from __future__ import annotations

from webui.pages import (
    accounts,
    appointments,
    approvals,
    auditor,
    checks,
    consent,
    doctor,
    health,
    home,
    hospital,
    local_training,
    own_tools,
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
    hospital.blueprint,
    own_tools.blueprint,
    local_training.blueprint,
)
