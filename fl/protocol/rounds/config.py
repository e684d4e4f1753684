"""The configuration document of a round: how updates are quantised, and which task the hospitals train.

Invariant: `terms.config_digest` is the SHA-256 of this document's canonical bytes in the vault, so all parties of a
round use the same numbers.

Source: PROTOCOL.md 5 (c, C, W_max) and 2 (encoding).
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.codec import Fields, JsonValue, parse_document, write_document
from fl.protocol.errors import EncodingError
from fl.protocol.rounds.parts import check_part_words
from fl.protocol.task import Task

CONFIG_CAP = 64 * 1024
"""Bytes; a larger configuration document is refused."""

LARGEST_BOUND = 2.0**64
"""clip and l2_bound are between this and its inverse, so that a product with a float32 weight fits binary64."""

WORD_BITS = (32, 64)


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
    part_words: int = 0
    """Masked updates and models with more words than this are in parts of so many words (parts.py); 0: never."""

    def to_bytes(self) -> bytes:
        return write_document(
            {
                "clip": self.clip,
                "l2_bound": self.l2_bound,
                "release": self.release,
                "task": self.task.to_dict(),
                "training": self.training,
                "w_max": self.w_max,
                "word_bits": self.word_bits,
                **({"part_words": self.part_words} if self.part_words else {}),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> RoundConfig:
        """Parse a canonical document, or raise EncodingError."""
        fields = Fields(parse_document(data, "round configuration"), "round configuration")
        fields.only("clip", "l2_bound", "part_words", "release", "task", "training", "w_max", "word_bits")
        config = cls(
            fields.number("clip"),
            fields.number("l2_bound"),
            fields.integer("w_max"),
            fields.mapping("training"),
            Task.from_dict(fields.mapping("task")),
            fields.truth("release"),
            fields.integer("word_bits"),
            fields.integer("part_words") if "part_words" in fields.value else 0,
        )
        bounded = all(1 / LARGEST_BOUND <= bound <= LARGEST_BOUND for bound in (config.clip, config.l2_bound))
        if not bounded or not 1 <= config.w_max <= 2**21:
            raise EncodingError("round configuration", "clip, l2_bound or w_max is out of its range")
        if config.word_bits not in WORD_BITS:
            raise EncodingError("round configuration", "word_bits is neither 32 nor 64")
        if "part_words" in fields.value:
            check_part_words(config.part_words)
        return config
