"""Envelopes made and opened by hand from PROTOCOL.md 4, RFC 5869 and RFC 9180; shares no code with fl/crypto.

Only ECDH on P-256 and AES-GCM come from `cryptography`; test_reference.py checks the rest against the RFCs' vectors.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

CURVE = ec.SECP256R1()
AES_128, AES_256 = 1, 2
KEM = b"KEM\x00\x10"


def extract(salt: bytes, ikm: bytes) -> bytes:
    return hmac.new(salt or bytes(32), ikm, hashlib.sha256).digest()


def expand(prk: bytes, info: bytes, length: int) -> bytes:
    out, block = b"", b""
    for number in range(1, -(-length // 32) + 1):
        block = hmac.new(prk, block + info + bytes([number]), hashlib.sha256).digest()
        out += block
    return out[:length]


def secret(scalar: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(scalar, CURVE)


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    encoding, form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    return key.public_key().public_bytes(encoding, form)


def key_id(public: bytes) -> bytes:
    return hashlib.sha256(b"BAFL/1/keyid\x00\x01" + public).digest()[:16]


def shared_secret(mine: ec.EllipticCurvePrivateKey, theirs: bytes, kem_context: bytes) -> bytes:
    """Return the KEM's shared secret (RFC 9180, 4.1)."""
    dh = mine.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, theirs))
    prk = extract(b"", b"HPKE-v1" + KEM + b"eae_prk" + dh)
    return expand(prk, b"\x00\x20HPKE-v1" + KEM + b"shared_secret" + kem_context, 32)


