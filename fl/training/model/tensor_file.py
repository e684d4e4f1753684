"""Files of tensors in the safetensors format: a header in JSON, and behind it the raw values.

Invariant: nothing of a file is executed, and nothing is read before the header was bounded. A file that was read has
only float32 tensors, whose bytes lie one after the other without gap and overlap, and nothing else.

Source: safetensors, "Format" (u64 little-endian length of the header, JSON, then a byte buffer).
Not here: whether the tensors are those of a model (handed_in.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fl.protocol import strict_json
from fl.protocol.errors import EncodingError, UploadUnusable
from fl.protocol.strict_json import JsonValue
from fl.training.model.weights import Manifest, Vector

HEADER_CAP = 4 * 1024 * 1024
"""Bytes; a network of 1,000 tensors needs about 100 kB."""
_LENGTH_BYTES = 8
_ALIGNED = 8
_METADATA = "__metadata__"
_PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"\x1f\x8b")
"""The first bytes of files that torch.save or pickle wrote, packed or not."""
PICKLE = (
    "this is a file of torch.save or pickle, which can run a program when somebody opens it. Convert it on your own "
    "machine: safetensors.torch.save_file(torch.load('weights.pt', weights_only=True), 'weights.safetensors')"
)


@dataclass(frozen=True)
class TensorFile:
    """A parsed file."""

    tensors: Mapping[str, Vector]
    """Name -> float32 [product of its shape], in C order."""
    shapes: Mapping[str, tuple[int, ...]]
    metadata: Mapping[str, str]


def write_tensors(manifest: Manifest, vector: Vector, metadata: Mapping[str, str]) -> bytes:
    """Return all rows of a manifest as one file; equal arguments give equal bytes.

    Args:
        manifest: Names and shapes.
        vector: float32 [manifest.length].
        metadata: Texts for the header.
    """
    rows: dict[str, object] = {_METADATA: dict(metadata)}
    start = 0
    for name, shape, size in zip(manifest.names, manifest.shapes, manifest.sizes, strict=True):
        rows[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [4 * start, 4 * (start + size)]}
        start += size
    header = json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % _ALIGNED)
    return len(header).to_bytes(_LENGTH_BYTES, "little") + header + vector.astype("<f4", copy=False).tobytes()


def read_tensors(data: bytes) -> TensorFile:
    """Parse a file.

    Raises:
        UploadUnusable: it is a pickle, is damaged, or has tensors of another type than float32.
    """
    header, values = _divided(data)
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise UploadUnusable("its metadata is not a list of texts")
    tensors: dict[str, Vector] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape, start, stop in _rows(header, len(values)):
        shapes[name] = shape
        tensors[name] = np.frombuffer(values[start:stop], "<f4").astype(np.float32, copy=False)
    return TensorFile(tensors, shapes, {key: str(value) for key, value in metadata.items()})


def read_manifest(beginning: bytes, size: int) -> tuple[Manifest, int]:
    """Return the tensors of a file in the order of their bytes, and where the first of these bytes is.

    Args:
        beginning: The first bytes of the file, up to the end of its header or longer.
        size: Bytes of the whole file.

    Raises:
        UploadUnusable: as `read_tensors`.
    """
    header, behind = _divided(beginning)
    header.pop(_METADATA, None)
    start = len(beginning) - len(behind)
    rows = _rows(header, size - start)
    return Manifest(tuple(row[0] for row in rows), tuple(row[1] for row in rows)), start


def _rows(header: Mapping[str, JsonValue], size: int) -> list[tuple[str, tuple[int, ...], int, int]]:
    """Return name, shape, first byte and the byte behind the last one of each tensor, in the order of their bytes."""
    rows, end = [], 0
    for name, row in sorted(header.items(), key=_place):
        shape, start, stop = _row(name, row)
        if start != end:
            raise UploadUnusable(f"the bytes of {_short(name)} do not begin where those of the tensor before it end")
        end = stop
        if end > size:
            raise UploadUnusable(f"it ends in the middle of {_short(name)}; send it again")
        rows.append((name, shape, start, stop))
    if end != size:
        raise UploadUnusable(f"it has {size - end} bytes that belong to no tensor")
    return rows


def _divided(data: bytes) -> tuple[dict[str, JsonValue], memoryview]:
    """Return the header, and the bytes behind it."""
    length = int.from_bytes(data[:_LENGTH_BYTES], "little")
    if len(data) < _LENGTH_BYTES or not 0 < length <= min(HEADER_CAP, len(data) - _LENGTH_BYTES):
        raise UploadUnusable(PICKLE if data.startswith(_PICKLES) else "it is not a safetensors file")
    try:
        header = strict_json.loads(data[_LENGTH_BYTES : _LENGTH_BYTES + length], "header", HEADER_CAP)
    except EncodingError as error:
        raise UploadUnusable("it is not a safetensors file, because its header is no JSON") from error
    if not isinstance(header, dict):
        raise UploadUnusable("it is not a safetensors file, because its header names no tensors")
    return header, memoryview(data)[_LENGTH_BYTES + length :]


def _place(item: tuple[str, JsonValue]) -> int:
    """Return where a tensor begins; its row is checked later."""
    match item[1]:
        case {"data_offsets": [int(start), *_]}:
            return start
    return -1


def _row(name: str, row: JsonValue) -> tuple[tuple[int, ...], int, int]:
    """Return a tensor's shape, its first byte and the byte behind its last."""
    match row:
        case {"dtype": str(dtype), "shape": list(raw), "data_offsets": [int(start), int(stop)], **others} if not others:
            pass
        case _:
            raise UploadUnusable(f"the header does not describe {_short(name)} as safetensors does")
    if dtype != "F32":
        raise UploadUnusable(f"{_short(name)} has the type {_short(dtype)}; save all tensors as float32")
    shape = tuple(side for side in raw if isinstance(side, int) and not isinstance(side, bool) and side >= 0)
    size = 4
    for side in shape:
        size = min(size * side, 2**62)
    if len(shape) != len(raw) or stop - start != size:
        raise UploadUnusable(f"the bytes of {_short(name)} do not fit its shape")
    return shape, start, stop


def _short(text: str) -> str:
    return repr(text[:80])
