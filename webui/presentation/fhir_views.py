"""The site's values as FHIR R4 resources.

Invariant: every resource is valid (tests/memory/test_webui_fhir.py parses each with fhir.resources, whose R4B models of
these types are the same as R4's). A model's answer is `preliminary`, and an observation is always the model's. A report
is `final` after a doctor's answer, and then says the doctor's words first. Words are those of the page: a class is
coded only where the page says so much.

Source: HL7 FHIR 4.0.1: Patient, Appointment, Slot, Schedule, DiagnosticReport, Observation, Media, Bundle.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from webui.http.page_lookups import is_superseded
from webui.presentation.doctor_wording import decision
from webui.presentation.result_wording import BAD, WAIT, answer_of
from webui.presentation.verdict_wording import findings_of
from webui.store.models import Appointment, BookingState, DoctorProfile, PatientProfile
from webui.store.slots import Slot
from webui.usecases.patient_records import Shown
from webui.usecases.record_format import Check
from webui.usecases.review_format import Decision, Review

Resource = dict[str, Any]
VERSION = "4.0.1"
MODEL_STATES = "urn:hemaledger:model-state"
SUPERSEDED: Resource = {
    "tag": [{"system": MODEL_STATES, "code": "superseded", "display": "The answer of a model that is no longer in use"}]
}
"""`meta` of what comes from such a model. The status stays: R4 has no status for it, and the answer was no error."""
NO_LONGER = "The hospitals no longer use the model that gave this answer: a hospital left or took data back."
TASKS, CLASSES, PEOPLE = "urn:hemaledger:task", "urn:hemaledger:class", "urn:hemaledger:account"
ONE = {"system": "http://unitsofmeasure.org", "code": "1"}
"""UCUM's unit of a plain number."""
PRIVATE_NOTE = "It came by the private way: the model's last layer stayed encrypted. It is not calibrated."
CLOSED_REVIEW, NOT_REVIEWED = (
    "a doctor has reviewed it, and this hospital cannot open the review now",
    "no doctor has reviewed it",
)
RESOURCES: dict[str, tuple[tuple[str, ...], tuple[tuple[str, str], ...]]] = {
    "Patient": (("read", "search-type"), (("_id", "token"),)),
    "Appointment": (("read", "search-type", "create", "update"), (("patient", "reference"), ("date", "date"))),
    "Schedule": (("read", "search-type"), ()),
    "Slot": (("read", "search-type"), (("schedule", "reference"), ("start", "date"))),
    "DiagnosticReport": (("read", "search-type"), (("patient", "reference"), ("date", "date"))),
    "Observation": (("read", "search-type"), (("patient", "reference"), ("date", "date"))),
    "Media": (("read", "search-type"), (("patient", "reference"), ("created", "date"))),
}
"""Type -> (interactions, (search parameter, its type))."""


