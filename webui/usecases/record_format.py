"""The contents of a sealed patient record: a check with its picture, an answer about a table, a note, or a review.

Invariant: one record has one encoding, and parsing is strict. A record names its patient, so that the file of one
patient cannot be shown as that of another.

Layout: length:u32 ‖ canonical JSON ‖ length:u32 ‖ PNG (only in a check) ‖ further parts (record_pictures.py).

Source: PROTOCOL.md 2 (documents) and 9 (records).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fl.protocol.codec import Fields, JsonValue, Reader, Writer, parse_document, write_document
from fl.protocol.errors import EncodingError
from fl.protocol.names import DIGEST_BYTES, Digest, parse_hex
from fl.protocol.task import Task
from fl.roles.serving.model_facts import Fact, State, Verification
from fl.training.pictures.preparation import PLAIN
from webui.ports.federation import Route, ServedModel
from webui.ports.private import PrivateWay
from webui.usecases.record_pictures import (
    NO_VIEWS,
    ONE_PICTURE,
    PNG_MAGIC,
    Pictured,
    Sample,
    Views,
    parse_prediction,
    parse_sample,
    part_names,
    parts_of,
    prediction_document,
    sample_document,
    texts,
    views_in,
)
from webui.usecases.record_pictures import WHAT as _WHAT
from webui.usecases.review_format import Review, parse_review, review_document
from webui.usecases.risk_format import FIELDS as RISK_FIELDS
from webui.usecases.risk_format import RiskRecord, parse_risk, risk_document

FORMAT = "hemaledger-record-2"
MAX_NOTE_CHARS = 4000
_COMMON = ("format", "kind", "patient")


@dataclass(frozen=True)
class Subject:
    """Whose record it is."""

    id: int
    """Of the patient's account on this site."""
    name: str
    born: str
    """ISO date."""


@dataclass(frozen=True)
class Check:
    """A checked image, the model's answer, and how the model was verified at that moment."""

    patient: Subject
    checked_at: int
    """Seconds since 1970."""
    label: str
    """The code of the likeliest class."""
    probability: float | None
    """Of the disease that the task reports, in 0..1; None if no class is a disease."""
    model: ServedModel
    image_png: bytes
    """Encoded by this site, without metadata; never the uploaded bytes."""
    shares: Mapping[str, float]
    """Class code -> probability."""
    kept: tuple[str, ...] | None = None
    """The codes of the classes that remain possible; None if the model had no calibration."""
    views: Views = NO_VIEWS
    sample: Sample = ONE_PICTURE
    """The other pictures of the sample. The check's own picture is the one with the worst answer (sampling.py)."""
    route: Route | None = None
    """Which hospital's server judged the check's own picture; None if the site knew no other than its own."""
    software: str = ""
    """The version of this program that answered; empty in checks of earlier versions."""
    private: PrivateWay | None = None
    """How the answer came if it was a private one."""

    @property
    def pictures(self) -> tuple[Pictured, ...]:
        """Return all pictures in the order in which they were sent, each with its own answer."""
        own = Pictured(self.image_png, self.views, self.label, self.probability, self.shares, self.kept)
        others, place = self.sample.others, self.sample.place
        return (*others[:place], own, *others[place:])


@dataclass(frozen=True)
class Note:
    """A doctor's note on a check."""

    patient: Subject
    about: bytes
    """Record id of the check, 16 bytes."""
    author: str
    written_at: int
    text: str


Record = Check | Note | Review | RiskRecord


def pack(record: Record) -> bytes:
    picture = record.image_png if isinstance(record, Check) else b""
    writer = Writer().text(write_document(_document(record))).text(picture)
    for _, part in parts_of(record.views, record.sample) if isinstance(record, Check) else ():
        writer = writer.text(part)
    return writer.bytes()


