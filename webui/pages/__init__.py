"""The pages: one blueprint each."""

from __future__ import annotations

from webui.pages import accounts, appointments, auditor, checks, doctor, home

PAGES = (
    home.blueprint,
    accounts.blueprint,
    checks.blueprint,
    appointments.blueprint,
    doctor.blueprint,
    auditor.blueprint,
)
