"""A small network on encrypted rows: the answer, what a question may hold, and that shares of the answer are hidden."""

from __future__ import annotations

import sys
from contextlib import suppress

import numpy as np
import numpy.typing as npt
import pytest

from fl.crypto import ckks, ckks_seal
from fl.crypto.ckks import SCALE, AskerKey, HiddenRow, answer_row
from fl.crypto.ckks_seal import SLOTS
from fl.protocol.codec import Reader, Writer
from fl.protocol.errors import CiphertextInvalid, EncodingError, HemaledgerError, ToolMissing
from tests.support.hidden_rows import CARD, ROW, WEIGHTS, Weights


def test_without_tenseal_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tenseal", None)
    monkeypatch.setitem(sys.modules, "tenseal.sealapi", None)
    ckks_seal.load_seal.cache_clear()
    with pytest.raises(ToolMissing, match=r"requirements-ckks\.txt"):
        AskerKey.ask(CARD, ROW)


@pytest.fixture(scope="module")
def asked() -> tuple[AskerKey, bytes]:
    pytest.importorskip("tenseal")
    ckks_seal.load_seal.cache_clear()
    return AskerKey.ask(CARD, ROW)


def parts_of(question: bytes) -> list[bytes]:
    """Return the keys and the ciphertexts of a question."""
    parsed = HiddenRow.from_bytes(question)
    return [parsed.keys, *parsed.inputs]


def with_parts(question: bytes, parts: list[bytes]) -> bytes:
    front = question[: -sum(4 + len(part) for part in parts_of(question))]
    writer = Writer()
    for part in parts:
        writer = writer.text(part)
    return front + writer.bytes()


def test_the_answer_is_the_networks(asked: tuple[AskerKey, bytes]) -> None:
    key, question = asked
    assert HiddenRow.from_bytes(question).card == CARD
    found = key.read(answer_row(WEIGHTS, HiddenRow.from_bytes(question)))
    assert found == pytest.approx(WEIGHTS.plain(ROW), abs=0.01)
    still = Weights(0 * WEIGHTS.first, WEIGHTS.first_bias, WEIGHTS.mixes, WEIGHTS.mix_bias, 0 * WEIGHTS.last, 2.5)
    assert key.read(answer_row(still, HiddenRow.from_bytes(question))) == pytest.approx(2.5, abs=0.01)
    other, second = AskerKey.ask(CARD, ROW)
    assert parts_of(second)[1] != parts_of(question)[1]
    with suppress(CiphertextInvalid):  # another question's key gives a random number; one in four looks like log-odds
        assert other.read(answer_row(WEIGHTS, HiddenRow.from_bytes(question))) != pytest.approx(found, abs=0.01)


def slots_of(key: AskerKey, answer: bytes) -> npt.NDArray[np.complex128]:
    """Return everything that the asker's key shows."""
    reader = Reader(answer, "answer")
    reader.raw(len(ckks._ANSWER))
    seal, data = ckks_seal.load_seal(), reader.raw(reader.u32())
    plain = seal.api.Plaintext()
    seal.api.Decryptor(seal.context, key.secret).decrypt(seal.read("Ciphertext", data), plain)
    return np.array(seal.encoder.decode_complex(plain))


def imaginary(key: AskerKey, question: bytes) -> bytes:
    """Return the question with an imaginary part in each number, which no honest asker has."""
    seal, parts = ckks_seal.load_seal(), parts_of(question)[:1]
    for value in ROW:
        plain, made = seal.api.Plaintext(), seal.api.Ciphertext()
        seal.encoder.encode([complex(value, 0.5)] * SLOTS, SCALE, plain)
        seal.api.Encryptor(seal.context, key.secret).encrypt_symmetric(plain, made)
        parts.append(seal.write(made))
    return with_parts(question, parts)


def test_the_answer_hides_the_shares_of_the_units(asked: tuple[AskerKey, bytes]) -> None:
    key, question = asked
    for each in (question, imaginary(key, question)):
        first, second = (slots_of(key, answer_row(WEIGHTS, HiddenRow.from_bytes(each))) for _ in range(2))
        assert len(first) == SLOTS
        for shown in (first, second, first - second):
            assert shown.real.std() > 1e5, "a coefficient has 34 bits, so a slot has a spread of about 150,000"
            assert shown.imag.std() > 1e5
        assert first.real.mean() == pytest.approx(second.real.mean(), abs=0.01)


def test_a_part_that_is_no_part_is_refused(asked: tuple[AskerKey, bytes]) -> None:
    key, question = asked
    parts, seal = parts_of(question), ckks_seal.load_seal()
    secret, wide = seal.write(key.secret), parts[1]
    for wrong in (
        with_parts(question, [secret, *parts[1:]]),  # a secret key is never taken
        with_parts(question, [parts[0], secret, *parts[2:]]),
        with_parts(question, [wide, *parts[1:]]),
        with_parts(question, [parts[0], parts[0], *parts[2:]]),
        with_parts(question, parts[:-1]),
        with_parts(question, [*parts, wide]),
        question[:-1],
        question + b"\x00",
        b"BAFL/1/headask" + question[14:],
    ):
        with pytest.raises((EncodingError, CiphertextInvalid)):
            answer_row(WEIGHTS, HiddenRow.from_bytes(wrong))
    low = seal.read("Ciphertext", wide)
    seal.evaluator.mod_switch_to_next_inplace(low)
    with pytest.raises(CiphertextInvalid):  # not fresh
        answer_row(WEIGHTS, HiddenRow.from_bytes(with_parts(question, [parts[0], seal.write(low), *parts[2:]])))
    with pytest.raises(EncodingError):
        AskerKey.ask(CARD, [0.0] * 257)


def test_changed_bytes_are_refused_or_change_only_the_answer(asked: tuple[AskerKey, bytes]) -> None:
    key, question = asked
    draw = np.random.default_rng(1)
    front = range(len(question) - sum(4 + len(part) for part in parts_of(question)) + 40)
    places = [*draw.choice(front, 12, replace=False).tolist(), *draw.integers(0, len(question), 12).tolist()]
    for place in places:
        changed = bytearray(question)
        changed[place] ^= 1 << int(draw.integers(0, 8))
        try:
            key.read(answer_row(WEIGHTS, HiddenRow.from_bytes(bytes(changed))))
        except HemaledgerError:
            continue
