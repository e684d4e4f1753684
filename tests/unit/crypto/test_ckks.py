"""A small network on encrypted rows: the answer, what a question may hold, and that shares of the answer are hidden."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from fl.crypto import ckks
from fl.crypto.ckks import BLIND, SLOTS, AskerKey, HiddenRow, answer_row
from fl.protocol.codec import Reader, Writer
from fl.protocol.errors import CiphertextInvalid, EncodingError, HemaledgerError, ToolMissing
from tests.support.hidden_rows import CARD, ROW, WEIGHTS, Weights


def test_without_tenseal_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tenseal", None)
    monkeypatch.setitem(sys.modules, "tenseal.sealapi", None)
    ckks._seal.cache_clear()
    with pytest.raises(ToolMissing, match=r"requirements-ckks\.txt"):
        AskerKey.ask(CARD, ROW)


@pytest.fixture(scope="module")
def asked() -> tuple[AskerKey, bytes]:
    pytest.importorskip("tenseal")
    ckks._seal.cache_clear()
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
    with pytest.raises(CiphertextInvalid):
        other.read(answer_row(WEIGHTS, HiddenRow.from_bytes(question)))  # another question's key


def test_the_answer_hides_the_shares_of_the_units(asked: tuple[AskerKey, bytes]) -> None:
    key, question = asked
    slots = []
    for _ in range(2):
        reader = Reader(answer_row(WEIGHTS, HiddenRow.from_bytes(question)), "answer")
        reader.raw(len(ckks._ANSWER))
        seal, data = ckks._seal(), reader.raw(reader.u32())
        plain = seal.api.Plaintext()
        seal.api.Decryptor(seal.context, key.secret).decrypt(seal.read("Ciphertext", data), plain)
        slots.append(np.array(seal.encoder.decode_double(plain)))
    assert len(slots[0]) == SLOTS
    for each in (*slots, slots[0] - slots[1]):
        assert each.std() > BLIND / 2
    assert slots[0].mean() == pytest.approx(slots[1].mean(), abs=0.01)


def test_a_part_that_is_no_part_is_refused(asked: tuple[AskerKey, bytes]) -> None:
    key, question = asked
    parts, seal = parts_of(question), ckks._seal()
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
