from __future__ import annotations

import os
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fl.crypto import schnorr_proof as knowledge
from fl.crypto import share_encryption as sealing
from fl.crypto.curve import GENERATOR, ORDER, Point, encode_uncompressed
from fl.crypto.dkg import (
    BUNDLE_CAP,
    SEALED_BYTES,
    Dealing,
    Receiver,
    Setting,
    committee,
    deal,
    new_share,
    parcel,
    verify_dealing,
)
from fl.crypto.group import (
    add,
    base_mult,
    decode_point,
    decode_uncompressed,
    encode_point,
    mult,
    multi_mult,
    random_scalar,
)
from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.share_encryption import COMPLAINT_BYTES, SealedShares
from fl.crypto.sharing import Commitments, Polynomial, Share, lagrange
from fl.protocol.errors import (
    AuthFailure,
    BelowThreshold,
    CommitmentMismatch,
    CommitteeMismatch,
    DealingInvalid,
    EncodingError,
    FalseComplaint,
    InvalidPoint,
    InvalidScalar,
    NotInCommittee,
    ProofInvalid,
    ShareInvalid,
)
from fl.protocol.names import Address, CeremonyKind
from tests.support.crypto.reference import hpke_open, secret
from tests.support.crypto.threshold_reference import hash_to_scalar
from tests.support.crypto.threshold_scene import (
    Made,
    account,
    dealt,
    finish,
    generated,
    received,
    refreshed,
    reshared,
    secret_of,
    setting_of,
    vectors,
)

pytestmark = pytest.mark.usefixtures("backend")

ONE, TWO, THREE = (account(number) for number in (1, 2, 3))
OPERATOR = Address(b"\x77" * 20)


def key_of(made: Made) -> int:
    """Return the private key, which no honest party ever knows."""
    shares = list(made.shares.values())[-made.committee.threshold :]
    weights = lagrange([share.index for share in shares])
    return sum(weight * share.value for weight, share in zip(weights, shares, strict=True)) % ORDER


def check(made: Made) -> None:
    """Compare what is public with what is secret."""
    who = made.committee
    assert base_mult(key_of(made)) == who.key.point
    assert [base_mult(made.shares[each].value) for each in who.accounts] == list(who.shares)
    assert [made.shares[each].index for each in who.accounts] == list(range(1, len(who.accounts) + 1))


@pytest.fixture
def setting() -> Setting:
    return setting_of(CeremonyKind.GENERATE, 2, (1, 2, 3))


def test_a_generated_key_is_the_sum_of_what_the_dealers_drew(setting: Setting) -> None:
    dealings = dealt(setting, [ONE, TWO, THREE])
    made = finish(setting, dealings)
    check(made)
    first = [each.points[0] for each in vectors(setting, dealings).values()]
    assert made.committee.key.point == multi_mult([1, 1, 1], first)
    assert made.committee.accounts == (ONE, TWO, THREE)


def test_dealers_put_out_leave_no_trace_in_the_key(setting: Setting) -> None:
    dealings = dealt(setting, [ONE, TWO, THREE])
    del dealings[TWO]
    made = finish(setting, dealings)
    check(made)
    assert TWO in made.shares


def test_one_dealer_is_enough_where_the_operator_deals() -> None:
    setting = setting_of(CeremonyKind.DEALER, 3, (1, 2, 3, 4))
    check(finish(setting, dealt(setting, [OPERATOR])))


@pytest.mark.parametrize("dealers", [3, 4])
def test_a_refresh_keeps_the_key_and_changes_every_share(dealers: int) -> None:
    old = generated(4, 3)
    new = refreshed(old, dealers)
    check(new)
    assert new.committee.key == old.committee.key
    assert not {share.value for share in new.shares.values()} & {share.value for share in old.shares.values()}


@pytest.mark.parametrize(("parties", "threshold"), [((1, 2, 3, 4), 3), ((3, 4, 5, 6, 7), 4), ((2, 9), 2)])
@pytest.mark.parametrize("dealers", [(1, 2, 3), (1, 3, 4), (1, 2, 3, 4)])
def test_dealing_anew_keeps_the_key_for_any_committee(
    parties: tuple[int, ...], threshold: int, dealers: tuple[int, ...]
) -> None:
    old = generated(4, 3)
    new = reshared(old, threshold, parties, [account(number) for number in dealers])
    check(new)
    assert (new.committee.key, new.committee.threshold) == (old.committee.key, threshold)


