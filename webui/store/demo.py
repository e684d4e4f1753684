"""Invented people for trying the site out.

Invariant: nobody here exists; the addresses end in `.example`, which can never receive mail (RFC 2606).

Source: RFC 2606.
"""

from __future__ import annotations

from datetime import date

from webui.store.models import SiteRole
from webui.store.new_accounts import DoctorFacts, Hours, NewAccount, PatientFacts

MORNING = (9 * 60, 12 * 60)
AFTERNOON = (13 * 60 + 30, 16 * 60 + 30)
WEEKDAYS = range(5)
FULL_WEEK = tuple(Hours(day, *part) for day in WEEKDAYS for part in (MORNING, AFTERNOON))
MORNINGS = tuple(Hours(day, *MORNING) for day in WEEKDAYS)


def demo_accounts(password: str) -> tuple[NewAccount, ...]:
    """Return two patients, three doctors, an auditor, an operator and a trainer, with one password."""
    haematology = DoctorFacts("Haematology", "Building B, room 2.14", 30, FULL_WEEK, "City campus", ("en", "pt"))
    paediatrics = DoctorFacts(
        "Paediatric oncology", "Children's clinic, room 7", 20, MORNINGS, "Lake campus", ("en", "de")
    )
    surgery = DoctorFacts("Surgery", "Building A, room 0.3", 30, MORNINGS, "City campus", ("en", "ar"))
    maya, omar = PatientFacts(date(1987, 4, 12)), PatientFacts(date(1962, 9, 3))
    return (
        NewAccount(SiteRole.PATIENT, "maya@patients.example", "Maya Lindqvist", password, maya),
        NewAccount(SiteRole.PATIENT, "omar@patients.example", "Omar Haddad", password, omar),
        NewAccount(SiteRole.DOCTOR, "ines@clinic.example", "Dr Inês Carvalho", password, haematology),
        NewAccount(SiteRole.DOCTOR, "jonas@clinic.example", "Dr Jonas Okafor", password, paediatrics),
        NewAccount(SiteRole.DOCTOR, "salma@clinic.example", "Dr Salma Rahimi", password, surgery),
        NewAccount(SiteRole.AUDITOR, "audit@ledger.example", "Noor Visser", password),
        NewAccount(SiteRole.OPERATOR, "operator@clinic.example", "Site operator", password),
        NewAccount(SiteRole.HOSPITAL, "tove@clinic.example", "Tove Lindahl", password),
    )
