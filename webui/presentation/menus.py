"""The menu of each role: where its links go and what they say, in this order.

Invariant: every endpoint exists and is open to its role (tests/unit/webui/presentation/test_menus.py).
"""

from __future__ import annotations

from collections.abc import Mapping

Link = tuple[str, str]
"""An endpoint of `url_for`, and the text of the link."""

MENUS: Mapping[str, tuple[Link, ...]] = {
    "patient": (
        ("checks.new", "New check"),
        ("checks.history", "My checks"),
        ("appointments.mine", "Appointments"),
        ("consent.choose", "Consent"),
        ("requests.about_me", "Who asked"),
        ("requests.who_sees", "Who sees"),
    ),
    "doctor": (
        ("doctor.agenda", "My patients"),
        ("requests.mine", "Requests"),
        ("schedule.calendar", "Calendar"),
        ("schedule.hours", "Working hours"),
    ),
    "auditor": (
        ("auditor.rounds", "Rounds"),
        ("auditor.file", "Check a file"),
    ),
    "operator": (
        ("auditor.rounds", "Rounds"),
        ("auditor.file", "Check a file"),
    ),
}
"""By the value of `SiteRole`."""


def menu(role: str) -> tuple[Link, ...]:
    """Return the links of a role; none for a role without pages."""
    return MENUS.get(role, ())