def schedule(shared: bytes, info: bytes, aead: int) -> tuple[bytes, bytes]:
    """Return (key, nonce of the first message) in base mode (RFC 9180, 5.1)."""
    suite = b"HPKE" + struct.pack(">HHH", 0x0010, 0x0001, aead)

    def labelled(salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return extract(salt, b"HPKE-v1" + suite + label + ikm)

    context = b"\x00" + labelled(b"", b"psk_id_hash", b"") + labelled(b"", b"info_hash", info)
    prk = labelled(shared, b"secret", b"")

    def derived(label: bytes, length: int) -> bytes:
        return expand(prk, struct.pack(">H", length) + b"HPKE-v1" + suite + label + context, length)

    return derived(b"key", 16 * aead), derived(b"base_nonce", 12)


def hpke_seal(public: bytes, info: bytes, plaintext: bytes, ephemeral: ec.EllipticCurvePrivateKey) -> bytes:
    enc = point(ephemeral)
    key, nonce = schedule(shared_secret(ephemeral, public, enc + public), info, AES_256)
    return enc + AESGCM(key).encrypt(nonce, plaintext, b"")


def hpke_open(private: ec.EllipticCurvePrivateKey, info: bytes, sealed: bytes) -> bytes:
    enc = sealed[:65]
    key, nonce = schedule(shared_secret(private, enc, enc + point(private)), info, AES_256)
    return AESGCM(key).decrypt(nonce, sealed[65:], b"")


@dataclass(frozen=True)
class Header:
    """The 138 bytes of a core, field by field."""

    magic: bytes = b"BAFL"
    version: int = 1
    kind: int = 9
    suite: int = 1
    flags: int = 0
    consortium: bytes = bytes(range(32))
    chain: int = 0x0102030405060708
    contract: bytes = b"\xa1" * 20
    sender: bytes = b"\x11" * 20
    round: int = 7
    epoch: int = 3
    seq: int = 0
    context: bytes = b"\xc7" * 32

    def pack(self) -> bytes:
        out = struct.pack(">4sBBHH", self.magic, self.version, self.kind, self.suite, self.flags)
        out += struct.pack(">32sQ20s20s", self.consortium, self.chain, self.contract, self.sender)
        return out + struct.pack(">QII32s", self.round, self.epoch, self.seq, self.context)


def derive(cek: bytes, core: bytes) -> tuple[bytes, bytes]:
    """Return (body key, key commitment)."""
    prk = extract(hashlib.sha256(core).digest(), cek)
    return expand(prk, b"BAFL/1/body", 32), expand(prk, b"BAFL/1/commit", 32)


@dataclass(frozen=True)
class Recipe:
    """Everything an envelope is made of, the honest values by default; a forger changes some."""

    header: Header = field(default_factory=Header)
    recipients: tuple[bytes, ...] = ()
    """Public keys, 65 bytes each."""
    plaintext: bytes = b"what was learned"
    cek: bytes = b"\x5a" * 32
    wrapped: tuple[bytes, ...] = ()
    """The content key that each recipient gets; `cek` by default."""
    body: bytes | None = None
    """The body as is; the encrypted plaintext by default."""
    count: int | None = None
    """The number of recipients that the header states."""

    @property
    def head(self) -> bytes:
        core = self.header.pack()
        size = len(self.plaintext) + 16 if self.body is None else len(self.body)
        count = len(self.recipients) if self.count is None else self.count
        return core + derive(self.cek, core)[1] + struct.pack(">QH", size, count)

    @property
    def prefix(self) -> bytes:
        """Return head and wraps; ephemeral keys are the scalars 1000, 1001..."""
        out = self.head
        for number, public in enumerate(self.recipients):
            given = self.wrapped[number] if self.wrapped else self.cek
            info = b"BAFL/1/wrap" + hashlib.sha256(self.head).digest() + key_id(public)
            sealed = hpke_seal(public, info, given, secret(1000 + number))
            out += key_id(public) + struct.pack(">H", len(sealed)) + sealed
        return out

    def build(self) -> bytes:
        prefix = self.prefix
        if self.body is not None:
            return prefix + self.body
        key = derive(self.cek, self.header.pack())[0]
        return prefix + AESGCM(key).encrypt(bytes(12), self.plaintext, hashlib.sha256(prefix).digest())


def take_apart(file: bytes, private: ec.EllipticCurvePrivateKey) -> bytes:
    """Open an honest envelope for one recipient."""
    own = key_id(point(private))
    (size, count) = struct.unpack_from(">QH", file, 170)
    wraps = [file[180 + 131 * number : 311 + 131 * number] for number in range(count)]
    [sealed] = [wrap[18:] for wrap in wraps if wrap[:16] == own]
    prefix, body = file[: 180 + 131 * count], file[180 + 131 * count :]
    assert len(body) == size
    cek = hpke_open(private, b"BAFL/1/wrap" + hashlib.sha256(file[:180]).digest() + own, sealed)
    key, commitment = derive(cek, file[:138])
    assert commitment == file[138:170]
    return AESGCM(key).decrypt(bytes(12), body, hashlib.sha256(prefix).digest())


def multiply(x: int, y: int) -> int:
    """Multiply in GCM's field (SP 800-38D, 6.3); bit 127 is the coefficient of 1."""
    z = 0
    for bit in range(127, -1, -1):
        if (x >> bit) & 1:
            z ^= y
        y = (y >> 1) ^ (0xE1 << 120 if y & 1 else 0)
    return z


def inverse(x: int) -> int:
    """Return x^(2^128 - 2)."""
    result = 1 << 127
    for _ in range(127):
        x = multiply(x, x)
        result = multiply(result, x)
    return result


def two_faced(keys: tuple[bytes, bytes], aad: bytes) -> bytes:
    """Return 32 bytes of ciphertext and a tag that both keys accept (nonce 0), after Dodis et al. and Len et al."""
    powers, ends = [], []
    lengths = (8 * len(aad)) << 64 | 8 * 32
    first = int.from_bytes(b"\x11" * 16, "big")
    blocks = [int.from_bytes(aad[at : at + 16], "big") for at in range(0, len(aad), 16)]
    for key in keys:
        ecb = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305 - one block each: H and the tag's mask
        h = int.from_bytes(ecb.update(bytes(16)), "big")
        mask = int.from_bytes(ecb.update(bytes(15) + b"\x01"), "big")
        total = 0
        for block in (*blocks, first, 0, lengths):
            total = multiply(total ^ block, h)
        powers.append(multiply(h, h))
        ends.append(total ^ mask)
    last = multiply(ends[0] ^ ends[1], inverse(powers[0] ^ powers[1]))
    tag = ends[0] ^ multiply(powers[0], last)
    return b"".join(part.to_bytes(16, "big") for part in (first, last, tag))
