"""What programs get: each value of the site as JSON, and the schema of that JSON.

Invariant: `SCHEMAS` describes every object that this module makes (tests/memory/test_webui_api.py validates each).
Times are RFC 3339 in UTC; digests are 64 hexadecimal digits; probabilities are in 0..1.

Source: OpenAPI 3.1, "Schema Object" (JSON Schema 2020-12); RFC 3339.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fl.proofs.cosigners import Cosigning, LogNow
from fl.protocol.task import Task
from webui.http.page_lookups import is_superseded
from webui.ports.federation import FileFinding, RoundView, ServedModel
from webui.store.accounts import SignedInUser
from webui.store.models import Appointment, DoctorProfile
from webui.store.slots import Slot
from webui.usecases.patient_records import Shown
from webui.usecases.review_format import Decision, Review

Json = dict[str, Any]


def moment(seconds: int | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def person_json(user: SignedInUser, scopes: frozenset[str]) -> Json:
    return {"id": user.id, "name": user.name, "role": user.role.value, "scopes": sorted(scopes)}


def model_json(model: ServedModel, table: str = "") -> Json:
    """Return a model; `table` names the table that it is of, if it is of none of pictures."""
    return {
        "round": model.round,
        "model_digest": model.model_digest.hex(),
        "envelope_digest": model.envelope_digest.hex(),
        "protection": model.protection,
        "coordinator": model.coordinator_name,
        "final_at": moment(model.final_at),
        "attested_by": list(model.attested_by),
        "confirmed": model.verification.whole,
        "superseded": is_superseded(model, table),
        "task": task_json(model.task),
    }


def task_json(task: Task) -> Json:
    classes = [{"code": each.code, "name": each.name, "disease": each.disease} for each in task.classes]
    return {"code": task.code, "name": task.name, "drawn": task.drawn, "classes": classes}


def review_json(review: Review) -> Json:
    """Return what a doctor says about a check, as far as its patient may read it."""
    return {
        "author": review.author,
        "written_at": moment(review.written_at),
        "decision": review.decision.value,
        "labels": list(review.labels),
        "message": review.message,
    }


def check_json(shown: Shown, review: Review | None, *, reviewed: bool) -> Json:
    """Return one check; what cannot be opened has `state` other than `open` and no result.

    The result is always the model's; after a review, `review` has what the doctor says instead or in addition. A risk
    has no result here (risk_views.py has it), and of a closed record nobody knows the kind.
    """
    row, check = shown.row, shown.check
    result = None
    if check is not None:
        result = {
            "label": check.label,
            "probability": check.probability,
            "shares": dict(check.shares),
            "possible": list(check.kept) if check.kept is not None else None,
            "private": check.private is not None,
            "model": model_json(check.model),
        }
    return {
        "id": row.id,
        "patient": row.patient_id,
        "number": row.number,
        "state": shown.state,
        "kind": "picture" if check is not None else "risk" if shown.risk is not None else "unknown",
        "created_at": moment(row.created_at),
        "result": result,
        "reviewed": reviewed,
        "review": review_json(review) if review is not None else None,
    }


def doctor_json(doctor: DoctorProfile) -> Json:
    return {
        "id": doctor.account_id,
        "name": doctor.account.name,
        "specialty": doctor.specialty,
        "room": doctor.room,
        "slot_minutes": doctor.slot_minutes,
    }


def slot_json(slot: Slot) -> Json:
    return {"starts_at": moment(slot.starts_at), "ends_at": moment(slot.ends_at)}


def appointment_json(booking: Appointment) -> Json:
    return {
        "id": booking.id,
        "doctor": booking.doctor_id,
        "patient": booking.patient_id,
        "starts_at": moment(booking.starts_at),
        "ends_at": moment(booking.ends_at),
        "state": booking.state,
        "cancelled_at": moment(booking.cancelled_at),
        "cancelled_by": booking.cancelled_by,
    }


def round_json(view: RoundView) -> Json:
    return {
        "number": view.number,
        "phase": view.phase,
        "protection": view.protection,
        "opened_at": moment(view.opened_at),
        "ended_at": moment(view.ended_at),
        "hospitals": [{"name": each.name, "committed": each.committed} for each in view.hospitals],
        "model_digest": view.model_digest.hex() if view.model_digest else None,
        "attested_by": list(view.attested_by),
        "reason": view.reason,
        "superseded": view.superseded,
        "metrics": dict(view.report.metrics) if view.report.metrics is not None else None,
        "alarm": view.report.alarm,
    }


def finding_json(finding: FileFinding) -> Json:
    places = [
        {
            "what": place.what,
            "sender": place.sender_name,
            "account": "0x" + place.sender.hex(),
            "round": place.round or None,
            "recorded_at": moment(place.recorded_at),
            "transaction": "0x" + place.transaction.hex(),
            "block": place.block,
        }
        for place in finding.places
    ]
    return {"digest": finding.digest.hex(), "places": places}


def log_json(log: LogNow) -> Json:
    """Return the log's newest checkpoint and its witnesses."""
    newest = log.checkpoint
    return {
        "size": newest.size if newest else None,
        "root": newest.root.hex() if newest else None,
        "recorded_at": moment(log.made_at),
        "keepers": list(log.keepers),
        "quorum": log.quorum,
        "cosigners": len(log.cosigners),
        "met": log.met,
        "witnesses": [
            {
                "name": each.name,
                "account": "0x" + each.account.hex(),
                "role": each.role.name.lower(),
                "state": each.state.value if each.state else None,
                "size": each.size,
                "cosigned_at": moment(each.at),
                "behind_entries": each.entries,
                "behind_seconds": each.seconds,
            }
            for each in log.witnesses
        ],
    }


