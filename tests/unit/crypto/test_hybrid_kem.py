"""The hybrid KEM against its published vectors, and envelopes of suite 2."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from fl.crypto import hybrid_kem, share_encryption
from fl.crypto.envelope import receive, seal
from fl.crypto.envelope_form import Core, Expected, Kind, sealed_size
from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.hpke_schedule import base_schedule, suite_id
from fl.crypto.hybrid_kem import ENC_BYTES, KEM, LongPrivateKey, check_public
from fl.crypto.key_wrapping import AnyPrivateKey, Recipient
from fl.protocol.codec import sha256
from fl.protocol.errors import (
    AuthFailure,
    EncodingError,
    HemaledgerError,
    InvalidPoint,
    KeystoreUnreadable,
    RecipientNotFound,
    UnsupportedSuite,
)
from fl.protocol.keys.long_keys import LONG_KEY_BYTES, LongKey
from fl.protocol.names import Address, Suite
from fl.protocol.ports import Anchor

CASES = json.loads((Path(__file__).parents[2] / "vectors" / "hpke_pq.json").read_bytes())["cases"]
ANCHOR = Anchor(bytes(32), 1337, Address(b"\xa0" * 20), Address(b"\xa1" * 20))
CORE = Core(Kind.MODEL, ANCHOR, Address(b"\x01" * 20), 3, 1, b"\x05" * 32, suite=Suite.HYBRID)
ALICE, BOB = LongPrivateKey.generate(1), LongPrivateKey.generate(2)
CLASSICAL = PrivateKey.generate(1)
BODY = b"a model" * 50


def file_of(core: Core = CORE, readers: tuple[Recipient, ...] = (ALICE.long_key, BOB.long_key)) -> bytes:
    return bytes(seal(core, readers, BODY))


def opened(file: bytes, key: AnyPrivateKey = ALICE, core: Core = CORE) -> bytes:
    return receive(file, Expected(core, sha256(file), len(file)), key)


def _seed(ikm: str) -> bytes:
    """Return DeriveKeyPair's seed: LabeledDerive with SHAKE256."""
    labelled = b"HPKE-v1KEM" + KEM.to_bytes(2, "big") + (13).to_bytes(2, "big") + b"DeriveKeyPair"
    return hashlib.shake_256(bytes.fromhex(ikm) + labelled + (32).to_bytes(2, "big")).digest(32)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"kdf {case['kdf_id']}")
def test_keys_and_secrets_are_those_of_the_published_vectors(case: dict[str, str]) -> None:
    assert _seed(case["ikmR"]).hex() == case["skRm"]
    key = LongPrivateKey.from_seed(1, bytes.fromhex(case["skRm"]))
    assert key.long_key.public_key.hex() == case["pkRm"]
    assert key.decapsulate(bytes.fromhex(case["enc"])).hex() == case["shared_secret"]


def test_schedule_is_that_of_the_published_vector() -> None:
    [case] = [case for case in CASES if case["kdf_id"] == 1]
    suite = suite_id(KEM, case["aead_id"])
    assert suite.hex() == case["suite_id"]
    shared, info = bytes.fromhex(case["shared_secret"]), bytes.fromhex(case["info"])
    key, nonce = base_schedule(suite, shared, info, len(case["key"]) // 2)
    assert (key.hex(), nonce.hex()) == (case["key"], case["base_nonce"])
    first = {name: bytes.fromhex(value) for name, value in case["encryptions"][0].items() if name != "nonce"}
    assert AESGCM(key).decrypt(nonce, first["ct"], first["aad"]) == first["pt"]


def test_schedule_with_aes_256_is_that_of_the_library() -> None:
    """No published vector has HKDF-SHA256 with AES-256; the schedule is the same for every KEM."""
    key = PrivateKey.generate(1).secret
    suite = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    sealed = suite.encrypt(BODY, key.public_key(), b"info")
    other = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sealed[:65])
    own = PrivateKey(1, key).public_key
    found = share_encryption._schedule(key.exchange(ec.ECDH(), other), sealed[:65] + own, b"info")
    assert AESGCM(found[0]).decrypt(found[1], sealed[65:], None) == BODY


