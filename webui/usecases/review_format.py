"""The contents of a doctor's review of a check, as a sealed record of the kind `review`.

Invariant: a review never changes the check that it is about. It agrees, gives another answer, or says that the picture
does not allow one; only another answer names classes.

Layout: as record_format.py has it, without a picture.

Source: PROTOCOL.md 2 (documents) and 9 (records); GMC, Good medical practice (candour, records of decisions).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError
from fl.protocol.names import parse_hex

if TYPE_CHECKING:
    from webui.usecases.record_format import Subject

MAX_TEXT_CHARS = 4000
MAX_LABELS = 100
_WHAT = "patient record"
_TEXTS = ("reason", "note", "message")
_FIELDS = ("format", "kind", "patient", "about", "author", "written_at", "decision", "labels", *_TEXTS, "patient_sees")


class Decision(StrEnum):
    """What a doctor says about the model's answer."""

    CONFIRMED = "confirmed"
    """The doctor agrees."""
    OTHER = "other"
    """The doctor gives another answer."""
    UNCLEAR = "unclear"
    """The picture does not allow an answer."""


class Part(StrEnum):
    """The parts of a review that the doctor may show to the patient or keep among doctors."""

    REASON = "reason"
    NOTE = "note"


@dataclass(frozen=True)
class Review:
    """A doctor's review of a check. The patient always reads the decision, who made it and when, and the message."""

    patient: Subject
    about: bytes
    """Record id of the check, 16 bytes."""
    author: str
    written_at: int
    """Seconds since 1970."""
    decision: Decision
    labels: tuple[str, ...]
    """Codes of the doctor's own answer; empty unless the decision is OTHER, and also for `none of the findings`."""
    reason: str
    note: str
    message: str
    """To the patient; may be empty, as reason and note."""
    patient_sees: frozenset[Part]

    def shows(self, part: str) -> bool:
        """Return whether the patient reads this part."""
        return Part(part) in self.patient_sees


def review_document(review: Review, form: str, subject: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the document of a review; `form` is the name of the format."""
    return {
        "format": form,
        "kind": "review",
        "patient": dict(subject),
        "about": review.about.hex(),
        "author": review.author,
        "written_at": review.written_at,
        "decision": review.decision.value,
        "labels": list(review.labels),
        "reason": review.reason,
        "note": review.note,
        "message": review.message,
        "patient_sees": [part.value for part in sorted(review.patient_sees)],
    }


def parse_review(fields: Fields, subject: Subject) -> Review:
    """Return the review of a document, or raise EncodingError."""
    fields.only(*_FIELDS)
    try:
        decision = Decision(fields.text("decision"))
        sees = frozenset(Part(part) for part in _texts(fields, "patient_sees"))
    except ValueError as error:
        raise EncodingError(_WHAT, "its decision or a part for the patient is unknown") from error
    labels = _texts(fields, "labels")
    if len(set(labels)) != len(labels) or (labels and decision is not Decision.OTHER):
        raise EncodingError(_WHAT, "its labels do not belong to its decision")
    return Review(
        patient=subject,
        about=parse_hex(fields.text("about"), 16, _WHAT),
        author=fields.text("author"),
        written_at=fields.integer("written_at"),
        decision=decision,
        labels=labels,
        reason=fields.text("reason"),
        note=fields.text("note"),
        message=fields.text("message"),
        patient_sees=sees,
    )


def _texts(fields: Fields, name: str) -> tuple[str, ...]:
    items = fields.value.get(name)
    if not isinstance(items, list) or len(items) > MAX_LABELS:
        raise EncodingError(_WHAT, f"{name} is not a list of at most {MAX_LABELS}")
    texts = tuple(item for item in items if isinstance(item, str))
    if len(texts) != len(items):
        raise EncodingError(_WHAT, f"{name} is not a list of texts")
    return texts