@pytest.mark.parametrize(
    ("kind", "needed"), [(CeremonyKind.GENERATE, 2), (CeremonyKind.REFRESH, 2), (CeremonyKind.RESHARE, 3)]
)
def test_too_few_dealers_make_no_committee(kind: CeremonyKind, needed: int) -> None:
    old = generated(4, 3)
    setting = setting_of(kind, 2, (1, 2, 3), old)
    dealings = dealt(setting, old.committee.accounts[: needed - 1], old)
    with pytest.raises(BelowThreshold) as refusal:
        committee(setting, list(vectors(setting, dealings).values()))
    assert refusal.value.facts() == {"actual": needed - 1, "required": needed}


# --- What everybody can see of a dealing ---------------------------------------------------------------------------


def test_a_dealing_has_the_lengths_of_the_specification(setting: Setting) -> None:
    dealing = deal(setting, ONE)
    assert (len(dealing.commitments), len(dealing.proof)) == (33 * 2, 65)
    assert len(dealing.bundle) == 2 + 3 * SEALED_BYTES == 2 + 3 * 178
    old = generated(4, 3)
    zero = deal(setting_of(CeremonyKind.REFRESH, 3, (1, 2, 3, 4), old), ONE)
    assert len(zero.commitments) == 33 * 2
    assert BUNDLE_CAP == 2 + 32 * 178


def test_a_dealing_that_everybody_sees_to_be_wrong_names_its_dealer(setting: Setting) -> None:
    dealing, other = deal(setting, ONE), deal(setting, TWO)
    shown, proof = dealing.commitments, dealing.proof
    for commitments, given in (
        (shown[:-1], proof),
        (shown[:33], proof),
        (shown + shown[:33], proof),
        (bytes(33) + shown[33:], proof),
        (b"\x05" + shown[1:], proof),
        (shown[33:] + shown[:33], proof),
        (other.commitments, proof),
        (shown, other.proof),
        (shown, proof[:-1]),
        (shown, proof + b"\x00"),
        (shown, proof[:33] + ORDER.to_bytes(32, "big")),
        (shown, bytes(33) + proof[33:]),
        (shown, b""),
    ):
        with pytest.raises(DealingInvalid) as refusal:
            verify_dealing(setting, ONE, commitments, given)
        assert refusal.value.dealer == ONE
    with pytest.raises(DealingInvalid):
        verify_dealing(setting, TWO, shown, proof)
    with pytest.raises(DealingInvalid):
        verify_dealing(replace(setting, context=os.urandom(32)), ONE, shown, proof)


def test_who_shares_anew_shares_what_it_held() -> None:
    old = generated(4, 3)
    setting = setting_of(CeremonyKind.RESHARE, 2, (5, 6, 7), old)
    wrong = deal(setting, ONE, Share(1, old.shares[ONE].value + 1))
    with pytest.raises(CommitmentMismatch) as refusal:
        verify_dealing(setting, ONE, wrong.commitments, wrong.proof)
    assert refusal.value.dealer == ONE
    stranger = deal(setting, account(9), old.shares[ONE])
    with pytest.raises(NotInCommittee):
        verify_dealing(setting, account(9), stranger.commitments, stranger.proof)


def test_a_committee_never_changes_its_key_by_what_somebody_dealt_anew() -> None:
    old = generated(4, 3)
    setting = setting_of(CeremonyKind.RESHARE, 2, (5, 6, 7), old)
    dealings = dealt(setting, old.committee.accounts[:3], old)
    found = list(vectors(setting, dealings).values())
    forged = replace(found[0], points=(add(found[0].key, GENERATOR), *found[0].points[1:]))
    with pytest.raises(CommitteeMismatch):
        committee(setting, [forged, *found[1:]])


def test_a_dealer_cannot_give_anybody_the_identity_as_public_share() -> None:
    setting = setting_of(CeremonyKind.DEALER, 2, (1, 2))
    polynomial = Polynomial((5, ORDER - 5))
    with pytest.raises(InvalidPoint):
        committee(setting, [Commitments.from_bytes(OPERATOR, polynomial.commitments(), 2)])


def test_a_share_of_another_epoch_does_not_add_up() -> None:
    old = generated(4, 3)
    setting = setting_of(CeremonyKind.REFRESH, 3, (1, 2, 3, 4), old)
    dealings = dealt(setting, old.committee.accounts, old)
    made = committee(setting, list(vectors(setting, dealings).values()))
    shares = received(setting, ONE, dealings)
    for stale in (None, Share(1, old.shares[ONE].value + 1)):
        with pytest.raises(CommitteeMismatch):
            new_share(setting, made, ONE, shares, stale)
    assert new_share(setting, made, ONE, shares, old.shares[ONE]).index == 1


