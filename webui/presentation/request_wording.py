"""Purposes, consent, requests and closed records as words for people.

Invariant: a sentence says no more than the ledger does.

Source: PROTOCOL.md 9 (purposes, reasons of a refusal).
"""

from __future__ import annotations

from fl.protocol.names import Purpose, Refusal
from webui.ports.consent import ASKED_BY_DOCTORS, purposes_in
from webui.ports.decryption_requests import RequestFacts, RequestState
from webui.presentation.wording import Saying, listing
from webui.store.models import StoredRecord
from webui.store.openings import How

PURPOSES = {
    Purpose.TREATMENT: ("Treatment", "A doctor treats you, here or elsewhere, and needs this record."),
    Purpose.SECOND_OPINION: ("Second opinion", "Another doctor gives an opinion on this record."),
    Purpose.EMERGENCY: ("Emergency", "A doctor needs this record at once and cannot ask you."),
    Purpose.PATIENT_WISH: ("My own wish", "You ask for your own record."),
    Purpose.RESEARCH: ("Research", "A study uses this record."),
    Purpose.QUALITY: ("Quality control", "Somebody checks how good the answers of the model are."),
}
REFUSALS = {
    Refusal.CIPHERTEXT: "the encrypted record is not valid",
    Refusal.CONSENT: "the patient did not consent",
    Refusal.PURPOSE: "the purpose is not right",
    Refusal.REQUESTER: "the trustee does not trust the person who asks",
    Refusal.JUDGEMENT: "the trustee's own judgement",
}
CLOSED = {
    "waiting": (
        "wait",
        "Closed: needs a quorum",
        "Only a quorum of trustees can open this record. No single person can open it, and this site cannot either.",
    ),
    "erased": (
        "plain",
        "Erased",
        "The record and the keys that open it were deleted. Nobody can bring it back.",
    ),
    "damaged": (
        "bad",
        "Cannot be shown",
        "The stored file of this record was changed. Please tell the hospital.",
    ),
}
STATES = {
    RequestState.OPEN: ("wait", "Waits for the trustees", "{left} more of the {trustees} trustees must approve."),
    RequestState.READY: ("good", "Approved", "Enough trustees approved. The record has not been opened yet."),
    RequestState.FULFILLED: ("good", "Opened", "Enough trustees approved, and the person who asked opened the record."),
    RequestState.REFUSED: ("bad", "Refused", "Too many trustees refused, so there cannot be a quorum."),
    RequestState.EXPIRED: ("plain", "Ran out", "Too few trustees answered before the deadline."),
    RequestState.STALE: (
        "plain",
        "Ended",
        "Other trustees hold the key now, or the trustees' shares expired. Ask again.",
    ),
}
ERASED = ("plain", "Erased", "The record was erased. Nobody can open it any more, even if trustees approve.")
OPENINGS = {
    How.LIST: "saw, in a list, the result",
    How.CHECK: "opened",
    How.PROOF: "downloaded the proof of",
    How.REQUEST: "opened, with the approval of a quorum,",
}
NEVER = ("plain", "Not recorded", "The request did not reach the ledger, so the trustees did not see it. Ask again.")


def purpose(value: int) -> Saying:
    """Return a purpose in words."""
    title, text = PURPOSES.get(Purpose(value), ("Release", ""))
    return Saying("plain", title, text)


def allowed(mask: int | None) -> str:
    """Return the purposes for which a record may be opened, as a list in words."""
    names = [PURPOSES[one][0].lower() for one in PURPOSES if one in purposes_in(mask or 0)]
    return listing(names) if names else "nothing"


def askable(row: StoredRecord) -> list[Purpose]:
    """Return the purposes a doctor may choose: those the patient allows now and allowed when the record was sealed."""
    both = purposes_in(row.consent or 0) & purposes_in(row.patient.consent)
    return [one for one in ASKED_BY_DOCTORS if one in both]


def closed(state: str) -> Saying:
    """Return why a record is not shown."""
    return Saying(*CLOSED[state])


def opening(how: str) -> str:
    """Return an opening of a record as a verb."""
    return OPENINGS[How(how)]


def request_state(facts: RequestFacts | None, record: StoredRecord | None = None) -> Saying:
    """Return the state of a request; an erased record has only one."""
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


def resealed(changed: int, unopened: int) -> str:
    """Return what a new choice did to existing records."""
    text = "Your choice is saved. It applies to all new records"
    if changed:
        text += f". {changed} {'existing record was' if changed == 1 else 'existing records were'} changed too"
    if unopened:
        text += f". {unopened} could not be opened and did not change"
    return text + "."


def any_byte(raw: bytes | None) -> bool:
    """Return whether any byte of a key id is not zero: then the file is sealed to a threshold key."""
    return any(raw or b"")
