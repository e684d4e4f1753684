from __future__ import annotations

import os
from dataclasses import replace

import pytest

from fl.crypto.curve import ORDER, encode_uncompressed
from fl.crypto.group import base_mult, decode_uncompressed, mult, random_scalar, scalar_bytes
from fl.crypto.round_keys import RoundKeys
from fl.crypto.schnorr_proof import prove
from fl.crypto.share_delivery import SEALED_BYTES, Parcel, SharePair, open_shares, own_shares, seal_shares
from fl.crypto.share_encryption import (
    COMPLAINT_BYTES,
    bundle_from_bytes,
    bundle_to_bytes,
    complain,
    reopen,
    uphold,
)
from fl.protocol.errors import (
    AuthFailure,
    EncodingError,
    FalseComplaint,
    InvalidPoint,
    InvalidScalar,
    ProofInvalid,
    ShareInvalid,
)
from fl.protocol.names import Address
from tests.support.crypto.masked_scene import CONTEXT, Scene, round_of
from tests.support.crypto.reference import hpke_seal, secret

pytestmark = pytest.mark.usefixtures("backend")


@pytest.fixture
def scene() -> Scene:
    return round_of(4, 3)


def parcel_of(scene: Scene, plaintext: bytes | None = None) -> Parcel:
    """Return what dealer 1 sent to hospital 3; `plaintext` in place of the right shares."""
    parcel = Parcel(CONTEXT, scene.participants[0], scene.participants[2])
    if plaintext is None:
        return replace(parcel, sealed=seal_shares(scene.keys[0], parcel))
    return replace(parcel, sealed=sealed_by_hand(plaintext, parcel, random_scalar()))


def sealed_by_hand(plaintext: bytes, parcel: Parcel, ephemeral: int) -> bytes:
    """Seal with the second implementation of HPKE."""
    key = encode_uncompressed(parcel.receiver.transport_key)
    sealed = hpke_seal(key, parcel.info, plaintext, secret(ephemeral))
    return sealed[:65] + prove(ephemeral, b"", parcel.info) + sealed[65:]


def resealed(scene: Scene, parcel: Parcel) -> Parcel:
    """Return a parcel with dealer 1's shares of the parcel's own context and dealer."""
    return replace(parcel, sealed=seal_shares(scene.keys[0], parcel))


def shares_bytes(keys: RoundKeys, index: int, *, first: int = 0, second: int = 0) -> bytes:
    """Return the right shares, each with an error."""
    pair = own_shares(keys, index)
    return scalar_bytes((pair.pairwise.value + first) % ORDER) + scalar_bytes((pair.own.value + second) % ORDER)


def agreed(scene: Scene, parcel: Parcel) -> bytes:
    return complain(parcel.shares, scene.keys[2].transport)


def test_a_receiver_opens_the_shares_that_were_dealt(scene: Scene) -> None:
    parcel = parcel_of(scene)
    assert len(parcel.sealed) == SEALED_BYTES == 210
    assert open_shares(parcel, scene.keys[2].transport) == own_shares(scene.keys[0], 3)


def test_the_published_key_agreement_opens_what_hpke_sealed(scene: Scene) -> None:
    for _ in range(5):
        parcel = parcel_of(scene)
        enc = decode_uncompressed(parcel.sealed[:65])
        assert SharePair(*reopen(parcel.shares, mult(scene.keys[2].transport, enc))) == own_shares(scene.keys[0], 3)


def test_another_key_agreement_opens_nothing(scene: Scene) -> None:
    parcel = parcel_of(scene)
    with pytest.raises(AuthFailure):
        reopen(parcel.shares, base_mult(random_scalar()))


def test_a_parcel_opens_in_its_round_between_its_two_hospitals_only(scene: Scene) -> None:
    parcel = parcel_of(scene)
    others = [
        replace(parcel, context=os.urandom(32)),
        replace(parcel, dealer=scene.participants[1]),
        replace(parcel, receiver=replace(parcel.receiver, account=Address(b"\x99" * 20))),
    ]
    for other in others:
        with pytest.raises((AuthFailure, ProofInvalid)):
            open_shares(other, scene.keys[2].transport)
    with pytest.raises(AuthFailure):
        open_shares(parcel, scene.keys[1].transport)


@pytest.mark.parametrize("place", [0, 1, 40, 64, 65, 100, 129, 130, 165, 209])
def test_a_changed_byte_is_noticed_and_upheld(scene: Scene, place: int) -> None:
    parcel = parcel_of(scene)
    sealed = bytearray(parcel.sealed)
    sealed[place] ^= 1
    parcel = replace(parcel, sealed=bytes(sealed))
    with pytest.raises((AuthFailure, InvalidPoint, ProofInvalid)):
        open_shares(parcel, scene.keys[2].transport)
    complaint = agreed(scene, parcel)
    assert (complaint == bytes(COMPLAINT_BYTES)) == (place < 130)
    uphold(complaint, parcel.shares)