def test_a_ceremony_without_the_committee_it_changes_is_a_mistake() -> None:
    setting = setting_of(CeremonyKind.RESHARE, 2, (1, 2))
    with pytest.raises(ValueError, match="needs a present committee"):
        committee(setting, [Commitments(ONE, (GENERATOR, GENERATOR))])
    with pytest.raises(ValueError, match="needs its present share"):
        deal(setting, ONE)


def test_a_members_key_of_the_book_is_a_receivers() -> None:
    key = PrivateKey.generate(3)
    found = Receiver.of(ONE, key.member_key)
    assert found == Receiver(ONE, base_mult(key.secret.private_numbers().private_value))


# --- Complaints ----------------------------------------------------------------------------------------------------


def sent(setting: Setting, dealing: Dealing, dealer: Address = ONE, to: Address = THREE) -> SealedShares:
    return parcel(setting, verify_dealing(setting, dealer, dealing.commitments, dealing.proof), to, dealing.bundle)


def test_a_receiver_opens_its_own_share_and_nobody_elses(setting: Setting) -> None:
    target = sent(setting, deal(setting, ONE))
    [share] = sealing.unseal(target, secret_of(THREE))
    assert share.index == 3
    for other in (
        replace(target, info=target.info[:-1] + b"\x00"),
        replace(target, sealed=target.sealed[:140] + bytes([target.sealed[140] ^ 1]) + target.sealed[141:]),
    ):
        with pytest.raises((AuthFailure, ProofInvalid)):
            sealing.unseal(other, secret_of(THREE))
    with pytest.raises(AuthFailure):
        sealing.unseal(target, secret_of(TWO))


def test_the_published_key_agreement_opens_what_was_sealed(setting: Setting) -> None:
    target = sent(setting, deal(setting, ONE))
    assert sealing.reopen(target, mult(secret_of(THREE), target.enc)) == sealing.unseal(target, secret_of(THREE))


def spoiled(target: SealedShares) -> SealedShares:
    """Return the parcel with a wrong share, sealed by the book."""
    return replace(target, sealed=sealing.seal(target, (Share(target.index, random_scalar()),)))


def test_a_wrong_share_puts_the_dealer_out(setting: Setting) -> None:
    target = spoiled(sent(setting, deal(setting, ONE)))
    with pytest.raises(ShareInvalid) as refusal:
        sealing.unseal(target, secret_of(THREE))
    assert refusal.value.facts() == {"dealer": ONE, "index": 3}
    sealing.uphold(sealing.complain(target, secret_of(THREE)), target)


def test_a_share_that_is_no_scalar_puts_the_dealer_out(setting: Setting) -> None:
    target = sent(setting, deal(setting, ONE))
    ephemeral = random_scalar()
    enc = encode_uncompressed(base_mult(ephemeral))
    key, nonce = sealing._schedule(
        mult(ephemeral, target.key).x.to_bytes(32, "big"), enc + encode_uncompressed(target.key), target.info
    )
    body = AESGCM(key).encrypt(nonce, ORDER.to_bytes(32, "big"), None)
    target = replace(target, sealed=enc + knowledge.prove(ephemeral, b"", target.info) + body)
    with pytest.raises(InvalidScalar):
        sealing.unseal(target, secret_of(THREE))
    sealing.uphold(sealing.complain(target, secret_of(THREE)), target)


@pytest.mark.parametrize("place", [0, 1, 40, 64, 65, 97, 98, 129, 130, 161, 177])
def test_a_changed_byte_is_noticed_and_upheld(setting: Setting, place: int) -> None:
    target = sent(setting, deal(setting, ONE))
    sealed = bytearray(target.sealed)
    sealed[place] ^= 1
    target = replace(target, sealed=bytes(sealed))
    with pytest.raises((AuthFailure, InvalidPoint, ProofInvalid)):
        sealing.unseal(target, secret_of(THREE))
    complaint = sealing.complain(target, secret_of(THREE))
    assert (complaint == bytes(COMPLAINT_BYTES)) == (place < 130)
    sealing.uphold(complaint, target)


def test_a_false_complainer_is_named(setting: Setting) -> None:
    target = sent(setting, deal(setting, ONE))
    honest = sealing.complain(target, secret_of(THREE))
    liar = sealing.complain(target, random_scalar())
    for complaint in (honest, liar, liar[:33] + honest[33:], honest[:33] + liar[33:], bytes(COMPLAINT_BYTES), b""):
        with pytest.raises(FalseComplaint) as refusal:
            sealing.uphold(complaint, target)
        assert refusal.value.facts() == {"account": THREE}


