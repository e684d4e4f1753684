"""Purposes, consent, requests and closed records as words for people: pure functions, used by the templates.

Invariant: a sentence says no more than the ledger does.

Source: PROTOCOL.md 9 (purposes, reasons of a refusal).
Not here: HTML; models and rounds (wording.py).
"""

from __future__ import annotations

from fl.protocol.names import Purpose, Refusal
from webui.ports.consent import ASKED_BY_DOCTORS, purposes_in
from webui.ports.decryption_requests import RequestFacts, RequestState
from webui.presentation.wording import Saying, listing
from webui.store.models import StoredRecord
from webui.store.openings import How

PURPOSES = {
    Purpose.TREATMENT: ("Treatment", "A doctor here or elsewhere treats you and needs this record."),
    Purpose.SECOND_OPINION: ("Second opinion", "Another doctor is asked what this record shows."),
    Purpose.EMERGENCY: ("Emergency", "You cannot be asked, and a doctor must know at once."),
    Purpose.PATIENT_WISH: ("My own wish", "You yourself ask for your record."),
    Purpose.RESEARCH: ("Research", "A study uses this record."),
    Purpose.QUALITY: ("Quality control", "Somebody checks how good the model's answers are."),
}
REFUSALS = {
    Refusal.CIPHERTEXT: "the ciphertext is not valid",
    Refusal.CONSENT: "the patient did not consent",
    Refusal.PURPOSE: "the purpose is not right",
    Refusal.REQUESTER: "the trustee does not trust the person who asks",
    Refusal.JUDGEMENT: "the trustee's own judgement",
}
CLOSED = {
    "waiting": (
        "wait",
        "Sealed: waits for a quorum",
        "This record is sealed to the trustees alone. No single person can open it, nor can this site; a quorum can.",
    ),
    "erased": (
        "plain",
        "Erased",
        "The sealed file and all that could open it were deleted. Nobody can bring it back.",
    ),
    "damaged": (
        "bad",
        "Cannot be shown",
        "The sealed file is not the one that was stored. Please tell the hospital.",
    ),
}
STATES = {
    RequestState.OPEN: ("wait", "Waits for the trustees", "{left} more of {trustees} trustees must approve."),
    RequestState.READY: ("good", "Approved", "Enough trustees approved; it has not been opened yet."),
    RequestState.FULFILLED: ("good", "Opened", "Enough trustees approved, and the person who asked opened it."),
    RequestState.REFUSED: ("bad", "Refused", "So many trustees refused that no quorum is possible."),
    RequestState.EXPIRED: ("plain", "Ran out", "Too few trustees answered before the deadline."),
    RequestState.STALE: ("plain", "Lapsed", "Other trustees hold the key by now, or their shares ran out. Ask again."),
}
ERASED = ("plain", "Erased", "The record was erased. Nobody can open it any more, whatever trustees say.")
OPENINGS = {
    How.LIST: "saw, in a list, the result",
    How.CHECK: "opened",
    How.PROOF: "downloaded the proof of",
    How.REQUEST: "opened, with a quorum of trustees,",
}
NEVER = ("plain", "Not recorded", "The ledger has no such request: nobody was asked. Ask again.")


def purpose(value: int) -> Saying:
    """Return what something is asked for."""
    title, text = PURPOSES.get(Purpose(value), ("Release", ""))
    return Saying("plain", title, text)


def allowed(mask: int | None) -> str:
    """Return what a record may be opened for."""
    names = [PURPOSES[one][0].lower() for one in PURPOSES if one in purposes_in(mask or 0)]
    return listing(names) if names else "nothing"


def askable(row: StoredRecord) -> list[Purpose]:
    """Return what a doctor may ask a record for: what its patient allows now, and allowed when it was sealed."""
    both = purposes_in(row.consent or 0) & purposes_in(row.patient.consent)
    return [one for one in ASKED_BY_DOCTORS if one in both]


def closed(state: str) -> Saying:
    """Return why a record is not shown."""
    return Saying(*CLOSED[state])


def opening(how: str) -> str:
    """Return what somebody did with a record."""
    return OPENINGS[How(how)]


def request_state(facts: RequestFacts | None, record: StoredRecord | None = None) -> Saying:
    """Return where a request stands; a record that was erased promises nothing."""
    if record is not None and record.erased_at is not None:
        return Saying(*ERASED)
    if facts is None:
        return Saying(*NEVER)
    tone, title, text = STATES[facts.state]
    left = max(facts.threshold - facts.approvals, 0)
    return Saying(tone, title, text.format(left=left, trustees=len(facts.trustees)))


def refusal(reason: Refusal) -> str:
    """Return why a trustee refused."""
    return REFUSALS[reason]


def record_number(number: str | None) -> str:
    """Return a record's number in groups of four."""
    text = number or ""
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def resealed(changed: int, kept: int) -> str:
    """Return what a new choice did to records that exist."""
    text = "Your choice is kept. It holds for all records to come"
    if changed:
        text += f"; {changed} {'record was' if changed == 1 else 'records were'} sealed again by it"
    if kept:
        text += f"; {kept} could not be opened and stayed as they were"
    return text + "."


def any_byte(raw: bytes | None) -> bool:
    """Return whether bytes are not all zero: whether a file is sealed to a threshold key."""
    return any(raw or b"")
