"""The reference itself, against the RFCs' vectors."""

from __future__ import annotations

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.support.crypto.reference import (
    AES_128,
    expand,
    extract,
    hpke_open,
    hpke_seal,
    inverse,
    multiply,
    point,
    schedule,
    secret,
    shared_secret,
)

# RFC 9180, A.3.1: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode.
INFO = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
SK_E = 0x4995788EF4B9D6132B249CE59A77281493EB39AF373D236A1FE415CB0C2D7BEB
SK_R = 0xF3CE7FDAE57E1A310D87F1EBBDE6F328BE0A99CDBCADF4D6589CF29DE4B8FFD2
PK_E = bytes.fromhex(
    "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac9"
    "8536d7b61a1af4b78e5b7f951c0900be863c403ce65c9bfcb9382657222d18c4"
)
PK_R = bytes.fromhex(
    "04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a82"
    "6a779b4cf969b8a0e539c7f62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0"
)
SHARED = bytes.fromhex("c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8")
KEY = bytes.fromhex("868c066ef58aae6dc589b6cfdd18f97e")
NONCE = bytes.fromhex("4e0bc5018beba4bf004cca59")
PLAINTEXT = bytes.fromhex("4265617574792069732074727574682c20747275746820626561757479")
AAD = bytes.fromhex("436f756e742d30")
CIPHERTEXT = bytes.fromhex("5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076ac232e3ab2523f39513434")


def test_hkdf_is_that_of_rfc_5869_case_1() -> None:
    prk = extract(bytes(range(13)), b"\x0b" * 22)
    assert prk.hex() == "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"
    assert expand(prk, bytes(range(0xF0, 0xFA)), 42).hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )


def test_hpke_is_that_of_rfc_9180_a_3_1() -> None:
    assert (point(secret(SK_E)), point(secret(SK_R))) == (PK_E, PK_R)
    assert shared_secret(secret(SK_E), PK_R, PK_E + PK_R) == SHARED
    assert shared_secret(secret(SK_R), PK_E, PK_E + PK_R) == SHARED
    assert schedule(SHARED, INFO, AES_128) == (KEY, NONCE)
    assert AESGCM(KEY).encrypt(NONCE, PLAINTEXT, AAD) == CIPHERTEXT


def test_with_aes_256_it_agrees_with_the_library_both_ways() -> None:
    suite = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
    mine = secret(77)
    assert suite.decrypt(hpke_seal(point(mine), INFO, PLAINTEXT, secret(78)), mine, INFO) == PLAINTEXT
    assert hpke_open(mine, INFO, suite.encrypt(PLAINTEXT, mine.public_key(), INFO)) == PLAINTEXT


def test_the_field_is_gcms() -> None:
    """The McGrew-Viega GCM specification, test case 2: H, C_1 and X_1 = C_1 * H."""
    h = 0x66E94BD4EF8A2C3B884CFA59CA342B2E
    assert multiply(0x0388DACE60B6A392F328C2B971B2FE78, h) == 0x5E2EC746917062882C85B0685353DEB7
    assert multiply(h, inverse(h)) == 1 << 127
