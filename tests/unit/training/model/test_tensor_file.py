"""Files of weights from outside: what is read, what is refused, and what nobody ever executes."""

from __future__ import annotations

import io
import json
import pickle
from contextlib import suppress

import numpy as np
import pytest
import safetensors.numpy
import torch
from hypothesis import given
from hypothesis import strategies as st

from fl.protocol.errors import UploadUnusable
from fl.training.model.tensor_file import HEADER_CAP, PICKLE, read_tensors, write_tensors
from fl.training.model.weights import Manifest

MANIFEST = Manifest(("a", "b.c"), ((2, 3), (4,)))
VECTOR = np.arange(10, dtype=np.float32) - 3


def file_of(header: object, values: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + values


def row(**changes: object) -> dict[str, object]:
    return {"dtype": "F32", "shape": [1], "data_offsets": [0, 4], **changes}


def test_the_package_safetensors_reads_what_we_write() -> None:
    read = safetensors.numpy.load(write_tensors(MANIFEST, VECTOR, {"base": "00"}))
    np.testing.assert_array_equal(read["a"], VECTOR[:6].reshape(2, 3))
    np.testing.assert_array_equal(read["b.c"], VECTOR[6:])


def test_we_read_what_the_package_safetensors_writes() -> None:
    tensors = {"b.c": VECTOR[6:], "a": VECTOR[:6].reshape(2, 3)}
    read = read_tensors(safetensors.numpy.save(tensors, {"base": "ff"}))
    assert read.metadata == {"base": "ff"}
    assert read.shapes == {"a": (2, 3), "b.c": (4,)}
    np.testing.assert_array_equal(read.tensors["a"], VECTOR[:6])


def test_a_header_of_640_bytes_is_no_pickle() -> None:
    data = write_tensors(MANIFEST, VECTOR, {"pad": ""})
    short = 640 - int.from_bytes(data[:8], "little")
    data = write_tensors(MANIFEST, VECTOR, {"pad": "x" * short})
    assert data.startswith(b"\x80\x02")
    assert read_tensors(data).shapes["a"] == (2, 3)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_of_torch_save_is_refused_with_the_way_to_convert_it(zipped: bool) -> None:
    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(2)}, buffer, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UploadUnusable) as refused:
        read_tensors(buffer.getvalue())
    assert refused.value.why == PICKLE


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('it was executed')",)


def test_a_pickle_is_not_opened() -> None:
    with pytest.raises(UploadUnusable):
        read_tensors(pickle.dumps(Bomb()))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not a safetensors file"),
        ((HEADER_CAP + 1).to_bytes(8, "little") + b" " * 64, "not a safetensors file"),
        (file_of([1]), "names no tensors"),
        (b"\x05" + bytes(7) + b"{oops", "no JSON"),
        (file_of({"a": row(dtype="F16")}, bytes(4)), "float32"),
        (file_of({"a": row(dtype="BF16", data_offsets=[0, 2])}, bytes(2)), "float32"),
        (file_of({"a": row(shape=[2])}, bytes(4)), "do not fit its shape"),
        (file_of({"a": row(shape=[True])}, bytes(4)), "do not fit its shape"),
        (file_of({"a": row(shape=[2**40, 2**40])}, bytes(4)), "do not fit its shape"),
        (file_of({"a": row(shape=[-1], data_offsets=[0, -4])}, bytes(4)), "do not fit its shape"),
        (file_of({"a": row()}, bytes(2)), "ends in the middle"),
        (file_of({"a": row()}, bytes(8)), "belong to no tensor"),
        (file_of({"a": row(), "b": row()}, bytes(8)), "do not begin where"),
        (file_of({"a": row(data_offsets=[4, 8])}, bytes(8)), "do not begin where"),
        (file_of({"a": {"dtype": "F32"}}), "as safetensors does"),
        (file_of({"a": row(more=1)}, bytes(4)), "as safetensors does"),
        (file_of({"__metadata__": {"base": 1}}), "metadata"),
    ],
)
def test_a_file_that_breaks_the_format_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(UploadUnusable, match=why):
        read_tensors(data)


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_no_bytes_do_more_than_be_refused(head: bytes, tail: bytes) -> None:
    for data in (head, len(head).to_bytes(8, "little") + head + tail):
        with suppress(UploadUnusable):
            read_tensors(data)
