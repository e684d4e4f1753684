from __future__ import annotations

import hashlib
import os
from dataclasses import replace

import pytest

from fl.crypto.capsule import CAPSULE_CAP, Capsule, Readers, RecordPolicy, RequestBinding, key_anchor
from fl.crypto.curve import GENERATOR, ORDER, encode_uncompressed
from fl.crypto.envelope import open_with, receive, seal
from fl.crypto.envelope_form import Core, Expected, Kind, sealed_size
from fl.crypto.group import base_mult, encode_point, mult, random_scalar
from fl.crypto.hashing import hash_to_curve
from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.long_committee import HALF_CAP
from fl.crypto.partial_decryption import PARTIAL_BYTES, CombinedDecryption, approve, combine, partial_core
from fl.crypto.sharing import Share
from fl.crypto.threshold import Ciphertext, ThresholdKey, encapsulate, label_of, second_generator
from fl.protocol.codec import sha256
from fl.protocol.errors import (
    AuthFailure,
    CiphertextInvalid,
    EncodingError,
    HashMismatch,
    InvalidPoint,
    KeyCommitMismatch,
    KeyEpochMismatch,
    NotInCommittee,
    NotOnChain,
    PolicyNotApproved,
    QuorumNotReached,
    RecipientNotFound,
    StaleRound,
    TooLarge,
    WrongContext,
    WrongSender,
)
from fl.protocol.names import NO_DIGEST, Address, Digest, KeyUse, Purpose
from tests.support.crypto import threshold_reference as reference
from tests.support.crypto.masked_round import P, sec1, times
from tests.support.crypto.reference import derive, point
from tests.support.crypto.rfc9497 import BLINDED, EVALUATED, RFC_CONTEXT, RFC_KEY, VECTORS
from tests.support.crypto.threshold_scene import ANCHOR, HOSPITAL, PLAINTEXT, Made, account, generated, record_for

pytestmark = pytest.mark.usefixtures("backend")

KEY = ThresholdKey(base_mult(77))
LABEL = Digest(bytes(range(32)))
MEMBER = PrivateKey.generate(1)


def expected(file: bytes, core: Core) -> Expected:
    return Expected(core, sha256(file), 10_000)


# --- The second implementation -------------------------------------------------------------------------------------


def test_the_reference_proves_as_rfc_9497_a_3_2() -> None:
    _, nonce, proof = VECTORS[0]
    given, made = (reference_point(texts[0]) for texts in (BLINDED, EVALUATED))
    claim = reference.Claim(times(1), times(RFC_KEY), given, made)
    assert reference.dleq(RFC_KEY, nonce, claim, RFC_CONTEXT).hex() == proof