def listed(name: str, items: list[Json], page: int, *, more: bool) -> Json:
    """Return one page of a list; `next` is the number of the following page, or null."""
    return {name: items, "page": page, "next": page + 1 if more else None}


def object_of(**fields: Json) -> Json:
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def list_of(schema: Json) -> Json:
    return {"type": "array", "items": schema}


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


TEXT: Json = {"type": "string"}
TRUTH: Json = {"type": "boolean"}
NUMBER: Json = {"type": "integer", "minimum": 0}
SHARE: Json = {"type": "number", "minimum": 0, "maximum": 1}
TIME: Json = {"type": "string", "format": "date-time"}
DIGEST: Json = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
SHARES: Json = {"type": "object", "additionalProperties": SHARE}
METRICS: Json = {"type": "object", "additionalProperties": {"type": "number"}}


def page_of(name: str, schema: str) -> Json:
    return object_of(**{name: list_of(ref(schema)), "page": NUMBER, "next": or_null(NUMBER)})


SCHEMAS: dict[str, Json] = {
    "Problem": {
        "type": "object",
        "properties": {"type": TEXT, "title": TEXT, "status": NUMBER, "detail": TEXT},
        "required": ["type", "title", "status", "detail"],
    },
    "Person": object_of(id=NUMBER, name=TEXT, role=TEXT, scopes=list_of(TEXT)),
    "Task": object_of(
        code=TEXT, name=TEXT, drawn=TRUTH, classes=list_of(object_of(code=TEXT, name=TEXT, disease=TRUTH))
    ),
    "Model": object_of(
        round=NUMBER,
        model_digest=DIGEST,
        envelope_digest=DIGEST,
        protection=TEXT,
        coordinator=TEXT,
        final_at=TIME,
        attested_by=list_of(TEXT),
        confirmed=TRUTH,
        superseded=TRUTH,
        task=ref("Task"),
    ),
    "Result": object_of(
        label=TEXT,
        probability=or_null(SHARE),
        shares=SHARES,
        possible=or_null(list_of(TEXT)),
        private=TRUTH,
        model=ref("Model"),
    ),
    "Check": object_of(
        id=NUMBER,
        patient=NUMBER,
        number=or_null(TEXT),
        state={"enum": ["open", "waiting", "erased", "damaged"]},
        kind={"enum": ["picture", "risk", "unknown"]},
        created_at=TIME,
        result=or_null(ref("Result")),
        reviewed=TRUTH,
        review=or_null(ref("Review")),
    ),
    "Review": object_of(
        author=TEXT,
        written_at=TIME,
        decision={"enum": [each.value for each in Decision]},
        labels=list_of(TEXT),
        message=TEXT,
    ),
    "Checks": page_of("checks", "Check"),
    "Doctor": object_of(id=NUMBER, name=TEXT, specialty=TEXT, room=TEXT, slot_minutes=NUMBER),
    "Doctors": page_of("doctors", "Doctor"),
    "Slot": object_of(starts_at=TIME, ends_at=TIME),
    "Slots": page_of("slots", "Slot"),
    "Appointment": object_of(
        id=NUMBER,
        doctor=NUMBER,
        patient=NUMBER,
        starts_at=TIME,
        ends_at=TIME,
        state={"enum": ["booked", "cancelled"]},
        cancelled_at=or_null(TIME),
        cancelled_by=or_null(TEXT),
    ),
    "Appointments": page_of("appointments", "Appointment"),
    "NewAppointment": object_of(doctor=NUMBER, starts_at=TIME),
    "NewTime": object_of(starts_at=TIME),
    "Round": object_of(
        number=NUMBER,
        phase=TEXT,
        protection=TEXT,
        opened_at=TIME,
        ended_at=or_null(TIME),
        hospitals=list_of(object_of(name=TEXT, committed=TRUTH)),
        model_digest=or_null(DIGEST),
        attested_by=list_of(TEXT),
        reason=TEXT,
        superseded=TRUTH,
        metrics=or_null(METRICS),
        alarm=TEXT,
    ),
    "Rounds": page_of("rounds", "Round"),
    "Place": object_of(
        what=TEXT,
        sender=TEXT,
        account=TEXT,
        round=or_null(NUMBER),
        recorded_at=TIME,
        transaction=TEXT,
        block=NUMBER,
    ),
    "Witness": object_of(
        name=TEXT,
        account=TEXT,
        role=TEXT,
        state=or_null({"enum": [each.value for each in Cosigning]}),
        size=or_null(NUMBER),
        cosigned_at=or_null(TIME),
        behind_entries=NUMBER,
        behind_seconds=NUMBER,
    ),
    "Log": object_of(
        size=or_null(NUMBER),
        root=or_null(DIGEST),
        recorded_at=or_null(TIME),
        keepers=list_of(TEXT),
        quorum=NUMBER,
        cosigners=NUMBER,
        met=TRUTH,
        witnesses=list_of(ref("Witness")),
    ),
    "Finding": object_of(digest=DIGEST, places=list_of(ref("Place"))),
    "Proof": {"type": "object"},
}
