"""PROTOCOL.md 9 written a second time, slowly and without fl/: affine formulas, RFC 9380 and RFC 9497 from their text.

Argon2id, AES-GCM and HPKE's key agreement come from `cryptography`; test_threshold.py checks the hashing and the proofs
against the RFCs' vectors.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from tests.support.crypto.masked_round import G, N, P, Pair, hkdf, plus, polynomial, sec1, times
from tests.support.crypto.reference import Header, derive, hpke_seal, key_id, secret

B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
Z = P - 10


def scalar(name: str) -> int:
    return 1 + int.from_bytes(hashlib.sha512(name.encode()).digest(), "big") % (N - 1)


def some(name: str, length: int) -> bytes:
    return hashlib.shake_256(name.encode()).digest(length)


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def expand_message(message: bytes, tag: bytes, length: int) -> bytes:
    """RFC 9380, 5.3.1."""
    prime = tag + bytes([len(tag)])
    b0 = sha(bytes(64) + message + struct.pack(">H", length) + b"\0" + prime)
    blocks = [sha(b0 + b"\1" + prime)]
    while 32 * len(blocks) < length:
        mixed = int.from_bytes(b0, "big") ^ int.from_bytes(blocks[-1], "big")
        blocks.append(sha(mixed.to_bytes(32, "big") + bytes([len(blocks) + 1]) + prime))
    return b"".join(blocks)[:length]


def hash_to_scalar(message: bytes, tag: bytes) -> int:
    return int.from_bytes(expand_message(message, tag, 48), "big") % N


def hash_to_curve(message: bytes, tag: bytes) -> Pair | None:
    uniform = expand_message(message, tag, 96)
    first, second = (_map(int.from_bytes(uniform[at : at + 48], "big") % P) for at in (0, 48))
    return plus(first, second)


def _map(u: int) -> Pair:
    """RFC 9380, 6.6.2; the exceptional case has negligible probability and is left out."""
    tv1 = pow(Z * Z * pow(u, 4, P) + Z * u * u, -1, P)
    x1 = -B * pow(-3, -1, P) * (1 + tv1) % P
    for x in (x1, Z * u * u * x1 % P):
        square = (x**3 - 3 * x + B) % P
        y = pow(square, (P + 1) // 4, P)
        if y * y % P == square:
            return x, y if y % 2 == u % 2 else P - y
    raise AssertionError("one of the two is a square")


def full(point: Pair | None) -> bytes:
    assert point is not None
    return b"\4" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


def number(scalar: int) -> bytes:
    return scalar.to_bytes(32, "big")


def _sized(*parts: bytes) -> bytes:
    return b"".join(struct.pack(">H", len(part)) + part for part in parts)


@dataclass(frozen=True)
class Claim:
    """log_base(key) = log_given(made)."""

    base: Pair | None
    key: Pair | None
    given: Pair | None
    made: Pair | None


def dleq(k: int, nonce: int, claim: Claim, context: bytes) -> bytes:
    """Return c ‖ s (RFC 9497, 2.2.1 for one element)."""
    tag = b"HashToScalar-" + context
    seed = sha(_sized(sec1(claim.key), b"Seed-" + context))
    weight = hash_to_scalar(_sized(seed) + b"\0\0" + _sized(sec1(claim.given), sec1(claim.made)) + b"Composite", tag)
    m = times(weight, claim.given)
    composites = (m, times(k, m), times(nonce, claim.base), times(nonce, m))
    c = hash_to_scalar(_sized(sec1(claim.key), *(sec1(each) for each in composites)) + b"Challenge", tag)
    return number(c) + number((nonce - c * k) % N)


SECOND = hash_to_curve(b"second generator", b"BAFL/1/tdh2")


def threshold_key_id(key: Pair | None) -> bytes:
    return sha(b"BAFL/1/keyid\x01\x01" + full(key))[:16]


def label_of(core: bytes) -> bytes:
    return sha(b"BAFL/1/label" + core)


@dataclass(frozen=True)
class Sealed:
    """One encapsulation: what it is made of, and what follows."""

    key: Pair | None
    core: bytes
    r: int
    nonce: int

    @cached_property
    def u(self) -> Pair | None:
        return times(self.r)

    @cached_property
    def u_bar(self) -> Pair | None:
        return times(self.r, SECOND)

    @cached_property
    def proof(self) -> bytes:
        claim = Claim(G, self.u, SECOND, self.u_bar)
        return dleq(self.r, self.nonce, claim, b"BAFL/1/tdh2" + label_of(self.core))

    @cached_property
    def ciphertext(self) -> bytes:
        return sec1(self.u) + sec1(self.u_bar) + self.proof

    @cached_property
    def shared(self) -> bytes:
        """Return K."""
        info = b"BAFL/1/tdh2" + threshold_key_id(self.key) + sec1(self.u) + sec1(self.u_bar)
        return hkdf(sec1(times(self.r, self.key)), label_of(self.core), info)

    def wrap(self, head: bytes, cek: bytes) -> bytes:
        own = threshold_key_id(self.key)
        sealed = AESGCM(self.shared).encrypt(bytes(12), cek, b"BAFL/1/wrap" + sha(head) + own)
        return own + struct.pack(">H", 178) + self.ciphertext + sealed

    def capsule(self, policy: bytes) -> bytes:
        return self.core + threshold_key_id(self.key) + self.ciphertext + struct.pack(">I", len(policy)) + policy


def envelope(core: bytes, members: list[bytes], sealed: Sealed | None, content: tuple[bytes, bytes]) -> bytes:
    """Return a file to members (ephemeral keys 1000, 1001...) and a threshold key; content = (CEK, plaintext)."""
    cek, plaintext = content
    body_key, commitment = derive(cek, core)
    head = core + commitment + struct.pack(">QH", len(plaintext) + 16, len(members) + (sealed is not None))
    wraps = b""
    for place, public in enumerate(members):
        info = b"BAFL/1/wrap" + sha(head) + key_id(public)
        wraps += key_id(public) + struct.pack(">H", 113) + hpke_seal(public, info, cek, secret(1000 + place))
    if sealed is not None:
        wraps += sealed.wrap(head, cek)
    return head + wraps + AESGCM(body_key).encrypt(bytes(12), plaintext, sha(head + wraps))


def policy(record: bytes, readers: int, consent: int) -> bytes:
    return record + struct.pack(">BH", readers, consent)


def record_context(text: bytes, key: Pair | None) -> bytes:
    return sha(b"BAFL/1/rec" + text + threshold_key_id(key))


def partial_context(label: bytes, request: int, use: int, epoch: int, index: int) -> bytes:
    return sha(b"BAFL/1/pdec" + label + struct.pack(">QBIH", request, use, epoch, index))


def partial(share: int, nonce: int, u: Pair | None, context: bytes) -> bytes:
    opened = times(share, u)
    return sec1(opened) + dleq(share, nonce, Claim(G, times(share), u, opened), b"BAFL/1/pdec" + context)


def shares_of(coefficients: list[int], parties: int) -> list[int]:
    return [polynomial(coefficients, index) for index in range(1, parties + 1)]


def at_zero(indices: list[int]) -> list[int]:
    weights = []
    for own in indices:
        weight = 1
        for other in indices:
            if other != own:
                weight = weight * other * pow(other - own, -1, N) % N
        weights.append(weight)
    return weights


def canonical(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def lockbox(bound: dict[str, Any], password: str, nonce: bytes, payload: bytes) -> str:
    """Return a file; `bound` is all of it but nonce and ciphertext."""
    kdf = bound["kdf"]
    key = Argon2id(
        salt=bytes.fromhex(kdf["salt"]),
        length=32,
        iterations=kdf["passes"],
        lanes=kdf["lanes"],
        memory_cost=kdf["memory_kib"],
    ).derive(password.encode())
    sealed = AESGCM(key).encrypt(nonce, payload, canonical(bound))
    return canonical({**bound, "nonce": nonce.hex(), "sealed": sealed.hex()}).decode()


def core_of(**fields: Any) -> bytes:
    return Header(**fields).pack()
