"""Proofs that somebody knows the secret of a point: Schnorr's, made non-interactive.

Invariant: a proof is valid for only one message and one tag; copying a point does not let anyone prove it.

Layout: proof = R[33] ‖ z[32]; R = k·G, c = hash_to_scalar(message ‖ A[33] ‖ R[33], tag), z = k + c·a for A = a·G.

Source: C.-P. Schnorr, J. Cryptology 4, 1991; RFC 9591, 6.3 (the curve's hash) and appendix C's trusted proof of
knowledge as in Komlo and Goldberg, "FROST", SAC 2020, figure 1, round 1; PROTOCOL.md 9.
"""

from __future__ import annotations

from fl.crypto.curve import IDENTITY, ORDER, POINT_BYTES, SCALAR_BYTES, Point
from fl.crypto.group import add, base_mult, decode_point, encode_point, mult, parse_scalar, random_scalar, scalar_bytes
from fl.crypto.hashing import hash_to_scalar
from fl.protocol.errors import InvalidPoint, InvalidScalar, ProofInvalid

KNOWLEDGE_BYTES = POINT_BYTES + SCALAR_BYTES


def prove(secret: int, message: bytes, tag: bytes) -> bytes:
    """Return the 65-byte proof from `secret` (a)."""
    nonce = random_scalar()
    known, commitment = base_mult(secret), base_mult(nonce)
    challenge = _challenge(known, commitment, message, tag)
    return encode_point(commitment) + scalar_bytes((nonce + challenge * secret) % ORDER)


def verify(proof: bytes, known: Point, message: bytes, tag: bytes) -> None:
    """Raise ProofInvalid unless the prover knew the secret of `known` and signed `message` under `tag`."""
    try:
        commitment, response = decode_point(proof[:POINT_BYTES]), parse_scalar(proof[POINT_BYTES:])
    except (InvalidPoint, InvalidScalar) as error:
        raise ProofInvalid("a point and a scalar") from error
    if known == IDENTITY:
        raise ProofInvalid("a point that is not valid")
    challenge = _challenge(known, commitment, message, tag)
    if base_mult(response) != add(commitment, mult(challenge, known)):
        raise ProofInvalid("knowledge of a secret")


def _challenge(known: Point, commitment: Point, message: bytes, tag: bytes) -> int:
    return hash_to_scalar(message + encode_point(known) + encode_point(commitment), tag)
