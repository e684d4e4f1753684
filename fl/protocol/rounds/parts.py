"""A long vector in parts: each part is a file of its own, and a list of their digests has the place of the one file.

Invariant: the ledger names the list, and the list names each part, so nothing is opened whose digest is not known. How
many parts there are follows from the vector's length and the length of a part alone.

Layout (big-endian): "BAFL/1/parts" ‖ context[32] ‖ words of a part:u32 ‖ n:u16 ‖ digest[32]*n

Source: PROTOCOL.md 4 (Files in parts).
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.codec import Reader, Writer, sha256
from fl.protocol.errors import EncodingError, WrongContext
from fl.protocol.names import DIGEST_BYTES, LABEL_PREFIX, Blob, Digest

LABEL = LABEL_PREFIX + b"parts"
MAX_PARTS = 4096
PART_STEP = 1024
"""Words; a part has a multiple of this, so that it begins with a whole block of a mask's keystream."""
LONGEST_PART = 2**27
"""Words; 1 GiB of 8 bytes each. A library that seals at most 2 GiB at once can seal it."""
LIST_CAP = 256 * 1024
"""Bytes; every list is smaller."""
_CONFIG, _LIST = "round configuration", "list of parts"


@dataclass(frozen=True)
class PartList:
    """The digests of the parts of one vector."""

    context: bytes
    """32 bytes: the context in the heads of the parts."""
    part_words: int
    digests: tuple[Digest, ...]
    """At least two."""

    def to_bytes(self) -> bytes:
        """Return the file."""
        writer = Writer().raw(LABEL, len(LABEL)).raw(self.context, 32).u32(self.part_words).u16(len(self.digests))
        for digest in self.digests:
            writer.raw(digest, DIGEST_BYTES)
        return writer.bytes()

    @property
    def digest(self) -> Digest:
        """Return the SHA-256 that the ledger names."""
        return sha256(self.to_bytes())

    @classmethod
    def from_bytes(cls, data: bytes, context: bytes, words: int) -> PartList:
        """Parse the list of the parts of a vector of so many words.

        Raises:
            EncodingError: it is not a list, has another number of parts, or names one twice.
            WrongContext: it belongs to another round.
        """
        reader = Reader(data, _LIST)
        if reader.raw(len(LABEL)) != LABEL:
            raise EncodingError(_LIST, "it is another file")
        found, part_words, count = reader.raw(32), reader.u32(), reader.u16()
        if found != context:
            raise WrongContext("round context")
        check_part_words(part_words, _LIST)
        expected = len(cuts(words, part_words))
        if count != expected or expected == 1:
            raise EncodingError(_LIST, f"it has {count} parts, and {words} words have {expected}")
        digests = tuple(Digest(reader.raw(DIGEST_BYTES)) for _ in range(count))
        reader.end()
        if len(set(digests)) != count:
            raise EncodingError(_LIST, "it names a part twice")
        return cls(context, part_words, digests)


def named_in(file: Blob) -> tuple[Digest, ...]:
    """Return the digests in a list whose own digest is known, whatever vector it is of; none in another file.

    Raises:
        EncodingError: it begins as a list and is none.
    """
    if not is_list(file):
        return ()
    reader = Reader(bytes(file), _LIST)
    reader.raw(len(LABEL) + 32 + 4)
    digests = tuple(Digest(reader.raw(DIGEST_BYTES)) for _ in range(reader.u16()))
    reader.end()
    return digests


def is_list(file: Blob) -> bool:
    """Return whether a file is a list of parts, by its first bytes; an envelope begins otherwise."""
    return bytes(file[: len(LABEL)]) == LABEL


def list_bytes(parts: int) -> int:
    """Return the size of a list."""
    return len(LABEL) + 32 + 4 + 2 + DIGEST_BYTES * parts


def cuts(words: int, part_words: int) -> tuple[slice, ...]:
    """Return the parts of a vector of so many words: one if `part_words` is 0, or if it is not longer than a part.

    Raises:
        EncodingError: more than MAX_PARTS.
    """
    if part_words == 0 or words <= part_words:
        return (slice(0, words),)
    if -(-words // part_words) > MAX_PARTS:
        raise EncodingError(_CONFIG, f"parts of {part_words} words are too short: {words} words are over {MAX_PARTS}")
    return tuple(slice(at, min(at + part_words, words)) for at in range(0, words, part_words))


def check_part_words(part_words: int, what: str = _CONFIG) -> None:
    """Raise EncodingError unless a part may have so many words."""
    if not PART_STEP <= part_words <= LONGEST_PART or part_words % PART_STEP:
        raise EncodingError(what, f"{part_words} words in a part are no multiple of {PART_STEP} up to {LONGEST_PART}")
