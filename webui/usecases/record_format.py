"""The contents of a sealed patient record: a check with its picture, an answer about a table, or a doctor's note.

Invariant: one record has one encoding, and parsing is strict. A record names its patient, so that the file of one
patient cannot be shown as that of another.

Layout: length:u32 ‖ canonical JSON ‖ length:u32 ‖ PNG (only in a check).

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
from webui.ports.federation import ServedModel
from webui.usecases.risk_format import FIELDS as RISK_FIELDS
from webui.usecases.risk_format import RiskRecord, parse_risk, risk_document

FORMAT = "hemaledger-record-2"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
MAX_NOTE_CHARS = 4000
_WHAT = "patient record"
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


@dataclass(frozen=True)
class Note:
    """A doctor's note on a check."""

    patient: Subject
    about: bytes
    """Record id of the check, 16 bytes."""
    author: str
    written_at: int
    text: str


Record = Check | Note | RiskRecord


def pack(record: Record) -> bytes:
    picture = record.image_png if isinstance(record, Check) else b""
    return Writer().text(write_document(_document(record))).text(picture).bytes()


def unpack(body: bytes) -> Record:
    """Return the record of a plaintext, or raise EncodingError."""
    reader = Reader(body, _WHAT)
    document = parse_document(reader.raw(reader.u32()), _WHAT)
    picture = reader.raw(reader.u32())
    reader.end()
    fields = Fields(document, _WHAT)
    if fields.text("format") != FORMAT:
        raise EncodingError(_WHAT, "its format is unknown")
    record: Record
    kind = fields.text("kind")
    if kind == "check" and picture.startswith(PNG_MAGIC):
        record = _parse_check(fields, picture)
    elif kind == "note" and not picture:
        record = _parse_note(fields)
    elif kind == "risk" and not picture:
        fields.only(*_COMMON, *RISK_FIELDS)
        model = _parse_model(Fields(fields.mapping("model"), _WHAT))
        record = parse_risk(fields, _parse_subject(fields), model)
    else:
        raise EncodingError(_WHAT, "its kind does not allow this picture")
    if pack(record) != body:
        raise EncodingError(_WHAT, "it is not in canonical form")
    return record


def _document(record: Record) -> dict[str, JsonValue]:
    if isinstance(record, Check):
        return _check_document(record)
    if isinstance(record, Note):
        return _note_document(record)
    return {
        **risk_document(record),
        "format": FORMAT,
        "kind": "risk",
        "model": _model_document(record.model),
        "patient": _subject_document(record.patient),
    }


def _check_document(check: Check) -> dict[str, JsonValue]:
    return {
        "format": FORMAT,
        "kind": "check",
        "patient": _subject_document(check.patient),
        "checked_at": check.checked_at,
        "prediction": {
            "label": check.label,
            "probability": None if check.probability is None else float(check.probability),
            "shares": {code: float(share) for code, share in check.shares.items()},
            **({} if check.kept is None else {"kept": list(check.kept)}),
        },
        "model": _model_document(check.model),
    }


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


def _parse_check(fields: Fields, picture: bytes) -> Check:
    fields.only(*_COMMON, "checked_at", "prediction", "model")
    prediction = Fields(fields.mapping("prediction"), _WHAT)
    prediction.only("label", "probability", "shares", *(name for name in ("kept",) if name in prediction.value))
    model, shares = _parse_model(Fields(fields.mapping("model"), _WHAT)), prediction.mapping("shares")
    codes, label = model.task.codes, prediction.text("label")
    if label not in codes or set(shares) != set(codes):
        raise EncodingError(_WHAT, "it names a class that its task does not have")
    probability = None if prediction.value.get("probability") is None else _share(prediction, "probability")
    if (probability is None) == model.task.reports:
        raise EncodingError(_WHAT, "it has a probability exactly when its task reports none")
    parsed = Fields(shares, _WHAT)
    return Check(
        patient=_parse_subject(fields),
        checked_at=fields.integer("checked_at"),
        label=label,
        probability=probability,
        model=model,
        image_png=picture,
        shares={code: _share(parsed, code) for code in codes},
        kept=_kept(prediction, codes),
    )


def _kept(prediction: Fields, codes: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the classes that remain, in the order of the task; None without calibration."""
    if "kept" not in prediction.value:
        return None
    kept = _texts(prediction, "kept")
    if kept != tuple(code for code in codes if code in kept):
        raise EncodingError(_WHAT, "the classes that remain are not classes of its task in order")
    return kept


def _share(fields: Fields, name: str) -> float:
    value = fields.number(name)
    if not 0 <= value <= 1:
        raise EncodingError(_WHAT, f"{name} is not between 0 and 1")
    return value


def _parse_model(fields: Fields) -> ServedModel:
    model = ServedModel(
        round=fields.integer("round"),
        model_digest=_digest(fields, "model_digest"),
        envelope_digest=_digest(fields, "envelope_digest"),
        protection=fields.text("protection"),
        coordinator_name=fields.text("coordinator_name"),
        final_at=fields.integer("final_at"),
        attested_by=_texts(fields, "attested_by"),
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


def _texts(fields: Fields, name: str) -> tuple[str, ...]:
    items = fields.value.get(name)
    if not isinstance(items, list):
        raise EncodingError(_WHAT, f"{name} is not a list")
    texts = tuple(item for item in items if isinstance(item, str))
    if len(texts) != len(items):
        raise EncodingError(_WHAT, f"{name} is not a list of texts")
    return texts