def _document(record: Record) -> dict[str, JsonValue]:
    match record:
        case Check():
            return _check_document(record)
        case Note():
            return _note_document(record)
        case Review():
            return review_document(record, FORMAT, _subject_document(record.patient))
        case RiskRecord():
            return {
                **risk_document(record),
                "format": FORMAT,
                "kind": "risk",
                "model": _model_document(record.model),
                "patient": _subject_document(record.patient),
            }


def unpack(body: bytes) -> Record:
    """Return the record of a plaintext, or raise EncodingError."""
    reader = Reader(body, _WHAT)
    document = parse_document(reader.raw(reader.u32()), _WHAT)
    picture, fields = reader.raw(reader.u32()), Fields(document, _WHAT)
    parts = {name: reader.raw(reader.u32()) for name in part_names(fields)}
    reader.end()
    if fields.text("format") != FORMAT:
        raise EncodingError(_WHAT, "its format is unknown")
    record: Record
    kind = fields.text("kind")
    if kind == "check" and picture.startswith(PNG_MAGIC):
        record = _parse_check(fields, picture, parts)
    elif kind == "note" and not picture:
        record = _parse_note(fields)
    elif kind == "review" and not picture:
        record = parse_review(fields, _parse_subject(fields))
    elif kind == "risk" and not picture:
        fields.only(*_COMMON, *RISK_FIELDS, *(name for name in ("software",) if name in fields.value))
        model = _parse_model(Fields(fields.mapping("model"), _WHAT))
        record = parse_risk(fields, _parse_subject(fields), model)
    else:
        raise EncodingError(_WHAT, "its kind does not allow this picture")
    if pack(record) != body:
        raise EncodingError(_WHAT, "it is not in canonical form")
    return record


def _check_document(check: Check) -> dict[str, JsonValue]:
    parts: list[JsonValue] = [name for name, _ in parts_of(check.views, check.sample)]
    return {
        "format": FORMAT,
        "kind": "check",
        "patient": _subject_document(check.patient),
        "checked_at": check.checked_at,
        "prediction": prediction_document(check.label, check.probability, check.shares, check.kept),
        "model": _model_document(check.model),
        **({"sample": sample_document(check.sample)} if check.sample.others else {}),
        **({"parts": parts} if parts else {}),
        **({"route": route_document(check.route)} if check.route else {}),
        **({"software": check.software} if check.software else {}),
        **({"private": private_document(check.private)} if check.private else {}),
    }


def private_document(way: PrivateWay) -> dict[str, JsonValue]:
    """Return how a private answer came, as records and receipts have it."""
    return {
        "head": way.head.hex(),
        "request": way.request,
        "trustees": list(way.trustees),
        "wrong": list(way.wrong),
        "ms": way.ms,
    }


def _parse_private(fields: Fields) -> PrivateWay | None:
    if "private" not in fields.value:
        return None
    inner = Fields(fields.mapping("private"), _WHAT)
    inner.only("head", "request", "trustees", "wrong", "ms")
    names = texts(inner, "trustees"), texts(inner, "wrong")
    return PrivateWay(_digest(inner, "head"), inner.integer("request"), *names, inner.integer("ms"))


def route_document(route: Route) -> dict[str, JsonValue]:
    """Return a route as records and receipts have it."""
    return {"server": route.server, "why": route.why, **({} if route.km is None else {"km": float(route.km)})}


def _parse_route(fields: Fields) -> Route | None:
    if "route" not in fields.value:
        return None
    inner = Fields(fields.mapping("route"), _WHAT)
    inner.only("server", "why", *(name for name in ("km",) if name in inner.value))
    return Route(inner.text("server"), inner.text("why"), inner.number("km") if "km" in inner.value else None)


def _model_document(model: ServedModel) -> dict[str, JsonValue]:
    return {
        "round": model.round,
        "model_digest": model.model_digest.hex(),
        "envelope_digest": model.envelope_digest.hex(),
        "protection": model.protection,
        "coordinator_name": model.coordinator_name,
        "final_at": model.final_at,
        "attested_by": list(model.attested_by),
        "verification": _verification_document(model.verification),
        "task": model.task.to_dict(),
        **({} if model.preparation == PLAIN else {"preparation": model.preparation}),
    }


