"""The menu of each role: where its links go and what they say, in this order.

Invariant: every endpoint exists and is open to its role (tests/unit/webui/presentation/test_menus.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import LazyString
from flask_babel import lazy_gettext as _

Link = tuple[str, LazyString]
"""An endpoint of `url_for`, and the text of the link."""

MENUS: Mapping[str, tuple[Link, ...]] = {
    "patient": (
        ("checks.new", _("New check")),
        ("checks.history", _("My checks")),
        ("risk.index", _("Risks")),
        ("appointments.mine", _("Appointments")),
        ("consent.choose", _("Consent")),
        ("requests.about_me", _("Who asked")),
        ("requests.who_sees", _("Who sees")),
    ),
    "doctor": (
        ("worklist.index", _("Worklist")),
        ("doctor.agenda", _("My patients")),
        ("schedule.calendar", _("Calendar")),
        ("schedule.hours", _("Working hours")),
        ("risk.index", _("Risks")),
        ("requests.mine", _("Requests")),
    ),
    "auditor": (
        ("auditor.rounds", _("Rounds")),
        ("ledger.index", _("Ledger")),
        ("withdrawals.overview", _("Withdrawals")),
        ("audits.overview", _("Audit")),
        ("audits.compare", _("Compare")),
        ("auditor.file", _("Check a file")),
        ("witnesses.table", _("Witnesses")),
        ("operator.health", _("Health")),
    ),
    "operator": (
        ("operator.overview", _("Overview")),
        ("operator.staff", _("Staff")),
        ("operator.members", _("Members")),
        ("presence.now", _("Members now")),
        ("operator.next_round", _("Next round")),
        ("operator.ceremonies", _("Ceremonies")),
        ("ledger.index", _("Ledger")),
        ("operator.health", _("Health")),
        ("access_log.table", _("Access log")),
    ),
    "hospital": (
        ("hospital.dashboard", _("Round now")),
        ("own_tools.model", _("Model")),
        ("own_tools.uploads", _("Own weights")),
        ("local_training.training", _("Train here")),
        ("hospital.curves", _("Curves")),
        ("hospital.members", _("Members")),
        ("withdrawals.overview", _("Withdrawals")),
        ("presence.now", _("Members now")),
    ),
}
"""By the value of `SiteRole`."""


def menu(role: str) -> tuple[Link, ...]:
    """Return the links of a role; none for a role without pages."""
    return MENUS.get(role, ())
