"""Both halves of a record's key: the first under the threshold key, the second shared among long keys."""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from dataclasses import replace

import pytest

from fl.crypto import long_partials
from fl.crypto.capsule import CAPSULE_CAP, Capsule, Readers, RecordPolicy, RequestBinding
from fl.crypto.curve import ORDER
from fl.crypto.envelope import open_with, seal
from fl.crypto.envelope_form import Expected
from fl.crypto.group import base_mult, encode_point, random_scalar
from fl.crypto.hybrid_kem import LongPrivateKey
from fl.crypto.key_wrapping import CommitteeSecret, wrap_size
from fl.crypto.long_committee import FIRST_BYTES, Halves, LongCommittee, Seats, derive, half_bytes, share_out
from fl.crypto.long_partials import CombinedHalves, combine
from fl.crypto.threshold import ThresholdKey, encapsulate_point, label_of
from fl.protocol.codec import sha256
from fl.protocol.errors import (
    AuthFailure,
    CiphertextInvalid,
    EncodingError,
    HemaledgerError,
    QuorumNotReached,
)
from fl.protocol.names import Address, Digest, KeyUse, Purpose, Suite
from tests.support.crypto.threshold_scene import ANCHOR, HOSPITAL, PLAINTEXT, account, generated

PARTIES, THRESHOLD = 4, 3
MADE = generated(PARTIES, THRESHOLD)
LONG = tuple(LongPrivateKey.generate(1) for _ in range(PARTIES))
COMMITTEE = LongCommittee(MADE.committee.key, THRESHOLD, tuple(key.long_key for key in LONG))
SEATS = COMMITTEE.seats
POLICY = RecordPolicy(bytes(range(16)), Readers.TRUSTEES, frozenset({Purpose.TREATMENT}))
CORE = POLICY.core(ANCHOR, HOSPITAL, 1, SEATS)
FILE = bytes(seal(CORE, [COMMITTEE], PLAINTEXT))
CAPSULE = Capsule.of(FILE, SEATS, POLICY.to_bytes())
BINDING = RequestBinding(CAPSULE.label, 7, KeyUse.RECORDS, 1, Purpose.TREATMENT, suite=Suite.HYBRID)
WHO = MADE.committee.accounts


def approve(capsule: Capsule, place: int, *, binding: RequestBinding = BINDING, own: int | None = None) -> bytes:
    """Let the trustee at a place from 0 answer, with the long key of the seat `own`."""
    keys = [LONG[place if own is None else own]]
    return long_partials.approve(capsule, binding, MADE.committee.key, MADE.shares[WHO[place]], keys)


def answers(*places: int) -> dict[Address, bytes]:
    return {WHO[place]: approve(CAPSULE, place) for place in places}


def combined(given: dict[Address, bytes]) -> CombinedHalves:
    return combine(given, MADE.committee, BINDING, CAPSULE)


def opened(secret: CommitteeSecret, key: Seats = SEATS) -> bytes:
    return open_with(FILE, Expected(CORE, sha256(FILE), 10**5), key, secret)


def test_any_quorum_opens_and_a_smaller_one_does_not() -> None:
    for places in ((0, 1, 2), (1, 2, 3), (0, 1, 2, 3)):
        found = combined(answers(*places))
        assert found.wrong == ()
        assert opened(found.secret) == PLAINTEXT
    with pytest.raises(QuorumNotReached):
        combined(answers(0, 3))


def test_neither_half_opens_alone() -> None:
    """One half is what somebody has who broke the other scheme."""
    secret = combined(answers(0, 1, 2)).secret
    for half in (
        Halves(secret.point, random_scalar()),
        Halves(base_mult(random_scalar()), secret.value),
        secret.point,
    ):
        with pytest.raises((AuthFailure, EncodingError)):
            opened(half)


def test_a_quorum_of_one_half_is_no_quorum_of_the_other() -> None:
    given = answers(0, 1, 2)
    without = long_partials.approve(CAPSULE, BINDING, MADE.committee.key, MADE.shares[WHO[2]], [])
    with pytest.raises(QuorumNotReached):
        combined({**given, WHO[2]: without})
    seatless = {**given, WHO[2]: without, WHO[3]: approve(CAPSULE, 3)}
    assert opened(combined(seatless).secret) == PLAINTEXT


