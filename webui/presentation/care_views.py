"""What programs get about a patient's choice of consent and a doctor's work list, as JSON, with its schemas.

Invariant: as in api_views.py.
"""

from __future__ import annotations

from fl.crypto.capsule import Readers
from webui.ports.consent import RECORD_PURPOSES, Choice
from webui.presentation.api_views import NUMBER, TEXT, TIME, TRUTH, Json, list_of, moment, object_of, page_of
from webui.usecases.review_format import MAX_LABELS, MAX_TEXT_CHARS, Decision, Part
from webui.usecases.urgency import Urgency
from webui.usecases.worklist import WorkItem

WHO = {"hospital": Readers.HOSPITAL_AND_TRUSTEES, "quorum": Readers.TRUSTEES}
PURPOSES = {purpose.name.lower(): purpose for purpose in RECORD_PURPOSES}
WRITTEN: Json = {"type": "string", "maxLength": MAX_TEXT_CHARS}
CHOICE: Json = {
    "readers": {"enum": [*WHO], "description": "quorum: only trustees together open the records."},
    "purposes": list_of({"enum": [*PURPOSES]}),
}
CARE_SCHEMAS: dict[str, Json] = {
    "Consent": object_of(
        **CHOICE, changing={"type": "boolean", "description": "Whether records are being sealed again."}
    ),
    "NewConsent": {
        "type": "object",
        "required": ["readers", "purposes"],
        "additionalProperties": False,
        "properties": {
            **CHOICE,
            "sure": {"type": "boolean", "description": "Needed where the hospital would no longer open records."},
        },
    },
    "Receipt": {"type": "object"},
    "WorkItem": object_of(
        check=NUMBER,
        patient=NUMBER,
        patient_name=TEXT,
        created_at=TIME,
        urgency={"enum": [each.name.lower() for each in Urgency]},
        read=TRUTH,
        reviewed=TRUTH,
        state=TEXT,
    ),
    "Worklist": page_of("items", "WorkItem"),
    "NewReview": {
        "type": "object",
        "required": ["decision"],
        "additionalProperties": False,
        "properties": {
            "decision": {"enum": [each.value for each in Decision]},
            "labels": {**list_of(TEXT), "maxItems": MAX_LABELS, "description": "The doctor's own answer, as codes."},
            "reason": {**WRITTEN, "description": "Another answer needs one."},
            "note": {**WRITTEN, "description": "For doctors."},
            "message": {**WRITTEN, "description": "To the patient."},
            "patient_sees": list_of({"enum": [each.value for each in Part]}),
        },
    },
}


def consent_json(chosen: Choice, *, changing: bool) -> Json:
    """Return a patient's choice; `changing` says that records are being sealed again."""
    return {
        "readers": next(name for name, readers in WHO.items() if readers == chosen.readers),
        "purposes": [name for name, purpose in PURPOSES.items() if purpose in chosen.consent],
        "changing": changing,
    }


def work_item_json(item: WorkItem) -> Json:
    return {
        "check": item.listed.row_id,
        "patient": item.listed.patient_id,
        "patient_name": item.listed.patient_name,
        "created_at": moment(item.listed.created_at),
        "urgency": item.urgency.name.lower(),
        "read": item.listed.read,
        "reviewed": item.listed.reviewed,
        "state": item.shown.state,
    }
