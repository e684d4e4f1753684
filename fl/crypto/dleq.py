"""Proofs that several points hide the same secret: B = k·A and D_i = k·C_i for one k that stays secret.

Invariant: a proof is valid for only one context string, which names its purpose.

Layout: proof = c[32] ‖ s[32], scalars big-endian.

Source: RFC 9497, 2.2.1 (GenerateProof) and 2.2.2 (VerifyProof), suite P256-SHA256; the caller gives the context string.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from fl.crypto.curve import IDENTITY, ORDER, SCALAR_BYTES, Point
from fl.crypto.group import encode_point, mult, multi_mult, parse_scalar, random_scalar, scalar_bytes
from fl.crypto.hashing import hash_to_scalar
from fl.protocol.errors import InvalidScalar, ProofInvalid

PROOF_BYTES = 2 * SCALAR_BYTES


@dataclass(frozen=True)
class Statement:
    """log_base(key) = log_inputs[i](outputs[i]) for every i; no point is the identity."""

    base: Point
    """A, in most uses the generator."""
    key: Point
    """B."""
    inputs: tuple[Point, ...]
    """C, at least one."""
    outputs: tuple[Point, ...]
    """D, as many."""


def prove(secret: int, statement: Statement, context: bytes) -> bytes:
    """Return the 64-byte proof from `secret` (k); a false statement gives a proof that does not verify."""
    return _prove_with(random_scalar(), secret, statement, context)


def verify(proof: bytes, statement: Statement, context: bytes) -> None:
    """Raise ProofInvalid unless `proof` proves `statement` under `context`."""
    if len(proof) != PROOF_BYTES:
        raise ProofInvalid(f"{PROOF_BYTES} bytes")
    try:
        challenge, response = parse_scalar(proof[:SCALAR_BYTES]), parse_scalar(proof[SCALAR_BYTES:])
    except InvalidScalar as error:
        raise ProofInvalid("two scalars") from error
    points = (statement.base, statement.key, *statement.inputs, *statement.outputs)
    if IDENTITY in points or not statement.inputs or len(statement.inputs) != len(statement.outputs):
        raise ProofInvalid("points that are not valid")
    weights = _weights(statement, context)
    left, right = multi_mult(weights, statement.inputs), multi_mult(weights, statement.outputs)
    first = multi_mult((response, challenge), (statement.base, statement.key))
    second = multi_mult((response, challenge), (left, right))
    composites = (left, right, first, second)
    if IDENTITY in composites or _challenge(statement.key, composites, context) != challenge:
        raise ProofInvalid("equal discrete logarithms")


def _prove_with(nonce: int, secret: int, statement: Statement, context: bytes) -> bytes:
    left = multi_mult(_weights(statement, context), statement.inputs)
    composites = (left, mult(secret, left), mult(nonce, statement.base), mult(nonce, left))
    challenge = _challenge(statement.key, composites, context)
    return scalar_bytes(challenge) + scalar_bytes((nonce - challenge * secret) % ORDER)


def _weights(statement: Statement, context: bytes) -> list[int]:
    seed = hashlib.sha256(_sized(encode_point(statement.key)) + _sized(b"Seed-" + context)).digest()
    return [
        hash_to_scalar(
            _sized(seed)
            + number.to_bytes(2, "big")
            + _sized(encode_point(given))
            + _sized(encode_point(made))
            + b"Composite",
            b"HashToScalar-" + context,
        )
        for number, (given, made) in enumerate(zip(statement.inputs, statement.outputs, strict=True))
    ]


def _challenge(key: Point, composites: tuple[Point, Point, Point, Point], context: bytes) -> int:
    transcript = b"".join(_sized(encode_point(point)) for point in (key, *composites)) + b"Challenge"
    return hash_to_scalar(transcript, b"HashToScalar-" + context)


def _sized(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data