def test_who_has_two_seats_gives_both_shares() -> None:
    both = long_partials.approve(CAPSULE, BINDING, MADE.committee.key, MADE.shares[WHO[0]], LONG[:2])
    seatless = long_partials.approve(CAPSULE, BINDING, MADE.committee.key, MADE.shares[WHO[1]], [])
    assert opened(combined({WHO[0]: both, WHO[1]: seatless, WHO[2]: approve(CAPSULE, 2)}).secret) == PLAINTEXT


def test_a_wrong_answer_is_named_and_not_used() -> None:
    right = answers(0, 1, 2, 3)
    body = right[WHO[1]]
    tail = body[97:]
    other = struct.pack(">BH", 1, 2) + (int.from_bytes(tail[3:], "big") ^ 1).to_bytes(32, "big")
    for wrong in (
        body[:97] + other,
        body[:97] + struct.pack(">BH", 1, 1) + tail[3:],
        body[:97] + struct.pack(">BH", 1, 5) + tail[3:],
        body[:97] + struct.pack(">B", 2) + tail[1:] * 2,
        body[:97] + struct.pack(">BH", 1, 2) + b"\xff" * 32,
        body + b"\0",
        body[:-1],
        body[:97],
        b"",
        right[WHO[2]][:97] + tail,
    ):
        found = combined({**right, WHO[1]: wrong})
        assert found.wrong == (WHO[1],)
        assert opened(found.secret) == PLAINTEXT


def test_a_share_opens_only_in_its_own_ciphertext() -> None:
    """A requester who puts a stranger's second half beside another first half gets no share of it."""
    assert CAPSULE.half is not None
    ciphertext, _ = encapsulate_point(MADE.committee.key, CAPSULE.label)
    with pytest.raises(AuthFailure):
        approve(replace(CAPSULE, ciphertext=ciphertext), 0)
    policy = replace(POLICY, record=bytes(16))
    core = policy.core(ANCHOR, HOSPITAL, 1, SEATS)
    other = Capsule.of(bytes(seal(core, [COMMITTEE], PLAINTEXT)), SEATS, policy.to_bytes())
    swapped = replace(other, half=CAPSULE.half)
    with pytest.raises(AuthFailure):
        approve(swapped, 0, binding=replace(BINDING, label=other.label))


def test_a_share_that_was_not_committed_to_is_refused() -> None:
    """The sealer is at fault, so the trustee says that the ciphertext is invalid."""
    assert CAPSULE.half is not None
    half, _ = share_out(COMMITTEE, CAPSULE.label, CAPSULE.ciphertext)
    mixed = replace(half, commitments=CAPSULE.half.commitments, sealed=half.sealed)
    with pytest.raises(HemaledgerError) as refusal:
        approve(replace(CAPSULE, half=mixed), 0)
    assert isinstance(refusal.value, AuthFailure | CiphertextInvalid)


def test_no_byte_of_a_capsule_can_change() -> None:
    """Except in what is sealed to the other trustees."""
    data = CAPSULE.to_bytes()
    start = len(data) - half_bytes(PARTIES)
    own = range(start + 4, start + 4 + 16 + 32 + 1201)
    places = [*range(0, start + 4, 5), *range(own.start, own.stop, 83)]
    places += [start + 4 + 1249 * other + at for other in (1, 2, 3) for at in (0, 15, 16, 47)]
    for at in places:
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        with pytest.raises(HemaledgerError):
            approve(Capsule.from_bytes(changed), 0)
    assert Capsule.from_bytes(data) == CAPSULE
    assert len(data) < CAPSULE_CAP


def test_a_record_of_suite_2_has_its_half_and_one_of_suite_1_has_none() -> None:
    data, size = CAPSULE.to_bytes(), half_bytes(PARTIES)
    with pytest.raises(EncodingError):
        Capsule.from_bytes(data[:-size])
    with pytest.raises(EncodingError):
        Capsule.from_bytes(data[:7] + b"\x01" + data[8:])
    assert wrap_size(COMMITTEE) == 18 + 178 + 4 + 1249 * PARTIES
    with pytest.raises(EncodingError):
        seal(CORE, [COMMITTEE, COMMITTEE.key], PLAINTEXT)


