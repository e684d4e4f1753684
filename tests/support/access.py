"""Who may use which route: the expectations behind tests/memory/test_webui_access.py.

**Adding a route.** A route whose view has `only(...)` or `by_token(...)` needs nothing here: its roles are read from
the view. A route for everybody needs one line in `OPEN`. A new name in a path (`<int:letter_id>`) needs one line in
`ROWS`: who owns such a row in the test's town, and who else of the route's roles may see it. Where one endpoint means
another thing by that name, add it to `SPECIAL`; where a page needs a question in its address, to `QUERIES`; what a
form must have for a change to happen, to `FORMS`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from sqlalchemy import select

from fl.protocol.names import Purpose
from fl.training.model.handed_in import Declared
from fl.training.tables.rows import parse_values
from tests.support.site_decryption_requests import THRESHOLD
from tests.support.site_hospital import weights
from tests.support.site_risks import PERSON, PIMA, RiskTown
from tests.support.site_town import INES, JONAS, MAYA, NOOR, OMAR, PASSWORD, TOVE, cell
from webui.ports.local_training import LocalTraining, TrainingStep
from webui.store.calendar_tables import Part
from webui.store.mail_tables import MailRow
from webui.store.models import SiteRole
from webui.store.new_accounts import NewAccount
from webui.store.passkeys import NewPasskey
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
    TOVE: SiteRole.HOSPITAL,
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
        "home.model",
        "languages.choose",
        "receipts.compare",
        "verify.page",
        "verify.alone",
        "verify.trust",
        "about.help_page",
        "about.privacy",
        "about.terms",
        "about.security",
        "about.robots",
        "about.favicon",
        "ways_back.forgot",
        "ways_back.sent",
        "ways_back.link",
        "passkeys.options",
        "passkeys.sign_in",
        "factors.second",
    }
)
"""Endpoints for everybody.

`ways_back.link` needs a code in its address, `factors.second` the right password before it, and the routes of passkeys
the token of the page of signing in (test_webui_account.py, test_webui_second_steps.py).
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
    """A town in which Maya has a check, an appointment with Ines, a request and a token, and waits for another time.

    Everybody has begun to set up an app for codes, the trustees have answered the request, and the hospital's
    staff sent weights and finished a training.
    """

    town: RiskTown
    check: int
    booking: int
    request: int
    token: int
    wish: int
    extra: int
    """Extra hours of Ines."""
    block: int
    """A time that Ines blocked."""
    upload: int
    """Weights that Tove sent."""

    @classmethod
    def of(cls, town: RiskTown) -> Made:
        town.members[OTTO] = town.site.accounts.create(NewAccount(SiteRole.OPERATOR, OTTO, "Otto Brandt", PASSWORD))
        town.federation.records.hold_key()
        check, booking = town.add_check(MAYA), town.book(MAYA, INES)
        number = _record_number(town, check)
        asked = town.site.record_requests.ask(town.members[MAYA], number, Purpose.PATIENT_WISH)
        for trustee in range(THRESHOLD):
            town.federation.requests.answer(1, trustee)
        town.site.tokens.create(town.members[MAYA], "one", (Scope.CHECKS_READ,), 30)
        token = town.site.tokens.of(town.members[MAYA].id)[0].id
        town.site.anchoring.anchor()
        for user in town.members.values():
            town.site.second_steps.store.start(user.id)
        return cls(town, check, booking, asked.row.id, token, *_calendar(town), _handed_in(town))

    def number(self, email: str) -> int:
        return self.town.members[email].id

    def record_number(self) -> str:
        """Return the number of Maya's check that people read."""
        return _record_number(self.town, self.check)

    def passkey(self) -> int:
        """Return a passkey of Maya; made late, because with one the password alone does not sign her in."""
        store, maya = self.town.site.passkeys.store, self.number(MAYA)
        if not store.of(maya):
            new = NewPasskey(b"credential", b"key", 0, "telephone", synced=False)
            self.town.site.database.write(lambda session: store.add(session, maya, new))
        return store.of(maya)[0].id

    def risk(self) -> int:
        """Return a saved risk of Maya; made late, because her check must stay her newest record."""
        maya, site = self.town.members[MAYA], self.town.site
        rows = site.record_store.of_patient(maya.id)
        found = next((each for each in site.patient_records.glance(maya, [row.id for row in rows]) if each.risk), None)
        person = {name: word.replace(",", ".") for name, word in PERSON.items()}
        return found.row.id if found else site.risks.answer(maya, "diabetes", maya.id, parse_values(person, PIMA))

    def session(self) -> int:
        """Return the session in which Maya is signed in."""
        return self.town.site.sessions.of(self.town.members[MAYA])[0].id

    def code(self) -> str:
        """Return the code that was mailed to a new address of Maya."""
        self.town.site.ways_back.ask_address(self.town.members[MAYA], "new@patients.example", "/{}")
        with self.town.site.database.reading() as session:
            texts = session.scalars(select(MailRow.text).order_by(MailRow.id.desc())).all()
        found = re.search(r"/([\w-]{43})\b", texts[0])
        assert found is not None
        return found[1]