def test_a_complaint_about_one_dealer_is_none_about_another(setting: Setting) -> None:
    target = spoiled(sent(setting, deal(setting, ONE)))
    complaint = sealing.complain(target, secret_of(THREE))
    sealing.uphold(complaint, target)
    for other in (sent(setting, deal(setting, TWO), TWO), spoiled(target)):
        with pytest.raises(FalseComplaint):
            sealing.uphold(complaint, other)


@pytest.mark.parametrize("factor", [1, 2, ORDER - 1])
def test_a_dealer_cannot_have_another_dealers_share_opened_by_a_complaint(setting: Setting, factor: int) -> None:
    """Without the proof behind enc, the honest receiver would publish what opens the victim's share."""
    victim = sent(setting, deal(setting, TWO), TWO)
    copied = mult(factor, victim.enc)
    thief = sent(setting, deal(setting, ONE))
    proofs = [victim.sealed[65:130], thief.sealed[65:130], knowledge.prove(random_scalar(), b"", thief.info), bytes(65)]
    for proof in proofs:
        target = replace(thief, sealed=encode_uncompressed(copied) + proof + thief.sealed[130:])
        with pytest.raises(ProofInvalid):
            sealing.unseal(target, secret_of(THREE))
        complaint = sealing.complain(target, secret_of(THREE))
        assert complaint == bytes(COMPLAINT_BYTES)
        sealing.uphold(complaint, target)


def test_a_bundle_is_strict(setting: Setting) -> None:
    dealing = deal(setting, ONE)
    vector = verify_dealing(setting, ONE, dealing.commitments, dealing.proof)
    for broken in (b"", dealing.bundle[:-1], dealing.bundle + b"\x00", b"\x00\x02" + dealing.bundle[2:-178]):
        with pytest.raises(EncodingError):
            parcel(setting, vector, THREE, broken)


# --- Proofs of knowledge -------------------------------------------------------------------------------------------


def test_knowledge_is_proved_for_one_message_tag_and_point() -> None:
    own = random_scalar()
    proof = knowledge.prove(own, b"message", b"tag")
    known: Point = base_mult(own)
    knowledge.verify(proof, known, b"message", b"tag")
    wrong: list[tuple[bytes, Point, bytes, bytes]] = [
        (proof, base_mult(own + 1), b"message", b"tag"),
        (proof, known, b"other", b"tag"),
        (proof, known, b"message", b"other"),
        (proof, Point(0, 0), b"message", b"tag"),
        (encode_point(known) + proof[33:], known, b"message", b"tag"),
        (proof[:-1] + bytes([proof[-1] ^ 1]), known, b"message", b"tag"),
    ]
    for given, point, message, tag in wrong:
        with pytest.raises(ProofInvalid):
            knowledge.verify(given, point, message, tag)


# --- The layouts, once more by hand --------------------------------------------------------------------------------


def proves(proof: bytes, known: bytes, message: bytes, tag: bytes) -> bool:
    """Check z·G = R + c·A with the second implementation's hash."""
    challenge = hash_to_scalar(message + known + proof[:33], tag)
    right = add(decode_point(proof[:33]), mult(challenge, decode_point(known)))
    return base_mult(int.from_bytes(proof[33:], "big")) == right


@pytest.mark.parametrize("kind", [CeremonyKind.GENERATE, CeremonyKind.REFRESH, CeremonyKind.RESHARE])
def test_a_dealing_is_laid_out_as_the_specification_says(kind: CeremonyKind) -> None:
    old = generated(3, 2)
    setting = setting_of(kind, 2, (1, 2, 3), old)
    dealing = deal(setting, ONE, old.shares[ONE])
    tag = b"BAFL/1/dkg" + setting.context
    assert proves(dealing.proof, dealing.commitments[:33], bytes(12) + ONE, tag)
    assert dealing.bundle[:2] == b"\x00\x03"
    points = [decode_point(dealing.commitments[at : at + 33]) for at in range(0, len(dealing.commitments), 33)]
    for index, who in enumerate((ONE, TWO, THREE), start=1):
        sealed = dealing.bundle[2 + 178 * (index - 1) : 2 + 178 * index]
        info = b"BAFL/1/dkgshare" + setting.context + ONE + who
        enc = encode_point(decode_uncompressed(sealed[:65]))
        assert proves(sealed[65:130], enc, b"", info)
        share = int.from_bytes(hpke_open(secret(secret_of(who)), info, sealed[:65] + sealed[130:]), "big")
        powers = [index**power for power in range(2)][-len(points) :]
        assert base_mult(share) == multi_mult(powers, points)
