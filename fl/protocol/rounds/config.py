"""The configuration document of a round: how updates are quantised, and which task the hospitals train.

Invariant: `terms.config_digest` is the SHA-256 of this document's canonical bytes in the vault, so all parties of a
round use the same numbers.

Source: PROTOCOL.md 5 (c, C, W_max, q) and 2 (encoding).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from fl.protocol.codec import Fields, JsonValue, parse_document, write_document
from fl.protocol.errors import EncodingError
from fl.protocol.names import Suite
from fl.protocol.rounds.parts import check_part_words
from fl.protocol.task import Task

CONFIG_CAP = 64 * 1024
"""Bytes; a larger configuration document is refused."""

LARGEST_BOUND = 2.0**64
"""clip and l2_bound are between this and its inverse, so that a product with a float32 weight fits binary64."""

WORD_BITS = (32, 64)
BUCKETS = (64, 128, 256)
DIRECTION_ROUNDS = range(4, 17)
"""Sizes of a sketch that a round may ask for: sums in each of its 4 rows (PROTOCOL.md 5C)."""
FEW = 1024
"""Up to so many hospitals in the roster, the words have all their steps."""
_STEPS = {32: 21, 64: 43}
"""Width of the words -> q for FEW hospitals."""


def steps_bits(word_bits: int, roster: int) -> int:
    """Return q: a hospital's words lie within ±(2^q - 1).

    It is the largest q <= 21 with roster * (2^q - 1) < 2^31 for words of 32 bits, and the largest q <= 43 with
    roster * 2^q <= 2^53 for words of 64 bits, where binary64 is exact.
    """
    return _STEPS[word_bits] - max(0, (roster - 1).bit_length() - (FEW - 1).bit_length())


@dataclass(frozen=True)
class Check:
    """That every update of a masked round is checked under its masks (PROTOCOL.md 5C)."""

    auditors: int
    """1..1024: how many of them must find nothing wrong before a hospital attests the model."""
    buckets: int
    """64, 128 or 256."""
    direction: int = 0
    """4..16: over so many rounds the mean direction of a hospital's updates counts, too; 0: only lengths do."""

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the entry; it names a direction only if that counts."""
        entry: dict[str, JsonValue] = {"auditors": self.auditors, "buckets": self.buckets}
        return entry | ({"direction": self.direction} if self.direction else {})

    @classmethod
    def from_dict(cls, value: dict[str, JsonValue]) -> Check:
        """Parse the entry, or raise EncodingError."""
        fields = Fields(value, "check of updates")
        fields.only("auditors", "buckets", *(["direction"] if "direction" in value else []))
        check = cls(fields.integer("auditors"), fields.integer("buckets"))
        if "direction" in value:
            check = replace(check, direction=fields.integer("direction"))
            few, many = DIRECTION_ROUNDS[0], DIRECTION_ROUNDS[-1]
            if not few <= check.direction <= many:
                raise EncodingError("check of updates", f"direction is not in {few}..{many}")
        if not 1 <= check.auditors <= FEW or check.buckets not in BUCKETS:
            raise EncodingError("check of updates", f"auditors is not in 1..{FEW}, or buckets not one of {BUCKETS}")
        return check


@dataclass(frozen=True)
class RoundConfig:
    """The settings on which all parties of a round agree, besides the terms."""

    clip: float
    """c, 2^-64..2^64: bound of one coordinate of a weighted update, in units of weights."""
    l2_bound: float
    """C, 2^-64..2^64: bound of an update's L2 norm, in units of weights."""
    w_max: int
    """1..2^21: the largest weight (number of training samples) a hospital may claim."""
    training: dict[str, JsonValue]
    """The model and the local training, in the form of fl/training."""
    task: Task
    """The classes to learn, and which of them are the disease."""
    release: bool = False
    """Whether trustees must release the new model before hospitals can use it (K_MODEL)."""
    word_bits: int = 32
    """32 or 64: the sum is mod 2^32, or mod 2^64 with finer steps and files of twice the size."""
    check: Check | None = None
    """None: updates are not checked under their masks. Then the document has no such entry."""
    suite: Suite = Suite.P256
    """How the round's files are sealed; the document names only suite 2."""
    part_words: int = 0
    """Masked updates and models with more words than this are in parts of so many words (parts.py); 0: never."""
    roster: int = field(default=1, compare=False)
    """How many hospitals the round's roster has. Not in the document: who reads it takes this from the round."""

    @property
    def steps_bits(self) -> int:
        """Return q of this round (PROTOCOL.md 5, Quantiser)."""
        return steps_bits(self.word_bits, self.roster)

    @property
    def most_weight(self) -> int:
        """Return W: w_max, and at most 2^q."""
        return min(self.w_max, 1 << self.steps_bits)

    def to_bytes(self) -> bytes:
        document: dict[str, JsonValue] = {
            "clip": self.clip,
            "l2_bound": self.l2_bound,
            "release": self.release,
            "task": self.task.to_dict(),
            "training": self.training,
            "w_max": self.w_max,
            "word_bits": self.word_bits,
        }
        if self.check:
            document["check"] = self.check.to_dict()
        if self.suite != Suite.P256:
            document["suite"] = int(self.suite)
        if self.part_words:
            document["part_words"] = self.part_words
        return write_document(document)

    @classmethod
    def from_bytes(cls, data: bytes) -> RoundConfig:
        """Parse a canonical document, or raise EncodingError."""
        fields = Fields(parse_document(data, "round configuration"), "round configuration")
        fields.only(
            *("check", "clip", "l2_bound", "part_words", "release", "suite", "task", "training", "w_max", "word_bits")
        )
        config = cls(
            fields.number("clip"),
            fields.number("l2_bound"),
            fields.integer("w_max"),
            fields.mapping("training"),
            Task.from_dict(fields.mapping("task")),
            fields.truth("release"),
            fields.integer("word_bits"),
            Check.from_dict(fields.mapping("check")) if "check" in fields.value else None,
            _suite(fields),
            fields.integer("part_words") if "part_words" in fields.value else 0,
        )
        bounded = all(1 / LARGEST_BOUND <= bound <= LARGEST_BOUND for bound in (config.clip, config.l2_bound))
        if not bounded or not 1 <= config.w_max <= 2**21:
            raise EncodingError("round configuration", "clip, l2_bound or w_max is out of its range")
        if config.word_bits not in WORD_BITS:
            raise EncodingError("round configuration", "word_bits is neither 32 nor 64")
        if config.release and config.suite != Suite.P256:
            raise EncodingError("round configuration", "a model of suite 2 cannot be held back")
        if "part_words" in fields.value:
            check_part_words(config.part_words)
        return config


def _suite(fields: Fields) -> Suite:
    if "suite" not in fields.value:
        return Suite.P256
    if fields.integer("suite") != Suite.HYBRID:
        raise EncodingError("round configuration", "it names a suite other than 2")
    return Suite.HYBRID