def _record_number(town: RiskTown, check: int) -> str:
    return town.site.record_store.visible(town.members[MAYA], check).number or ""


def _handed_in(town: RiskTown) -> int:
    """Let Tove send weights, and end a training with the same ones; return the row of the upload."""
    file, said = weights(town.federation.hospital), Declared(100, 80, 0.4)
    town.federation.training.file = file
    town.federation.training.state = LocalTraining(TrainingStep.DONE, 0, 1, samples=100, correct=80, loss=0.4)
    return town.site.own_tools.receive(town.members[TOVE].id, file, said, "").id


def _calendar(town: RiskTown) -> tuple[int, int, int]:
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
    "epoch": Row(1),
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
    "code": Row(lambda made: made.code()),
    "upload_id": Row(lambda made: made.upload),
    "account_id": Row(lambda made: made.number(NOOR)),
    "key": Row("heart"),
    "kind": Row("register"),
    "name": Row("members"),
    "form": Row("json"),
    "what": Row("picture"),
}
"""By the name of the variable in the path."""
NO_TRUSTEE = {"number": Row(1, seen_by())}
"""Neither doctor here is a trustee."""
FIRST = {"number": Row(1)}
PASSKEY = {"row_id": Row(lambda made: made.passkey(), seen_by(MAYA))}
SPECIAL: Mapping[str, Mapping[str, Row]] = {
    "approvals.approve": NO_TRUSTEE,
    "approvals.submit": NO_TRUSTEE,
    "trustee_kit.kept": {"epoch": Row(1, seen_by())},
    "pictures.view": FIRST,
    "pictures.thumb": FIRST,
    "viewer.view": FIRST,
    "passkeys.rename": PASSKEY,
    "passkeys.remove": PASSKEY,
    "account.end_session": {"row_id": Row(lambda made: made.session(), seen_by(MAYA))},
    "api.one_risk": {"check_id": Row(lambda made: made.risk(), seen_by(MAYA, INES))},
    "own_tools.download": {"name": Row("model.zip")},
    "accesses.proof": {"what": Row("request"), "number": Row(1, seen_by(MAYA))},
    "ledger.thing": {"key": Row((b"\1" * 20).hex())},
    "hospital_withdrawal.none_here": {"patient_id": Row(lambda made: made.number(MAYA))},
}
"""By endpoint and name, where the row of `ROWS` does not fit."""
QUERIES: Mapping[str, Callable[[Made], str]] = {
    "operator.order_file": lambda _: "?" + urlencode({"account": "0x" + "77" * 20, "name": "Lake", "role": "hospital"}),
    "risk.start": lambda made: f"?table=heart&patient={made.number(MAYA)}",
}
"""By endpoint, what the address asks for."""
FORMS: Mapping[str, Callable[[Made], dict[str, object]]] = {
    "account.confirm": lambda _: {"password": PASSWORD},
    "hospital_withdrawal.leave": lambda _: {"sure": "y"},
    "hospital_withdrawal.persons": lambda _: {"persons": "P-7", "since": 1, "sure": "yes"},
    "account.address": lambda _: {"email": "other@patients.example"},
    "passkeys.rename": lambda _: {"name": "My telephone"},
    "checks.new": lambda _: {"image": (io.BytesIO(cell()), "cell.png")},
    "checks.add_note": lambda _: {"text": "Blood count on Monday."},
    "reviews.review": lambda _: {"decision": "confirmed"},
    "requests.ask": lambda made: {"number": made.record_number(), "purpose": Purpose.PATIENT_WISH.value},
    "requests.find": lambda _: {"text": MAYA},
    "schedule.add_exception": lambda _: {"day": "2026-12-05", "hours": "10:00-12:00"},
    "operator.staff": lambda _: {"role": "auditor", "name": "Ida Berg", "email": "ida@ledger.example"},
    "local_training.training": lambda _: {"passes": 1},
    "own_tools.uploads": lambda made: {
        "file": (io.BytesIO(weights(made.town.federation.hospital)), "weights.safetensors"),
        "samples": 100,
        "correct": 80,
        "loss": 0.4,
    },
}
"""By endpoint, the fields with which the right person's change happens; other people send the same ones."""
