"""The pages: one blueprint each."""

from __future__ import annotations

from webui.pages import accounts, appointments, auditor, checks, consent, doctor, home

PAGES = (
    home.blueprint,
    accounts.blueprint,
    checks.blueprint,
    consent.blueprint,
    appointments.blueprint,
    doctor.blueprint,
    auditor.blueprint,
)
