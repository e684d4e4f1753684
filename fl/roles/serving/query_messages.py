"""What a site asks another hospital's server, and its answer; both travel sealed (fl/crypto/sealed_query.py).

Invariant: parsing is strict and bounded. An answer names the model that made it, so that the site can compare the name
with the ledger.

Layout of a question: side:u16 ‖ pixels[side][side][3] (uint8, RGB).
An answer: length:u32 ‖ canonical document ‖ length:u32 ‖ heat[side][side] (uint8; empty if the network cannot be looked
into).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fl.protocol.codec import Fields, JsonValue, Reader, Writer, parse_document, write_document
from fl.protocol.errors import EncodingError, NoAnswer
from fl.protocol.names import DIGEST_BYTES, Digest, parse_hex
from fl.training.pictures.images import Pixels

FORMAT = "hemaledger-answer-1"
MAX_SIDE_PX = 1024
QUESTION_CAP = 2 + 3 * MAX_SIDE_PX * MAX_SIDE_PX
"""Bytes of the largest question."""
DOCUMENT_CAP = 64 * 1024
ANSWER_CAP = 8 + DOCUMENT_CAP + MAX_SIDE_PX * MAX_SIDE_PX
"""Bytes of the largest answer, before it is filled up."""
MAX_CLASSES = 64
MAX_WHY_CHARS = 500
_QUESTION, _ANSWER = "question about a picture", "answer about a picture"


@dataclass(frozen=True)
class PictureQuestion:
    """What the model looks at: one cell, cut out by the site (fl/training/pictures/gate.py), without metadata."""

    pixels: Pixels
    """uint8 [S, S, 3]."""

    def to_bytes(self) -> bytes:
        return Writer().u16(len(self.pixels)).bytes() + np.ascontiguousarray(self.pixels).tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> PictureQuestion:
        """Parse a question.

        Raises:
            EncodingError: it is no square picture, or its side is 0 or more than `MAX_SIDE_PX`.
        """
        reader = Reader(data, _QUESTION)
        side = reader.u16()
        if not 0 < side <= MAX_SIDE_PX:
            raise EncodingError(_QUESTION, f"its side is {side} px, not 1 to {MAX_SIDE_PX}")
        return cls(np.frombuffer(reader.rest(3 * side * side), np.uint8).reshape(side, side, 3))


@dataclass(frozen=True)
class PictureAnswer:
    """What the model says about one picture."""

    round: int
    model_digest: Digest
    label: str
    """The code of the likeliest class."""
    shares: Mapping[str, float]
    """Class code -> probability."""
    kept: tuple[str, ...] | None = None
    """The codes of the classes that remain possible."""
    heat: bytes = b""
    """Where the network saw what speaks for the label, uint8 [S, S] of the question's size; may be empty."""

    def to_bytes(self) -> bytes:
        document: dict[str, JsonValue] = {
            "format": FORMAT,
            "round": self.round,
            "model_digest": self.model_digest.hex(),
            "label": self.label,
            "shares": {code: float(share) for code, share in self.shares.items()},
            **({} if self.kept is None else {"kept": list(self.kept)}),
        }
        return Writer().text(write_document(document)).text(self.heat).bytes()


def refusal_bytes(refused: NoAnswer) -> bytes:
    """Return the answer that the model may not judge a picture."""
    facts: dict[str, JsonValue] = {"reason": refused.reason, "verdict": refused.verdict, "why": refused.why}
    return Writer().text(write_document({"format": FORMAT, "refused": facts})).text(b"").bytes()


def parse_answer(body: bytes, side: int) -> PictureAnswer:
    """Return the answer of a server to a question about a picture of `side` px.

    Raises:
        NoAnswer: the server says that the model may not judge this picture.
        EncodingError: it is malformed.
    """
    if len(body) > ANSWER_CAP:
        raise EncodingError(_ANSWER, "it is too long")
    reader = Reader(body, _ANSWER)
    fields = Fields(parse_document(reader.raw(reader.u32()), _ANSWER), _ANSWER)
    heat = reader.raw(reader.u32())
    reader.end()
    if fields.text("format") != FORMAT:
        raise EncodingError(_ANSWER, "its format is unknown")
    if "refused" in fields.value:
        facts = Fields(fields.mapping("refused"), _ANSWER)
        raise NoAnswer(*(facts.text(name)[:MAX_WHY_CHARS] for name in ("reason", "verdict", "why")))
    table = Fields(fields.mapping("shares"), _ANSWER)
    shares, label, kept = {code: table.number(code) for code in table.value}, fields.text("label"), _kept(fields)
    if not 0 < len(shares) <= MAX_CLASSES or label not in shares or not set(kept or ()) <= set(shares):
        raise EncodingError(_ANSWER, "its classes do not fit together")
    if not all(0.0 <= share <= 1.0 for share in shares.values()):
        raise EncodingError(_ANSWER, "a probability is not in 0 to 1")
    if len(heat) not in {0, side * side}:
        raise EncodingError(_ANSWER, "its map has another size than the picture")
    digest = Digest(parse_hex(fields.text("model_digest"), DIGEST_BYTES, _ANSWER))
    return PictureAnswer(fields.integer("round"), digest, label, shares, kept, heat)


def _kept(fields: Fields) -> tuple[str, ...] | None:
    codes = fields.value.get("kept")
    if codes is None:
        return None
    if not isinstance(codes, list):
        raise EncodingError(_ANSWER, "kept is not a list")
    texts = tuple(code for code in codes if isinstance(code, str))
    if len(texts) != len(codes):
        raise EncodingError(_ANSWER, "kept has something else than codes")
    return texts
