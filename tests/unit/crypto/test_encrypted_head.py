"""An encrypted head gives exactly what the plain one gives, and nothing to anybody who changes something."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl.crypto import discrete_log
from fl.crypto.curve import GENERATOR, IDENTITY, ORDER
from fl.crypto.discrete_log import Logarithms, logarithms
from fl.crypto.encrypted_head import (
    EncryptedHead,
    HeadFacts,
    HeadQuestion,
    answer_part,
    combine,
    encrypt,
)
from fl.crypto.group import ENGINES, WeightedPoints, base_mult, multi_mult, negate, use
from fl.crypto.sharing import Polynomial, Share
from fl.crypto.threshold import CommitteePublicKey, ThresholdKey
from fl.protocol.errors import (
    AnswerOutOfRange,
    CiphertextInvalid,
    EncodingError,
    HeadUnknown,
    InvalidPoint,
    InvalidScalar,
    MalformedError,
    QuorumNotReached,
    RefusedError,
)
from fl.protocol.names import Address, Digest
from fl.training.evaluation.int8_head import Int8Head, ceilings_of

VECTORS = Path(__file__).parents[2] / "vectors" / "encrypted_head.json"
SEED = b"\x05" * 32
MODEL = Digest(b"\x06" * 32)


def committee_of(threshold: int, members: int, secret: int = 123_456_789) -> tuple[CommitteePublicKey, list[Share]]:
    polynomial = Polynomial((secret, *range(7, 6 + threshold)))
    shares = [polynomial.share(index) for index in range(1, members + 1)]
    accounts = tuple(Address(bytes([index]) * 20) for index in range(1, members + 1))
    public = tuple(base_mult(share.value) for share in shares)
    return CommitteePublicKey(threshold, ThresholdKey(base_mult(secret)), accounts, public), shares


def facts_of(width: int, biases: tuple[int, ...] = (5, -9)) -> HeadFacts:
    return HeadFacts(bytes(32), MODEL, width, (3.5,), (0.25,) * len(biases), biases)


@lru_cache(maxsize=1)
def scene() -> tuple[CommitteePublicKey, list[Share], EncryptedHead, HeadQuestion]:
    committee, shares = committee_of(2, 3)
    weights = [[5, -127, 0, 44, 3, 127], [-1, 2, -3, 90, -88, 7]]
    head = encrypt(facts_of(6), weights, committee.key, SEED)
    return committee, shares, head, HeadQuestion.draw(head, 4, 1, bytes([0, 127, 3, 3, 60, 1]))


@settings(deadline=None, max_examples=15)
@given(st.data())
def test_any_t_trustees_give_the_plain_heads_integers(data: st.DataObject) -> None:
    members = data.draw(st.integers(2, 5))
    committee, shares = committee_of(data.draw(st.integers(2, members)), members)
    width, classes = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 3))
    small = st.integers(-127, 127)
    weights = data.draw(st.lists(st.lists(small, min_size=width, max_size=width), min_size=classes, max_size=classes))
    biases = tuple(data.draw(st.integers(-(1 << 31), (1 << 31) - 1)) for _ in range(classes))
    features = bytes(data.draw(st.lists(st.integers(0, 127), min_size=width, max_size=width)))
    made = encrypt(facts_of(width, biases), weights, committee.key, SEED)
    head = EncryptedHead.from_bytes(made.data, committee.key)
    assert head == made
    question = HeadQuestion.from_bytes(HeadQuestion.draw(head, 1, 1, features).to_bytes(), head)
    who = data.draw(st.permutations(list(zip(committee.accounts, shares, strict=True))))[: committee.threshold]
    parts = {account: answer_part(head, question, share) for account, share in who}
    answer = combine(head, question, parts, committee, logarithms())
    plain = Int8Head(np.array(weights, np.int8), biases, (0.25,) * classes, (3.5,))
    assert [list(answer.sums)] == plain.sums(np.frombuffer(features, np.uint8)[np.newaxis]).tolist()
    assert answer.wrong == ()


def test_a_wrong_part_is_named_and_the_others_still_answer() -> None:
    committee, shares, head, question = scene()
    parts = dict(zip(committee.accounts, (answer_part(head, question, share) for share in shares), strict=True))
    right = combine(head, question, parts, committee, logarithms()).sums
    for account in committee.accounts:
        for at in (0, 1, 40, 66, 97, len(parts[account]) - 1):
            bad = bytearray(parts[account])
            bad[at] ^= 1
            answer = combine(head, question, {**parts, account: bytes(bad)}, committee, logarithms())
            assert (answer.sums, answer.wrong) == (right, (account,))
    another = replace(question, count=2)
    elsewhere = {each: answer_part(head, another, share) for each, share in zip(parts, shares, strict=True)}
    stranger = Address(b"\x99" * 20)
    with pytest.raises(QuorumNotReached):
        combine(head, question, elsewhere, committee, logarithms())
    with pytest.raises(QuorumNotReached):
        combine(
            head,
            question,
            {stranger: parts[committee.accounts[0]], **dict(list(parts.items())[:1])},
            committee,
            logarithms(),
        )


def test_every_pair_of_three_gives_the_same() -> None:
    committee, shares, head, question = scene()
    everybody = list(zip(committee.accounts, shares, strict=True))
    answers = {
        combine(
            head, question, {who: answer_part(head, question, share) for who, share in pair}, committee, logarithms()
        ).sums
        for pair in combinations(everybody, 2)
    }
    assert len(answers) == 1


def test_backends_agree_and_a_seed_gives_one_file() -> None:
    committee, _, head, question = scene()
    weights = [[1, -1, 127, -127, 0, 5], [0] * 6]
    for name in ENGINES:
        with use(name):
            again = EncryptedHead.from_bytes(head.data, committee.key)
            assert again.evaluate(question.features, question.rho) == head.evaluate(question.features, question.rho)
            made = encrypt(facts_of(6), weights, committee.key, SEED)
            assert made.data == encrypt(facts_of(6), weights, committee.key, SEED).data
            assert made.data != encrypt(facts_of(6), weights, committee.key, bytes(32)).data


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 127), st.integers(0, 9)), max_size=12))
def test_weighted_sums(terms: list[tuple[int, int]]) -> None:
    points = [base_mult(scalar) for _, scalar in terms]
    values = bytes(value for value, _ in terms)
    for name in ENGINES:
        with use(name):
            assert WeightedPoints(points).total(values) == multi_mult(list(values), points)


def test_weighted_sums_refuse_other_values() -> None:
    points = WeightedPoints([GENERATOR, IDENTITY])
    for values in (b"", b"\x01", b"\x01\x80", b"\x01\x01\x01"):
        with pytest.raises(ValueError, match="one value of 0 to 127"):
            points.total(values)


def test_a_malformed_head_is_refused() -> None:
    committee, _, head, _ = scene()
    front = len(head.data) - 2 * 33 * 12
    with pytest.raises(HeadUnknown):
        EncryptedHead.from_bytes(head.data, ThresholdKey(GENERATOR))
    for at in range(0, front, 1):
        bad = bytearray(head.data)
        bad[at] ^= 0x80
        try:
            parsed = EncryptedHead.from_bytes(bytes(bad), committee.key)
        except (MalformedError, RefusedError):
            continue
        assert parsed.digest != head.digest  # a name or a number: another head, which no auditor checked
    for data in (b"", head.data[:-1], head.data + b"\0"):
        with pytest.raises(EncodingError):
            EncryptedHead.from_bytes(data, committee.key)
    with pytest.raises(InvalidPoint):
        EncryptedHead.from_bytes(head.data[:-33] + b"\x02" + b"\xff" * 32, committee.key)
    for facts in (
        replace(head.facts, scales=(0.0, 1.0)),
        replace(head.facts, ceilings=(float("nan"),)),
        replace(head.facts, biases=(1 << 31, 0)),
        replace(head.facts, ceilings=(1.0,) * 4),
    ):
        with pytest.raises(EncodingError):
            encrypt(facts, [[0] * 6] * 2, committee.key, SEED)
    for weights in ([[128] * 6] * 2, [[0] * 6], [[0] * 5] * 2):
        with pytest.raises(EncodingError):
            encrypt(head.facts, weights, committee.key, SEED)


def test_a_malformed_question_is_refused() -> None:
    _, shares, head, question = scene()
    data = question.to_bytes()
    for bad in (b"", data[:-1], data + b"\0", b"\0" + data[1:]):
        with pytest.raises(EncodingError):
            HeadQuestion.from_bytes(bad, head)
    with pytest.raises(InvalidScalar):
        HeadQuestion.from_bytes(data[:-32] + bytes(32), head)
    with pytest.raises(HeadUnknown):
        HeadQuestion.from_bytes(replace(question, head=MODEL).to_bytes(), head)
    for features in (b"", bytes(7), bytes([128] + [0] * 5)):
        with pytest.raises(CiphertextInvalid):
            answer_part(head, replace(question, features=features), shares[0])


def test_logarithms_to_both_edges() -> None:
    table, limit = logarithms(), 512 * 127 * 127
    for value in (0, 1, -1, 65_536, 65_537, -65_537, 131_073, -131_073, limit, -limit, limit - 1):
        assert table.find(base_mult(value % ORDER), limit) == value
    for value in (limit + 1, -limit - 1, 12_345):
        with pytest.raises(AnswerOutOfRange):
            table.find(base_mult(value % ORDER), limit if abs(value) > limit else 12_344)
    assert table.find(negate(GENERATOR), 1) == -1


def test_a_damaged_table_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []
    whole = discrete_log.make_table()

    def make() -> bytes:
        made.append(whole)
        return whole

    monkeypatch.setattr(discrete_log, "make_table", make)
    assert Logarithms(whole).find(base_mult(99), 100) == 99
    assert not made
    for bad in (b"", whole[:-1], whole[:9] + b"\0" + whole[10:]):
        assert Logarithms(bad).find(base_mult(99), 100) == 99
    assert len(made) == 3


def test_the_int8_head_is_close_to_the_real_one() -> None:
    draw = np.random.default_rng(3)
    features = np.maximum(draw.normal(size=(200, 64)), 0).astype(np.float32)
    weights, biases = draw.normal(size=(2, 64)).astype(np.float32), draw.normal(size=2).astype(np.float32)
    head = Int8Head.of(weights, biases, ceilings_of(features, 2))
    logits = head.logits(head.sums(head.features(features)))
    assert np.abs(logits - (features @ weights.T + biases)).max() < 0.25
    empty = Int8Head.of(np.zeros((2, 64)), np.array([1.0, -1.0]), (1.0,))
    assert np.allclose(empty.logits(empty.sums(empty.features(features)))[0], [1.0, -1.0])


def test_vectors() -> None:
    """tests/vectors/encrypted_head.json: another implementation must give these bytes and numbers."""
    case = json.loads(VECTORS.read_text(encoding="utf-8"))
    committee, shares = committee_of(case["threshold"], case["members"], int(case["secret"], 16))
    facts = HeadFacts(
        bytes.fromhex(case["consortium"]),
        Digest(bytes.fromhex(case["model"])),
        case["width"],
        tuple(case["ceilings"]),
        tuple(case["scales"]),
        tuple(case["biases"]),
    )
    head = encrypt(facts, case["weights"], committee.key, bytes.fromhex(case["seed"]))
    assert head.data.hex() == case["head"]
    question = HeadQuestion.from_bytes(bytes.fromhex(case["question"]), head)
    parts = {committee.accounts[int(each) - 1]: bytes.fromhex(part) for each, part in case["parts"].items()}
    answer = combine(head, question, parts, committee, logarithms())
    assert (list(answer.sums), answer.wrong) == (case["sums"], ())
    assert len(shares) == case["members"]