def _verification_document(verification: Verification) -> dict[str, JsonValue]:
    facts = {"ledger": verification.ledger, "file": verification.file, "memory": verification.memory}
    return {**{name: _fact_document(fact) for name, fact in facts.items()}, "block": verification.block}


def _fact_document(fact: Fact | None) -> JsonValue:
    return None if fact is None else {"state": fact.state.value, "at": fact.at, "why": fact.why}


def _note_document(note: Note) -> dict[str, JsonValue]:
    return {
        "format": FORMAT,
        "kind": "note",
        "patient": _subject_document(note.patient),
        "about": note.about.hex(),
        "author": note.author,
        "written_at": note.written_at,
        "text": note.text,
    }


def _subject_document(subject: Subject) -> dict[str, JsonValue]:
    return {"id": subject.id, "name": subject.name, "born": subject.born}


def _parse_check(fields: Fields, picture: bytes, parts: Mapping[str, bytes]) -> Check:
    further = (name for name in ("sample", "parts", "route", "software", "private") if name in fields.value)
    fields.only(*_COMMON, "checked_at", "prediction", "model", *further)
    model = _parse_model(Fields(fields.mapping("model"), _WHAT))
    label, probability, shares, kept = parse_prediction(fields, model.task)
    return Check(
        patient=_parse_subject(fields),
        checked_at=fields.integer("checked_at"),
        label=label,
        probability=probability,
        model=model,
        image_png=picture,
        shares=shares,
        kept=kept,
        views=views_in(parts, 0),
        sample=parse_sample(fields, model.task, parts),
        route=_parse_route(fields),
        software=fields.text("software") if "software" in fields.value else "",
        private=_parse_private(fields),
    )


def _parse_model(fields: Fields) -> ServedModel:
    model = ServedModel(
        round=fields.integer("round"),
        model_digest=_digest(fields, "model_digest"),
        envelope_digest=_digest(fields, "envelope_digest"),
        protection=fields.text("protection"),
        coordinator_name=fields.text("coordinator_name"),
        final_at=fields.integer("final_at"),
        attested_by=texts(fields, "attested_by"),
        verification=_parse_verification(fields),
        task=Task.from_dict(fields.mapping("task")),
        preparation=fields.text("preparation") if "preparation" in fields.value else PLAIN,
    )
    always = set(ServedModel.__dataclass_fields__) - {"preparation"}
    fields.only(*always, *(name for name in ("preparation",) if name in fields.value))
    return model


def _parse_verification(fields: Fields) -> Verification:
    inner = Fields(fields.mapping("verification"), _WHAT)
    inner.only("ledger", "file", "memory", "block")
    file, memory = (_parse_fact(inner, name) if inner.value.get(name) else None for name in ("file", "memory"))
    return Verification(_parse_fact(inner, "ledger"), file, memory, inner.integer("block"))


def _parse_fact(fields: Fields, name: str) -> Fact:
    inner = Fields(fields.mapping(name), _WHAT)
    inner.only("state", "at", "why")
    try:
        state = State(inner.text("state"))
    except ValueError as error:
        raise EncodingError(_WHAT, f"the state of {name} is unknown") from error
    return Fact(state, inner.integer("at"), inner.text("why"))


def _parse_note(fields: Fields) -> Note:
    fields.only(*_COMMON, "about", "author", "written_at", "text")
    return Note(
        patient=_parse_subject(fields),
        about=parse_hex(fields.text("about"), 16, _WHAT),
        author=fields.text("author"),
        written_at=fields.integer("written_at"),
        text=fields.text("text"),
    )


def _parse_subject(fields: Fields) -> Subject:
    inner = Fields(fields.mapping("patient"), _WHAT)
    inner.only("id", "name", "born")
    return Subject(inner.integer("id"), inner.text("name"), inner.text("born"))


def _digest(fields: Fields, name: str) -> Digest:
    return Digest(parse_hex(fields.text(name), DIGEST_BYTES, _WHAT))