def instant(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def capability(hospital: str) -> Resource:
    """Return what this server can do; without data, so for everybody."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-27",
        "kind": "instance",
        "implementation": {"description": f"Hemaledger of {hospital}"},
        "fhirVersion": VERSION,
        "format": ["application/fhir+json"],
        "rest": [
            {
                "mode": "server",
                "security": {"description": "A personal token of the site as Bearer token (RFC 6750)."},
                "resource": [
                    {
                        "type": kind,
                        "interaction": [{"code": each} for each in interactions],
                        "searchParam": [{"name": name, "type": of} for name, of in search],
                    }
                    for kind, (interactions, search) in RESOURCES.items()
                ],
            }
        ],
    }


def patient(profile: PatientProfile) -> Resource:
    return {
        "resourceType": "Patient",
        "id": str(profile.account_id),
        "active": profile.account.disabled_at is None,
        "name": [{"text": profile.account.name}],
        "birthDate": profile.date_of_birth.isoformat(),
    }


def schedule(doctor: DoctorProfile) -> Resource:
    return {
        "resourceType": "Schedule",
        "id": str(doctor.account_id),
        "active": True,
        "specialty": [{"text": doctor.specialty}],
        "actor": [_doctor(doctor)],
    }


def slot_id(doctor_id: int, slot: Slot) -> str:
    return f"{doctor_id}-{slot.starts_at}"


def free_slot(doctor_id: int, slot: Slot) -> Resource:
    return {
        "resourceType": "Slot",
        "id": slot_id(doctor_id, slot),
        "schedule": {"reference": f"Schedule/{doctor_id}"},
        "status": "free",
        "start": instant(slot.starts_at),
        "end": instant(slot.ends_at),
    }


def appointment(booking: Appointment) -> Resource:
    booked = booking.state == BookingState.BOOKED
    name = booking.patient.account.name
    return {
        "resourceType": "Appointment",
        "id": str(booking.id),
        "status": "booked" if booked else "cancelled",
        "start": instant(booking.starts_at),
        "end": instant(booking.ends_at),
        "created": instant(booking.created_at),
        "slot": [{"reference": f"Slot/{booking.doctor_id}-{booking.starts_at}"}],
        "participant": [
            {"actor": {"reference": f"Patient/{booking.patient_id}", "display": name}, "status": "accepted"},
            {"actor": _doctor(booking.doctor), "status": "accepted"},
        ],
    }


@dataclass(frozen=True)
class Reviewed:
    """Whether a doctor has reviewed a check, and what the newest review says if this site can open it."""

    done: bool = False
    review: Review | None = None


def report(shown: Shown, reviewed: Reviewed) -> Resource:
    """Return a check as a report; one that cannot be opened has the status `unknown` and no result."""
    row, check = shown.row, shown.check
    found: Resource = {
        "resourceType": "DiagnosticReport",
        "id": str(row.id),
        "identifier": [{"system": "urn:hemaledger:record", "value": row.number}],
        "status": "unknown",
        "code": {"text": "Judgement of a picture by a machine"},
        "subject": {"reference": f"Patient/{row.patient_id}"},
        "effectiveDateTime": instant(row.created_at),
        "issued": instant(row.created_at),
    }
    if check is not None:
        found |= {
            "status": "preliminary",
            "result": [{"reference": f"Observation/{row.id}"}],
            "media": [{"link": {"reference": f"Media/{row.id}"}}],
            "conclusion": f"{answer_of(check).title}. A model's answer; "
            f"{CLOSED_REVIEW if reviewed.done else NOT_REVIEWED}.",
        }
        if reviewed.review is not None:
            found |= _interpreted(shown, check, reviewed.review)
        if is_superseded(check.model):
            found |= {"meta": SUPERSEDED, "conclusion": f"{found['conclusion']} {NO_LONGER}"}
    return found


def _interpreted(shown: Shown, check: Check, review: Review) -> Resource:
    """Return the fields of a report that a doctor's review changes."""
    codes = [_class(shown, code) for code in review.labels]
    final = review.decision is not Decision.UNCLEAR
    return {
        "status": "final" if final else "preliminary",
        "resultsInterpreter": [{"display": review.author}],
        "conclusion": f"{_said(check, review)} The model's answer: {answer_of(check).title}.",
        **({"conclusionCode": codes} if codes else {}),
    }


def _said(check: Check, review: Review) -> str:
    """Return what a doctor says, as far as the patient may read it."""
    title = decision(review, check.model.task).title
    return " ".join(part for part in (f"{title} ({review.author}).", review.message) if part)


def observation(shown: Shown, reviewed: Reviewed) -> Resource:
    """Return a check's result: what the page says of it, and the probability of each class; a review is a note."""
    row, check = shown.row, shown.check
    if check is None:
        return _unknown_observation(shown)
    model, ended = check.model, is_superseded(check.model)
    return {
        **_unknown_observation(shown),
        **({"meta": SUPERSEDED} if ended else {}),
        "status": "preliminary",
        "code": {"coding": [{"system": TASKS, "code": model.task.code}], "text": model.task.name},
        "valueCodeableConcept": _answer(shown, check),
        "device": {
            "identifier": {"system": "urn:hemaledger:model", "value": model.model_digest.hex()},
            "display": f"Model of round {model.round}",
        },
        "component": [
            {"code": _class(shown, code), "valueQuantity": {"value": round(share, 6), **ONE}}
            for code, share in check.shares.items()
        ],
        "derivedFrom": [{"reference": f"Media/{row.id}"}],
        "note": [
            _note(check, reviewed),
            *([{"text": PRIVATE_NOTE}] if check.private else []),
            *([{"text": NO_LONGER}] if ended else []),
        ],
    }


def _note(check: Check, reviewed: Reviewed) -> Resource:
    """Return whether a doctor agrees with an observation."""
    review = reviewed.review
    if review is None:
        return {"text": f"A model's answer; {CLOSED_REVIEW if reviewed.done else NOT_REVIEWED}."}
    return {"authorString": review.author, "time": instant(review.written_at), "text": _said(check, review)}


def media(shown: Shown, root: str) -> Resource:
    """Return the picture of a check; the file itself is at the API's address below `root`."""
    row = shown.row
    content: Resource = {"contentType": "image/png", "size": shown.picture_bytes}
    if shown.check is not None:
        content["url"] = f"{root}api/v1/checks/{row.id}/image.png"
    else:
        content["title"] = "This hospital cannot open the picture now."
    return {
        "resourceType": "Media",
        "id": str(row.id),
        "status": "completed" if shown.check is not None else "unknown",
        "subject": {"reference": f"Patient/{row.patient_id}"},
        "createdDateTime": instant(row.created_at),
        "content": content,
    }


def bundle(resources: list[Resource], base: str, links: dict[str, str]) -> Resource:
    """Return one page of a search; `links` has `self`, and `next` if there is another page."""
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": relation, "url": url} for relation, url in links.items()],
        "entry": [
            {
                "fullUrl": f"{base}/{each['resourceType']}/{each['id']}",
                "resource": each,
                "search": {"mode": "match"},
            }
            for each in resources
        ],
    }


