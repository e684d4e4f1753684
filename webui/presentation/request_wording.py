"""Purposes, consent, requests and closed records as words for people.

Invariant: a sentence says no more than the ledger does.

Source: PROTOCOL.md 9 (purposes, reasons of a refusal).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import lazy_gettext as _l

from fl.protocol.names import Purpose, Refusal
from webui.ports.consent import ASKED_BY_DOCTORS, purposes_in
from webui.ports.decryption_requests import RequestFacts, RequestState
from webui.presentation.texts import gettext, ngettext
from webui.presentation.wording import Saying, listing
from webui.store.models import StoredRecord
from webui.store.openings import How
from webui.usecases.opening_days import Kind

PURPOSES: Mapping[Purpose, tuple[Any, Any]] = {
    Purpose.TREATMENT: (_l("Treatment"), _l("A doctor treats you, here or elsewhere, and needs this record.")),
    Purpose.SECOND_OPINION: (_l("Second opinion"), _l("Another doctor gives an opinion on this record.")),
    Purpose.EMERGENCY: (_l("Emergency"), _l("A doctor needs this record at once and cannot ask you.")),
    Purpose.PATIENT_WISH: (_l("My own wish"), _l("You ask for your own record.")),
    Purpose.RESEARCH: (_l("Research"), _l("A study uses this record.")),
    Purpose.QUALITY: (_l("Quality control"), _l("Somebody checks how good the answers of the model are.")),
}
INSIDE: Mapping[Purpose, Any] = {
    Purpose.TREATMENT: _l("treatment"),
    Purpose.SECOND_OPINION: _l("second opinion"),
    Purpose.EMERGENCY: _l("emergency"),
    Purpose.PATIENT_WISH: _l("my own wish"),
    Purpose.RESEARCH: _l("research"),
    Purpose.QUALITY: _l("quality control"),
}
"""The titles of purposes inside a sentence."""
REFUSALS: Mapping[Refusal, Any] = {
    Refusal.CIPHERTEXT: _l("the encrypted record is not valid"),
    Refusal.CONSENT: _l("the patient did not consent"),
    Refusal.PURPOSE: _l("the purpose is not right"),
    Refusal.REQUESTER: _l("the trustee does not trust the person who asks"),
    Refusal.JUDGEMENT: _l("the trustee's own judgement"),
}
CLOSED: Mapping[str, tuple[str, Any, Any]] = {
    "waiting": (
        "wait",
        _l("Closed: needs a quorum"),
        _l(
            "Only a quorum of trustees can open this record. No single person can open it, and this site cannot either."
        ),
    ),
    "erased": (
        "plain",
        _l("Erased"),
        _l("The record and the keys that open it were deleted. Nobody can bring it back."),
    ),
    "damaged": (
        "bad",
        _l("Cannot be shown"),
        _l("The stored file of this record was changed. Please tell the hospital."),
    ),
}
STATES: Mapping[RequestState, tuple[str, Any, Any]] = {
    RequestState.OPEN: (
        "wait",
        _l("Waits for the trustees"),
        _l("%(left)s more of the %(trustees)s trustees must approve."),
    ),
    RequestState.READY: ("good", _l("Approved"), _l("Enough trustees approved. The record has not been opened yet.")),
    RequestState.FULFILLED: (
        "good",
        _l("Opened"),
        _l("Enough trustees approved, and the person who asked opened the record."),
    ),
    RequestState.REFUSED: ("bad", _l("Refused"), _l("Too many trustees refused, so there cannot be a quorum.")),
    RequestState.EXPIRED: ("plain", _l("Ran out"), _l("Too few trustees answered before the deadline.")),
    RequestState.STALE: (
        "plain",
        _l("Ended"),
        _l("Other trustees hold the key now, or the trustees' shares expired. Ask again."),
    ),
}
ERASED = ("plain", _l("Erased"), _l("The record was erased. Nobody can open it any more, even if trustees approve."))
NEVER = (
    "plain",
    _l("Not recorded"),
    _l("The request did not reach the ledger, so the trustees did not see it. Ask again."),
)


def purpose(value: int) -> Saying:
    """Return a purpose in words."""
    title, text = PURPOSES.get(Purpose(value), (gettext("Release"), ""))
    return Saying("plain", str(title), str(text))


def allowed(mask: int | None) -> str:
    """Return the purposes for which a record may be opened, as a list in words."""
    names = [str(INSIDE[one]) for one in PURPOSES if one in purposes_in(mask or 0)]
    return listing(names) if names else gettext("nothing")


def askable(row: StoredRecord) -> list[Purpose]:
    """Return the purposes a doctor may choose: those the patient allows now and allowed when the record was sealed."""
    both = purposes_in(row.consent or 0) & purposes_in(row.patient.consent)
    return [one for one in ASKED_BY_DOCTORS if one in both]


def closed(state: str) -> Saying:
    """Return why a record is not shown."""
    return _said(*CLOSED[state])


def openings(times: Mapping[How, int]) -> str:
    """Return in which ways a record was opened on one day, and how often."""
    return "; ".join(_opening(how, times[how]) for how in How if times.get(how))


def _opening(how: How, num: int) -> str:
    match how:
        case How.LIST:
            return ngettext("saw it in a list", "saw it in a list %(num)d times", num)
        case How.CHECK:
            return ngettext("opened it", "opened it %(num)d times", num)
        case How.PROOF:
            return ngettext("downloaded its proof", "downloaded its proof %(num)d times", num)
        case How.REQUEST:
            return ngettext(
                "opened it, with the approval of a quorum",
                "opened it %(num)d times, with the approval of a quorum",
                num,
            )


def opened_record(kind: Kind, about: StoredRecord, made: str) -> str:
    """Return which of the patient's records was opened; `made` is when it was made."""
    number = record_number(about.number)
    if not about.number:
        return {
            Kind.CHECK: gettext("your check of %(when)s, now erased", when=made),
            Kind.NOTE: gettext("the note of %(when)s on your check, now erased", when=made),
            Kind.REVIEW: gettext("the review of %(when)s of your check, now erased", when=made),
        }[kind]
    return {
        Kind.CHECK: gettext("your check of %(when)s, record %(number)s", when=made, number=number),
        Kind.NOTE: gettext("the note of %(when)s on your check, record %(number)s", when=made, number=number),
        Kind.REVIEW: gettext("the review of %(when)s of your check, record %(number)s", when=made, number=number),
    }[kind]