@pytest.mark.parametrize(("threshold", "keys"), [(1, 3), (4, 3), (2, 33)])
def test_sizes_are_bounded(threshold: int, keys: int) -> None:
    long = tuple(LONG[0].long_key for _ in range(keys))
    with pytest.raises(EncodingError, match="out of bounds"):
        share_out(LongCommittee(COMMITTEE.key, threshold, long), CAPSULE.label, CAPSULE.ciphertext)


def test_two_seats_never_have_one_key() -> None:
    twice = replace(COMMITTEE, keys=(*COMMITTEE.keys[:3], COMMITTEE.keys[0]))
    with pytest.raises(EncodingError, match="same key"):
        share_out(twice, CAPSULE.label, CAPSULE.ciphertext)


def test_the_name_of_a_committee_follows_from_key_and_seats() -> None:
    names = {
        SEATS.key_id,
        replace(SEATS, threshold=2).key_id,
        replace(SEATS, long_ids=SEATS.long_ids[::-1]).key_id,
        replace(SEATS, long_ids=SEATS.long_ids[:3]).key_id,
    }
    assert len(names) == 4
    assert {name[:FIRST_BYTES] for name in names} == {COMMITTEE.key.key_id[:FIRST_BYTES]}
    assert replace(SEATS, key=ThresholdKey(base_mult(5))).key_id[:FIRST_BYTES] != SEATS.key_id[:FIRST_BYTES]


def test_the_key_is_that_of_a_second_computation() -> None:
    """PROTOCOL.md 9 once more, with hashes and integers only."""
    half, secret = CAPSULE.half, combined(answers(0, 1, 2)).secret
    assert half is not None
    y, u, u_bar = (encode_point(each) for each in (SEATS.key.point, CAPSULE.ciphertext.u, CAPSULE.ciphertext.u_bar))
    seats = struct.pack(">HH", THRESHOLD, PARTIES)
    listed = seats + b"".join(key + sealed for key, sealed in zip(half.long_ids, half.commitments, strict=True))
    label = hashlib.sha256(b"BAFL/1/label" + CAPSULE.core).digest()
    binding = hashlib.sha256(b"BAFL/1/longhalf" + label + y + u + u_bar + listed).digest()
    name = hashlib.sha256(b"BAFL/1/longcommittee" + y + seats + b"".join(half.long_ids)).digest()
    key_id = COMMITTEE.key.key_id[:8] + name[:8]
    assert SEATS.key_id == key_id == CAPSULE.key_id
    ikm = encode_point(secret.point) + secret.value.to_bytes(32, "big")
    prk = hmac.digest(label, ikm, "sha256")
    key = hmac.digest(prk, b"BAFL/1/tdh2long" + key_id + binding + b"\x01", "sha256")
    assert derive(SEATS, half, Digest(label), CAPSULE.ciphertext, secret) == key
    shares = {place + 1: int.from_bytes(approve(CAPSULE, place)[100:], "big") for place in range(3)}
    # λ at 0 for the indices 1, 2, 3 are 3, -3, 1.
    assert (3 * shares[1] - 3 * shares[2] + shares[3]) % ORDER == secret.value
    for index, value in shares.items():
        text = b"BAFL/1/longcommit" + label + struct.pack(">H", index) + value.to_bytes(32, "big")
        assert hashlib.sha256(text).digest() == half.commitments[index - 1]
    assert label == label_of(CAPSULE.core)


def test_a_stranger_gives_no_answer() -> None:
    found = combined({**answers(0, 1, 2), account(99): approve(CAPSULE, 3)})
    assert found.wrong == (account(99),)


def test_raw_private_halves_come_back() -> None:
    key = LONG[0]
    assert LongPrivateKey.from_raw(5, key.to_raw()).long_key.public_key == key.long_key.public_key
    for data in (key.to_raw()[:-1], os.urandom(64) + bytes(32), os.urandom(64) + b"\xff" * 32):
        with pytest.raises(HemaledgerError):
            LongPrivateKey.from_raw(5, data)