def test_both_readers_open_a_file_whose_size_is_known() -> None:
    file = file_of()
    assert opened(file) == opened(file, BOB) == BODY
    assert len(file) == sealed_size(len(BODY), 2, suite=Suite.HYBRID)


def test_no_byte_of_a_sealed_key_can_change() -> None:
    sealed = hybrid_kem.seal(ALICE.long_key, b"info", bytes(32))
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1 << at % 8
        with pytest.raises(AuthFailure):
            ALICE.open(bytes(changed), b"info")


def test_no_byte_of_a_long_key_can_change() -> None:
    """Changed bytes are refused, or give a key for which the owner of the other one cannot open anything."""
    public = ALICE.long_key.public_key
    refused = 0
    for at in range(LONG_KEY_BYTES):
        changed = LongKey(1, public[:at] + bytes([public[at] ^ 1 << at % 8]) + public[at + 1 :])
        assert changed.key_id != ALICE.key_id
        try:
            sealed = hybrid_kem.seal(changed, b"", b"x")
        except InvalidPoint:
            refused += 1
            continue
        with pytest.raises(AuthFailure):
            ALICE.open(sealed, b"")
    assert refused >= 65


@given(st.binary(max_size=ENC_BYTES + 70))
@settings(max_examples=100, deadline=None)
def test_arbitrary_bytes_open_nothing(sealed: bytes) -> None:
    with pytest.raises(AuthFailure):
        ALICE.open(sealed, b"")


@given(st.binary(min_size=LONG_KEY_BYTES, max_size=LONG_KEY_BYTES))
@settings(max_examples=50, deadline=None)
def test_arbitrary_bytes_are_not_a_long_key(key: bytes) -> None:
    with pytest.raises(InvalidPoint):
        check_public(LongKey(1, key))


def test_a_file_does_not_choose_its_suite() -> None:
    classical = replace(CORE, suite=Suite.P256)
    for sealed, expected, key, readers in (
        (classical, CORE, ALICE, (CLASSICAL.member_key,)),
        (CORE, classical, CLASSICAL, (ALICE.long_key,)),
    ):
        file = bytes(seal(sealed, readers, BODY))
        with pytest.raises(UnsupportedSuite):
            opened(file, key, expected)
    swapped = file_of()
    swapped = swapped[:6] + b"\x00\x01" + swapped[8:]
    with pytest.raises(HemaledgerError):
        opened(swapped, ALICE, classical)


@pytest.mark.parametrize("readers", [(ALICE.long_key, CLASSICAL.member_key), (CLASSICAL.member_key,)])
def test_a_file_of_suite_2_has_no_classical_reader(readers: tuple[Recipient, ...]) -> None:
    with pytest.raises(EncodingError):
        file_of(CORE, readers)
    with pytest.raises(EncodingError):
        file_of(replace(CORE, suite=Suite.P256), (ALICE.long_key,))


def test_a_stranger_opens_nothing() -> None:
    with pytest.raises(RecipientNotFound):
        opened(file_of(), LongPrivateKey.generate(1))


def test_private_halves_survive_a_password() -> None:
    pem = ALICE.to_pem("four random words")
    again = LongPrivateKey.from_pem(1, pem, "four random words", "long-1.pem")
    assert again.long_key == ALICE.long_key
    for damaged, password in ((pem, "another"), (pem[:-40], "four random words"), (pem[:400], "four random words")):
        with pytest.raises(KeystoreUnreadable):
            LongPrivateKey.from_pem(1, damaged, password, "long-1.pem")
    with pytest.raises(KeystoreUnreadable):
        LongPrivateKey.from_pem(1, CLASSICAL.to_pem("x") * 2, "x", "long-1.pem")
