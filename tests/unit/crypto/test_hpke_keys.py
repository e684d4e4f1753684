from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from fl.crypto.curve import ORDER
from fl.crypto.hpke_keys import PrivateKey, load_point, verify_possession
from fl.protocol.errors import InvalidPoint, KeystoreUnreadable
from tests.support.crypto.reference import point, secret

# RFC 6979, A.2.5: P-256 with SHA-256, message "sample".
SCALAR = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
PUBLIC = bytes.fromhex(
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
)
R = 0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716
S = 0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def joined(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def pem_of(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, password: bytes = b"secret") -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def test_the_order_is_that_of_p_256() -> None:
    assert ORDER == N
    x, y = point(secret(1))[1:33], int.from_bytes(point(secret(1))[33:], "big")
    p = 2**256 - 2**224 + 2**192 + 2**96 - 1
    minus = point(secret(ORDER - 1))
    assert (minus[1:33], int.from_bytes(minus[33:], "big")) == (x, p - y)


def test_the_published_signature_verifies_in_its_low_form_only() -> None:
    assert point(secret(SCALAR)) == PUBLIC
    assert verify_possession(PUBLIC, b"sample", joined(R, N - S))
    assert not verify_possession(PUBLIC, b"sample", joined(R, S))
    assert not verify_possession(PUBLIC, b"Sample", joined(R, N - S))


def test_half_the_order_is_the_largest_low_s() -> None:
    digest = int.from_bytes(hashlib.sha256(b"m").digest(), "big")
    for s, accepted in ((N // 2, True), (N // 2 + 1, False)):
        r = int.from_bytes(point(secret(9))[1:33], "big") % N
        private = (s * 9 - digest) * pow(r, -1, N) % N
        assert verify_possession(point(secret(private)), b"m", joined(r, s)) is accepted


def test_own_proofs_have_low_s_and_verify() -> None:
    key = PrivateKey(1, secret(SCALAR))
    for number in range(40):
        proof = key.prove_possession(bytes([number]))
        assert len(proof) == 64
        assert int.from_bytes(proof[32:], "big") <= N // 2
        assert verify_possession(PUBLIC, bytes([number]), proof)
        signature = encode_dss_signature(int.from_bytes(proof[:32], "big"), int.from_bytes(proof[32:], "big"))
        assert len(signature) <= 72


@pytest.mark.parametrize("proof", [b"", bytes(63), bytes(64), bytes(65), b"\xff" * 64, joined(R, 0), joined(0, N - S)])
def test_anything_else_is_no_proof(proof: bytes) -> None:
    assert not verify_possession(PUBLIC, b"sample", proof)


OFF_CURVE = PUBLIC[:-1] + bytes([PUBLIC[-1] ^ 1])


@pytest.mark.parametrize(
    "public",
    [
        b"",
        b"\0",
        b"\x04" + bytes(64),
        b"\x06" + PUBLIC[1:],
        PUBLIC[:64],
        PUBLIC + b"\0",
        OFF_CURVE,
        b"\x04" + b"\xff" * 64,
    ],
)
def test_what_is_no_point_is_refused_and_proves_nothing(public: bytes) -> None:
    with pytest.raises(InvalidPoint):
        load_point(public)
    assert not verify_possession(public, b"sample", joined(R, N - S))


def test_fresh_keys_differ() -> None:
    one, two = PrivateKey.generate(1), PrivateKey.generate(1)
    assert one.public_key != two.public_key
    assert one.member_key.epoch == 1
    assert len(one.public_key) == 65


def test_a_key_comes_back_from_its_encrypted_form() -> None:
    key = PrivateKey(3, secret(SCALAR))
    pem = key.to_pem("pass phrase é")
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    loaded = PrivateKey.from_pem(3, pem, "pass phrase é", "file")
    assert (loaded.epoch, loaded.public_key) == (3, PUBLIC)


def unknown_curve() -> bytes:
    """Return a PEM whose curve no library knows (the OID of P-256 changed by one)."""
    der = secret(5).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    changed = der.replace(bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d030102"))
    assert changed != der
    return b"-----BEGIN PRIVATE KEY-----\n" + base64.encodebytes(changed) + b"-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("pem", "password"),
    [
        (b"", "secret"),
        (b"no key", "secret"),
        (pem_of(secret(5)), "Secret"),
        (pem_of(secret(5)), ""),
        (pem_of(secret(5))[:-60], "secret"),
        (pem_of(secret(5), b""), "secret"),
        (pem_of(ec.derive_private_key(5, ec.SECP384R1())), "secret"),
        (pem_of(ec.derive_private_key(5, ec.SECP256K1())), "secret"),
        (pem_of(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))), "secret"),
        (unknown_curve(), "secret"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_named(pem: bytes, password: str) -> None:
    with pytest.raises(KeystoreUnreadable) as refusal:
        PrivateKey.from_pem(1, pem, password, "members/h1/hpke-1.pem")
    assert refusal.value.path == "members/h1/hpke-1.pem"
    assert "secret" not in str(refusal.value)