def test_a_dealer_that_copies_anothers_key_agreement_opens_nothing_of_his(scene: Scene) -> None:
    """Complaints about copies of all of a victim's parcels would give all its secrets away."""
    theirs = parcel_of(scene)
    thief = Parcel(CONTEXT, scene.participants[1], scene.participants[2])
    own = seal_shares(scene.keys[1], thief)
    for sealed in (theirs.sealed, theirs.sealed[:65] + own[65:], own[:65] + theirs.sealed[65:130] + own[130:]):
        copied = replace(thief, sealed=sealed)
        with pytest.raises(ProofInvalid):
            open_shares(copied, scene.keys[2].transport)
        assert agreed(scene, copied) == bytes(COMPLAINT_BYTES)
        uphold(bytes(COMPLAINT_BYTES), copied.shares)


@pytest.mark.parametrize("size", [0, 209, 211])
def test_another_size_is_refused_and_upheld(scene: Scene, size: int) -> None:
    parcel = replace(parcel_of(scene), sealed=bytes(size))
    with pytest.raises(EncodingError):
        open_shares(parcel, scene.keys[2].transport)
    complaint = agreed(scene, parcel)
    assert complaint == bytes(COMPLAINT_BYTES)
    uphold(complaint, parcel.shares)


@pytest.mark.parametrize(("first", "second"), [(1, 0), (0, 1), (1, 1), (ORDER - 1, 0)])
def test_a_wrong_share_is_noticed_and_upheld(scene: Scene, first: int, second: int) -> None:
    parcel = parcel_of(scene, shares_bytes(scene.keys[0], 3, first=first, second=second))
    with pytest.raises(ShareInvalid) as caught:
        open_shares(parcel, scene.keys[2].transport)
    assert caught.value.facts() == {"dealer": scene.participants[0].account, "index": 3}
    uphold(agreed(scene, parcel), parcel.shares)


def test_a_share_that_is_no_scalar_is_noticed_and_upheld(scene: Scene) -> None:
    parcel = parcel_of(scene, shares_bytes(scene.keys[0], 3)[:32] + b"\xff" * 32)
    with pytest.raises(InvalidScalar):
        open_shares(parcel, scene.keys[2].transport)
    uphold(agreed(scene, parcel), parcel.shares)


def test_a_complaint_about_shares_in_order_is_false(scene: Scene) -> None:
    parcel = parcel_of(scene)
    with pytest.raises(FalseComplaint) as caught:
        uphold(agreed(scene, parcel), parcel.shares)
    assert caught.value.facts() == {"account": scene.participants[2].account}


def test_a_complaint_with_an_invented_key_agreement_is_false(scene: Scene) -> None:
    # the receiver tries to have an honest dealer thrown out
    parcel = parcel_of(scene)
    honest = agreed(scene, parcel)
    liar = complain(parcel.shares, random_scalar())
    forgeries = [liar, liar[:33] + honest[33:], honest[:33] + liar[33:], bytes(97), honest[:-1], honest + b"\x00", b""]
    for forged in forgeries:
        with pytest.raises(FalseComplaint):
            uphold(forged, parcel.shares)


def test_a_complaint_about_one_parcel_is_none_about_another(scene: Scene) -> None:
    spoiled = parcel_of(scene, shares_bytes(scene.keys[0], 3, first=1))
    complaint = agreed(scene, spoiled)
    uphold(complaint, spoiled.shares)
    for other in (
        parcel_of(scene),
        parcel_of(scene, shares_bytes(scene.keys[0], 3, first=1)),
        resealed(scene, replace(spoiled, context=os.urandom(32))),
        resealed(scene, replace(spoiled, dealer=scene.participants[1])),
    ):
        with pytest.raises(FalseComplaint):
            uphold(complaint, other.shares)


def test_a_bundle_comes_back_and_is_strict() -> None:
    sealed = tuple(os.urandom(SEALED_BYTES) for _ in range(3))
    data = bundle_to_bytes(sealed, SEALED_BYTES)
    assert len(data) == 2 + 3 * 210
    assert bundle_from_bytes(data, 3, SEALED_BYTES) == sealed
    for broken, count in ((data, 2), (data, 4), (data[:-1], 3), (data + b"\x00", 3), (b"", 3)):
        with pytest.raises(EncodingError):
            bundle_from_bytes(broken, count, SEALED_BYTES)
    with pytest.raises(EncodingError):
        bundle_to_bytes([b"short"], SEALED_BYTES)
