"""Files of age: judged by another implementation of the format, the library rage in Rust."""

from __future__ import annotations

import io
import os

import pyrage
import pytest

from fl.crypto import age_file
from fl.crypto.age_file import CHUNK, TAG, OpeningFile, SealingFile
from fl.protocol.errors import EncodingError

PASSWORD = "a password of a person"
SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK]


@pytest.fixture(autouse=True)
def _cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(age_file, "WORK", 10)


def sealed(data: bytes) -> bytes:
    file = io.BytesIO()
    writer = SealingFile(file, PASSWORD)
    for start in range(0, len(data), 10_000):
        writer.write(data[start : start + 10_000])
    writer.close()
    return file.getvalue()


def opened(file: bytes, password: str = PASSWORD) -> bytes:
    reader = OpeningFile.of(io.BytesIO(file), password)
    return b"".join(iter(lambda: reader.read(7777), b""))


@pytest.mark.parametrize("size", SIZES)
def test_another_program_opens_what_we_sealed(size: int) -> None:
    data = os.urandom(size)
    assert pyrage.passphrase.decrypt(sealed(data), PASSWORD) == data == opened(sealed(data))


@pytest.mark.parametrize("size", SIZES)
def test_a_file_that_was_cut_anywhere_near_a_chunk_is_refused(size: int) -> None:
    file = sealed(os.urandom(size))
    for kept in {len(file) - 1, len(file) - TAG, len(file) - CHUNK - TAG, len(file) - size % CHUNK - TAG, 30, 0}:
        if 0 <= kept < len(file):
            with pytest.raises(EncodingError):
                opened(file[:kept])


def test_no_changed_byte_of_the_head_is_accepted() -> None:
    file = sealed(b"data")
    for place in range(len(file)):
        changed = bytearray(file)
        changed[place] ^= 1
        with pytest.raises(EncodingError):
            opened(bytes(changed))


def test_swapped_chunks_are_refused() -> None:
    file, body = sealed(os.urandom(3 * CHUNK)), -3 * (CHUNK + TAG)
    one, two = file[body : body + CHUNK + TAG], file[body + CHUNK + TAG : -(CHUNK + TAG)]
    with pytest.raises(EncodingError):
        opened(file[:body] + two + one + file[-(CHUNK + TAG) :])


def test_two_files_of_the_same_bytes_share_no_key() -> None:
    assert sealed(b"data")[-20:] != sealed(b"data")[-20:]


def test_another_password_is_refused() -> None:
    with pytest.raises(EncodingError, match="the password is wrong"):
        opened(sealed(b"data"), "another password")
