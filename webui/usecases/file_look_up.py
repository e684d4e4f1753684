"""What an auditor's file is: one that the ledger names, a model that it names by the digest of its values, or neither.

Invariant: a file is read once, from its beginning to its end, and nothing of it is kept. Of a file of weights only the
header is parsed, and only up to its cap; the values are hashed and not looked at.

Source: PROTOCOL.md 7 (modelDigest); safetensors, "Format". webui/client/digest.js computes the same in a browser.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from fl.protocol.errors import TooLarge, UploadUnusable
from fl.protocol.names import DIGEST_BYTES, LABEL_PREFIX, Digest, parse_hex
from fl.training.model.tensor_file import HEADER_CAP, read_manifest
from webui.ports.federation import FileFinding

PART_BYTES = 2**20
OTHER = "other"
"""In an address: it is a file of weights, but not one whose model digest can be computed."""


class Hashing(Protocol):
    """A hash that takes more bytes."""

    def update(self, data: bytes, /) -> None: ...
    def digest(self) -> bytes: ...


@dataclass(frozen=True)
class Fingerprints:
    """The digests by which the ledger may name a file."""

    file: Digest
    weights: bool = False
    """Whether it is a file of weights."""
    model: Digest | None = None
    """The digest of a model with these tensors; None if it is no file of float32 tensors."""


@dataclass(frozen=True)
class Answer:
    """What the ledger says about a file."""

    file: FileFinding
    weights: bool = False
    model: FileFinding | None = None
    """Where the ledger names a model with the same values; None if that was not asked."""

    @property
    def is_model(self) -> bool:
        """Return whether the ledger names the values of the file, and not the file."""
        return not self.file.places and self.model is not None and bool(self.model.places)


def look_up(found: Fingerprints, ask: Callable[[Digest], FileFinding]) -> Answer:
    """Look a file up; `ask` looks up one digest. Of a file that the ledger names nothing else is asked."""
    finding = ask(found.file)
    model = None if finding.places or found.model is None else ask(found.model)
    return Answer(finding, found.weights, model)


def fingerprints(stream: BinaryIO, cap: int) -> Fingerprints:
    """Return the digests of a file.

    Raises:
        TooLarge: it has more than `cap` bytes.
    """
    size = stream.seek(0, io.SEEK_END)
    if size > cap:
        raise TooLarge(size, cap)
    stream.seek(0)
    values, start, weights = _values_of(stream, size)
    stream.seek(0)
    whole, read = hashlib.sha256(), 0
    while part := stream.read(PART_BYTES):
        whole.update(part)
        if values is not None:
            values.update(part[max(start - read, 0) :])
        read += len(part)
    return Fingerprints(Digest(whole.digest()), weights, Digest(values.digest()) if values is not None else None)


def parse(digest: Digest, weights: str) -> Fingerprints:
    """Return what a browser computed: `weights` is a model digest in hexadecimal, `OTHER`, or empty for another file.

    Raises:
        EncodingError: it is none of these.
    """
    if weights in {"", OTHER}:
        return Fingerprints(digest, weights == OTHER)
    return Fingerprints(digest, weights=True, model=Digest(parse_hex(weights, DIGEST_BYTES, "model digest")))


def _values_of(stream: BinaryIO, size: int) -> tuple[Hashing | None, int, bool]:
    """Return the begun hash of a model's values, where they begin in the file, and whether it is a file of weights."""
    beginning = stream.read(8)
    length = int.from_bytes(beginning, "little")
    if len(beginning) < 8 or not 0 < length <= min(HEADER_CAP, size - 8):  # noqa: PLR2004
        return None, 0, False
    beginning += stream.read(length)
    try:
        manifest, start = read_manifest(beginning, size)
    except UploadUnusable:
        return None, 0, beginning[8:9] == b"{" and b'"data_offsets"' in beginning
    if not manifest.names:
        return None, 0, False
    count = manifest.length.to_bytes(8, "big")
    return hashlib.sha256(LABEL_PREFIX + b"model" + manifest.digest + count), start, True