def reference_point(text: str) -> tuple[int, int]:
    tag, x = bytes.fromhex(text)[0], int.from_bytes(bytes.fromhex(text)[1:], "big")
    y = pow(x**3 - 3 * x + reference.B, (P + 1) // 4, P)
    return x, y if y % 2 == tag % 2 else P - y


@pytest.mark.parametrize("message", [b"", b"abc", b"abcdef0123456789"])
def test_both_implementations_hash_to_the_same_points(message: bytes) -> None:
    tag = b"QUUX-V01-CS02-with-P256_XMD:SHA-256_SSWU_RO_"
    assert reference.hash_to_curve(message, tag) == tuple(hash_to_curve(message, tag))


def test_the_reference_hashes_as_rfc_9380_j_1_1() -> None:
    found = reference.hash_to_curve(b"", b"QUUX-V01-CS02-with-P256_XMD:SHA-256_SSWU_RO_")
    assert found is not None
    assert f"{found[0]:064x}" == "2c15230b26dbc6fc9a37051158c95b79656e17a1a920b11394ca91c44247d3e4"
    assert f"{found[1]:064x}" == "8a7a74985cc5c776cdfe4b1f19884970453912e9d31528c060be9ab5c43e8415"


# --- Encapsulation -------------------------------------------------------------------------------------------------


def test_a_key_is_named_apart_from_a_members_with_the_same_point() -> None:
    public = encode_uncompressed(KEY.point)
    assert KEY.key_id == hashlib.sha256(b"BAFL/1/keyid\x01\x01" + public).digest()[:16]
    assert KEY.key_id != hashlib.sha256(b"BAFL/1/keyid\x00\x01" + public).digest()[:16]
    assert ThresholdKey.from_bytes(KEY.to_bytes()) == KEY


def test_no_small_multiple_of_the_generator_is_the_second() -> None:
    assert all(second_generator() != base_mult(scalar) for scalar in (1, 2, 3, ORDER - 1))


def test_two_encapsulations_share_nothing() -> None:
    (one, first), (two, second) = encapsulate(KEY, LABEL), encapsulate(KEY, LABEL)
    assert first != second
    assert not {one.u, one.u_bar} & {two.u, two.u_bar}


def test_a_ciphertext_holds_under_its_label_only() -> None:
    ciphertext, _ = encapsulate(KEY, LABEL)
    ciphertext.verify(LABEL)
    assert Ciphertext.from_bytes(ciphertext.to_bytes()) == ciphertext
    with pytest.raises(CiphertextInvalid):
        ciphertext.verify(Digest(bytes(32)))


@pytest.mark.parametrize("size", [0, 129, 131])
def test_a_ciphertext_has_130_bytes(size: int) -> None:
    ciphertext = encapsulate(KEY, LABEL)[0].to_bytes()
    with pytest.raises((EncodingError, InvalidPoint)):
        Ciphertext.from_bytes((ciphertext + b"\x00")[:size])


# --- Envelopes to threshold keys -----------------------------------------------------------------------------------


@pytest.fixture
def made() -> Made:
    return generated(3, 2)


def test_a_file_to_a_member_and_a_committee_opens_for_both(made: Made) -> None:
    key = made.committee.key
    record = record_for(made.committee)
    file = bytes(seal(record.core, [MEMBER.member_key, key], PLAINTEXT))
    assert len(file) == sealed_size(len(PLAINTEXT), 1, 1) == 180 + 131 + 196 + len(PLAINTEXT) + 16
    assert int.from_bytes(file[180 + 131 + 16 : 180 + 131 + 18], "big") == 178
    assert receive(file, expected(file, record.core), MEMBER) == PLAINTEXT
    capsule = Capsule.of(file, key, record.capsule.policy.to_bytes() if record.capsule.policy else b"")
    assert len(capsule.to_bytes()) == CAPSULE_CAP - HALF_CAP
    answers = made.answers(capsule, record.binding, made.committee.accounts[1:])
    opening = combine(answers, made.committee, record.binding, capsule.ciphertext)
    assert open_with(file, expected(file, record.core), key, opening.secret) == PLAINTEXT


def test_opening_by_a_quorum_checks_in_the_order_of_the_specification() -> None:
    core = Core(Kind.MODEL, ANCHOR, HOSPITAL, 7, 3, bytes(32))
    file = bytes(seal(core, [KEY], PLAINTEXT))
    good, secret = expected(file, core), base_mult(1)
    wrong = replace(core, sender=account(1), round=8, epoch=4, context=bytes(31) + b"\x01")
    for given, demanded, error in (
        (file, replace(good, cap=1, digest=NO_DIGEST, core=wrong), TooLarge),
        (file, replace(good, digest=NO_DIGEST, core=wrong), NotOnChain),
        (file + b"\x00", replace(good, core=wrong), HashMismatch),
        (file, replace(good, core=wrong), WrongSender),
        (file, replace(good, core=replace(wrong, sender=HOSPITAL)), StaleRound),
        (file, replace(good, core=replace(core, epoch=4, kind=Kind.UPDATE)), KeyEpochMismatch),
        (file, replace(good, core=replace(core, kind=Kind.UPDATE)), WrongContext),
        (file[:-1], expected(file[:-1], core), EncodingError),
        (file, good, AuthFailure),
    ):
        with pytest.raises(error):
            open_with(given, demanded, KEY, secret)
    with pytest.raises(RecipientNotFound):
        open_with(file, good, ThresholdKey(base_mult(78)), secret)
    with pytest.raises(RecipientNotFound):
        Capsule.of(file, ThresholdKey(base_mult(78)), b"")


def test_a_members_wrap_under_a_threshold_keys_name_is_no_ciphertext() -> None:
    core = Core(Kind.MODEL, ANCHOR, HOSPITAL, 7, 3, bytes(32))
    file = bytearray(seal(core, [MEMBER.member_key], PLAINTEXT))
    file[180:196] = KEY.key_id
    with pytest.raises(EncodingError):
        open_with(bytes(file), expected(bytes(file), core), KEY, base_mult(1))


def test_two_content_keys_in_one_file_are_found_by_the_key_commitment() -> None:
    """The member and the committee must not open different contents from one digest."""
    core = Core(Kind.MODEL, ANCHOR, HOSPITAL, 7, 3, bytes(32))
    one, two = b"\x5a" * 32, b"\x99" * 32
    r = random_scalar()
    sealed = reference.Sealed(tuple(KEY.point), core.to_bytes(), r, random_scalar())  # type: ignore[arg-type]
    honest = reference.envelope(core.to_bytes(), [point(MEMBER.secret)], sealed, (one, PLAINTEXT))
    wrapped = sealed.wrap(honest[:180], two)
    assert derive(two, core.to_bytes())[1] != honest[138:170]
    file = honest[:311] + wrapped + honest[311 + 196 :]
    assert open_with(honest, expected(honest, core), KEY, mult(r, KEY.point)) == PLAINTEXT
    with pytest.raises(KeyCommitMismatch):
        open_with(file, expected(file, core), KEY, mult(r, KEY.point))


def test_a_wrap_moved_to_another_envelope_does_not_open() -> None:
    core = Core(Kind.MODEL, ANCHOR, HOSPITAL, 7, 3, bytes(32))
    one, two = (bytes(seal(core, [KEY], text)) for text in (b"one", b"two"))
    file = one[:180] + two[180:376] + one[376:]
    u = Ciphertext.from_bytes(two[198:328]).u
    with pytest.raises(AuthFailure):
        open_with(file, expected(file, core), KEY, mult(77, u))
    assert open_with(two, expected(two, core), KEY, mult(77, u)) == b"two"


# --- Policies and capsules -----------------------------------------------------------------------------------------


def test_a_policy_has_19_bytes_and_one_bit_for_each_purpose() -> None:
    policy = RecordPolicy(b"\x07" * 16, Readers.TRUSTEES, frozenset({Purpose.TREATMENT, Purpose.QUALITY}))
    assert policy.to_bytes() == b"\x07" * 16 + b"\x02" + b"\x00\x21"
    assert RecordPolicy.from_bytes(policy.to_bytes()) == policy
    assert [purpose for purpose in Purpose if policy.allows(purpose)] == [Purpose.TREATMENT, Purpose.QUALITY]


def test_consent_to_the_release_of_a_record_cannot_be_written() -> None:
    policy = RecordPolicy(bytes(16), Readers.TRUSTEES, frozenset({Purpose.RELEASE}))
    with pytest.raises(ValueError, match="released"):
        policy.to_bytes()


def test_a_record_and_an_answer_name_the_key_authority_in_place_of_the_ledger() -> None:
    policy = RecordPolicy(bytes(16), Readers.TRUSTEES, frozenset())
    binding = RequestBinding(LABEL, 9, KeyUse.RECORDS, 2, Purpose.TREATMENT)
    record, partial = policy.core(ANCHOR, HOSPITAL, 3, KEY), partial_core(ANCHOR, account(1), 5, binding, 4)
    assert record.anchor == partial.anchor == key_anchor(ANCHOR)
    assert record.to_bytes()[50:70] == partial.to_bytes()[50:70] == ANCHOR.authority
    assert (record.round, record.seq, record.epoch, record.context) == (0, 0, 3, policy.context(KEY))
    assert (partial.round, partial.seq, partial.epoch, partial.context) == (9, 0, 5, binding.context(4))


def test_every_part_of_a_request_changes_what_an_answer_is_bound_to() -> None:
    binding = RequestBinding(LABEL, 9, KeyUse.RECORDS, 2, Purpose.TREATMENT)
    others = [
        replace(binding, label=Digest(bytes(32))),
        replace(binding, number=10),
        replace(binding, use=KeyUse.MODEL),
        replace(binding, epoch=3),
    ]
    contexts = [each.context(1) for each in (binding, *others)] + [binding.context(2)]
    assert len(set(contexts)) == len(contexts)


def test_a_policy_that_lost_its_envelope_is_refused_before_the_proof(made: Made) -> None:
    record = record_for(made.committee)
    assert record.capsule.policy
    wide = replace(record.capsule.policy, consent=frozenset({Purpose.EMERGENCY}))
    with pytest.raises(CiphertextInvalid, match="context"):
        replace(record.capsule, policy=wide).check(record.binding, made.committee.key)


def test_a_request_for_another_purpose_than_the_patients_is_refused(made: Made) -> None:
    record = record_for(made.committee)
    for purpose in Purpose:
        binding = replace(record.binding, purpose=purpose)
        if purpose in (Purpose.TREATMENT, Purpose.RESEARCH):
            assert record.capsule.check(binding, made.committee.key) == record.capsule.ciphertext
            continue
        with pytest.raises(PolicyNotApproved):
            record.capsule.check(binding, made.committee.key)


@pytest.mark.parametrize("size", [0, 137, 200, 283])
def test_a_cut_capsule_is_refused(made: Made, size: int) -> None:
    with pytest.raises((EncodingError, InvalidPoint)):
        Capsule.from_bytes(record_for(made.committee).capsule.to_bytes()[:size])


# --- Answers -------------------------------------------------------------------------------------------------------


def test_an_answer_is_the_shares_product_with_a_proof(made: Made) -> None:
    record = record_for(made.committee)
    who = made.committee.accounts[0]
    answer = made.approve(record.capsule, record.binding, who)
    assert len(answer) == PARTIAL_BYTES == 97
    u = record.capsule.ciphertext.u
    assert answer[:33] == sec1(times(made.shares[who].value, (u.x, u.y)))
    assert answer != made.approve(record.capsule, record.binding, who)


def test_the_answers_give_what_the_key_would_have_given() -> None:
    made = generated(4, 3)
    record = record_for(made.committee)
    opening = combine(
        made.answers(record.capsule, record.binding, made.committee.accounts),
        *(made.committee, record.binding, record.capsule.ciphertext),
    )
    assert opening.wrong == ()
    assert record.opened(opening, made.committee) == PLAINTEXT
    assert encode_point(opening.secret).hex() not in repr(opening)


def test_nobody_without_a_seat_counts(made: Made) -> None:
    record = record_for(made.committee)
    with pytest.raises(NotInCommittee):
        made.committee.share_of(HOSPITAL)
    stranger = approve(record.capsule, record.binding, made.committee.key, Share(1, 5))
    with pytest.raises(QuorumNotReached):
        combine(
            {HOSPITAL: stranger, Address(os.urandom(20)): stranger},
            *(made.committee, record.binding, record.capsule.ciphertext),
        )


def test_another_secret_opens_nothing(made: Made) -> None:
    record = record_for(made.committee)
    with pytest.raises(AuthFailure):
        record.opened(CombinedDecryption(GENERATOR, ()), made.committee)
    assert label_of(record.core.to_bytes()) == record.capsule.label