def _unknown_observation(shown: Shown) -> Resource:
    return {
        "resourceType": "Observation",
        "id": str(shown.row.id),
        "status": "unknown",
        "code": {"text": "Judgement of a picture by a machine"},
        "subject": {"reference": f"Patient/{shown.row.patient_id}"},
        "effectiveDateTime": instant(shown.row.created_at),
    }


def _answer(shown: Shown, check: Check) -> Resource:
    """Return the answer in the words of the page, with the codes of the classes that it takes for found."""
    coded = [{"system": CLASSES, "code": code, "display": _class_name(shown, code)} for code in _found(check)]
    return {"text": answer_of(check).title, **({"coding": coded} if coded else {})}


def _found(check: Check) -> list[str]:
    """Return the findings above their threshold, or the likeliest class if the page's verdict is on its side."""
    task, tone = check.model.task, answer_of(check).tone
    if task.several:
        return [one.code for one in findings_of(task, check.shares)]
    if tone == WAIT:
        return []
    diseases = {one.code for one in task.disease}
    return [check.label] if (check.label in diseases) == (tone == BAD) else []


def _class(shown: Shown, code: str) -> Resource:
    return {"coding": [{"system": CLASSES, "code": code}], "text": _class_name(shown, code)}


def _class_name(shown: Shown, code: str) -> str:
    classes = shown.check.model.task.classes if shown.check is not None else ()
    return next((each.name for each in classes if each.code == code), code)


def _doctor(doctor: DoctorProfile) -> Resource:
    return {
        "type": "Practitioner",
        "identifier": {"system": PEOPLE, "value": str(doctor.account_id)},
        "display": doctor.account.name,
    }
