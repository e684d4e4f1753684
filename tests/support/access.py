"""Who may use which route: the expectations behind tests/memory/test_webui_access.py.

**Adding a route.** A route whose view has `only(...)` or `by_token(...)` needs nothing here: its roles are read from
the view. A route for everybody needs one line in `OPEN`. A new name in a path (`<int:letter_id>`) needs one line in
`ROWS`: who owns such a row in the test's town, and who else of the route's roles may see it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from fl.protocol.names import Purpose
from tests.support.site_town import INES, JONAS, MAYA, NOOR, OMAR, PASSWORD, Town
from webui.store.accounts import NewAccount
from webui.store.calendar_tables import Part
from webui.store.models import SiteRole
from webui.store.slots import Slot, Stretch
from webui.store.tokens import Scope
from webui.store.waiting import Wish

OTTO = "otto@clinic.example"
SATURDAY = date(2026, 11, 28)
"""In the first week of the towns' clock."""
PEOPLE = {
    MAYA: SiteRole.PATIENT,
    OMAR: SiteRole.PATIENT,
    INES: SiteRole.DOCTOR,
    JONAS: SiteRole.DOCTOR,
    NOOR: SiteRole.AUDITOR,
    OTTO: SiteRole.OPERATOR,
}
OPEN = frozenset(
    {
        "static",
        "health.live",
        "health.ready",
        "health.health",
        "home.index",
        "accounts.sign_up",
        "accounts.sign_in",
        "accounts.sign_out",
        "accounts.new_password",
        "api.document",
        "fhir.metadata",
        "metrics.show",
        "calendar.feed",
    }
)
"""Endpoints for everybody.

`calendar.feed` needs a token in its address (test_webui_calendar.py). `metrics.show` looks itself at where a request
comes from (test_webui_figures.py).
"""


@dataclass(frozen=True)
class Row:
    """A row that a path names: its value in the town, and who may see it."""

    value: object
    """A constant, or a function of the town."""
    seen_by: frozenset[str] | None = None
    """None: everybody with the route's role."""

    def text(self, made: Made) -> str:
        """Return the value as it is in an address."""
        return str(self.value(made) if callable(self.value) else self.value)


@dataclass
class Made:
    """A town in which Maya has a check, an appointment with Ines, a request and a token, and waits for another time."""

    town: Town
    check: int
    booking: int
    request: int
    token: int
    wish: int
    extra: int
    """Extra hours of Ines."""
    block: int
    """A time that Ines blocked."""

    @classmethod
    def of(cls, town: Town) -> Made:
        town.members[OTTO] = town.site.accounts.create(NewAccount(SiteRole.OPERATOR, OTTO, "Otto Brandt", PASSWORD))
        town.federation.records.hold_key()
        check, booking = town.add_check(MAYA), town.book(MAYA, INES)
        number = town.site.record_store.visible(town.members[MAYA], check).number or ""
        asked = town.site.record_requests.ask(town.members[MAYA], number, Purpose.PATIENT_WISH)
        town.site.tokens.create(town.members[MAYA], "one", (Scope.CHECKS_READ,), 30)
        token = town.site.tokens.of(town.members[MAYA].id)[0].id
        town.site.anchoring.anchor()
        return cls(town, check, booking, asked.row.id, token, *_calendar(town))

    def number(self, email: str) -> int:
        return self.town.members[email].id


def _calendar(town: Town) -> tuple[int, int, int]:
    """Make a wish of Maya, and extra hours and a block of Ines; return their rows."""
    maya, ines, book = town.members[MAYA].id, town.members[INES].id, town.site.book
    saturday, last = date(2026, 11, 28), town.free()[-1]
    book.waiting.join(maya, ines, Wish(saturday, saturday, Part.ANY))
    book.schedules.add_extra(ines, saturday, Stretch(600, 660))
    book.schedules.block(ines, Slot(last, last + 60))
    schedule = book.schedules.of(ines)
    return book.waiting.of_patient(maya)[0].wish.id, schedule.extra[0].id, schedule.blocks[0].id


def seen_by(*emails: str) -> frozenset[str]:
    return frozenset(emails)


ROWS: dict[str, Row] = {
    "filename": Row("site.css"),
    "check_id": Row(lambda made: made.check, seen_by(MAYA, INES)),
    "appointment_id": Row(lambda made: made.booking, seen_by(MAYA, INES)),
    "row_id": Row(lambda made: made.request, seen_by(MAYA)),
    "patient_id": Row(lambda made: made.number(MAYA), seen_by(MAYA, INES)),
    "wish_id": Row(lambda made: made.wish, seen_by(MAYA)),
    "extra_id": Row(lambda made: made.extra, seen_by(INES)),
    "block_id": Row(lambda made: made.block, seen_by(INES)),
    "day": Row(SATURDAY),
    "token_id": Row(lambda made: made.token, seen_by(MAYA)),
    "doctor_id": Row(lambda made: made.number(INES)),
    "starts_at": Row(lambda made: made.town.free()[0]),
    "slot_name": Row(lambda made: f"{made.number(JONAS)}-{made.town.free(JONAS)[-1]}"),
    "number": Row(7),
    "digest": Row("ab" * 32),
    "token": Row("no-token"),
}
"""By the name of the variable in the path."""
SPECIAL: dict[str, Row] = {
    "approvals.approve": Row(1, seen_by()),  # neither doctor here is a trustee
    "approvals.submit": Row(1, seen_by()),
}
"""By endpoint, where the row of `ROWS` does not fit."""