def request_state(facts: RequestFacts | None, record: StoredRecord | None = None) -> Saying:
    """Return the state of a request; an erased record has only one."""
    if record is not None and record.erased_at is not None:
        return _said(*ERASED)
    if facts is None:
        return _said(*NEVER)
    tone, title, text = STATES[facts.state]
    left = max(facts.threshold - facts.approvals, 0)
    return Saying(tone, str(title), str(text) % {"left": left, "trustees": len(facts.trustees)})


def refusal(reason: Refusal) -> str:
    """Return why a trustee refused."""
    return str(REFUSALS[reason])


def record_number(number: str | None) -> str:
    """Return a record's number in groups of four."""
    text = number or ""
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def resealed(changed: int, unopened: int) -> str:
    """Return what a new choice did to existing records."""
    if not changed and not unopened:
        return gettext("Your choice is saved. It applies to all new records.")
    if not unopened:
        return ngettext(
            "Your choice is saved. It applies to all new records. %(num)s existing record was changed too.",
            "Your choice is saved. It applies to all new records. %(num)s existing records were changed too.",
            changed,
        )
    if not changed:
        return gettext(
            "Your choice is saved. It applies to all new records. %(count)s could not be opened and did not change.",
            count=unopened,
        )
    return ngettext(
        "Your choice is saved. It applies to all new records. %(num)s existing record was changed too. %(count)s could "
        "not be opened and did not change.",
        "Your choice is saved. It applies to all new records. %(num)s existing records were changed too. %(count)s "
        "could not be opened and did not change.",
        changed,
        count=unopened,
    )


def _said(tone: str, title: Any, text: Any) -> Saying:  # noqa: ANN401 - texts that are translated now
    return Saying(tone, str(title), str(text))


def any_byte(raw: bytes | None) -> bool:
    """Return whether any byte of a key id is not zero: then the file is sealed to a threshold key."""
    return any(raw or b"")
