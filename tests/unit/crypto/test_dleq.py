from __future__ import annotations

from dataclasses import replace

import pytest

from fl.crypto.curve import GENERATOR, IDENTITY, ORDER, Point
from fl.crypto.dleq import PROOF_BYTES, Statement, _prove_with, prove, verify
from fl.crypto.group import base_mult, decode_point, mult, random_scalar
from fl.protocol.errors import ProofInvalid
from tests.support.crypto.rfc9497 import BLINDED, EVALUATED, RFC_CONTEXT, RFC_KEY, RFC_PUBLIC, VECTORS

pytestmark = pytest.mark.usefixtures("backend")


def points(texts: tuple[str, ...], places: tuple[int, ...]) -> tuple[Point, ...]:
    return tuple(decode_point(bytes.fromhex(texts[place])) for place in places)


@pytest.mark.parametrize(("places", "nonce", "proof"), VECTORS)
def test_proofs_are_rfc_9497s(places: tuple[int, ...], nonce: int, proof: str) -> None:
    key = decode_point(bytes.fromhex(RFC_PUBLIC))
    assert key == base_mult(RFC_KEY)
    statement = Statement(GENERATOR, key, points(BLINDED, places), points(EVALUATED, places))
    assert _prove_with(nonce, RFC_KEY, statement, RFC_CONTEXT).hex() == proof
    verify(bytes.fromhex(proof), statement, RFC_CONTEXT)


def true_statement(secret: int, base: Point = GENERATOR, count: int = 1) -> Statement:
    inputs = tuple(base_mult(random_scalar()) for _ in range(count))
    return Statement(base, mult(secret, base), inputs, tuple(mult(secret, each) for each in inputs))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_true_statement_is_proved_over_any_base(count: int) -> None:
    for base in (GENERATOR, base_mult(random_scalar())):
        secret = random_scalar()
        statement = true_statement(secret, base, count)
        verify(prove(secret, statement, b"context"), statement, b"context")


def test_two_proofs_of_one_statement_differ() -> None:
    statement = true_statement(9)
    assert prove(9, statement, b"c") != prove(9, statement, b"c")


def test_a_proof_is_of_its_context_and_its_statement_only() -> None:
    secret = random_scalar()
    statement = true_statement(secret, count=2)
    proof = prove(secret, statement, b"context")
    others = [
        replace(statement, base=base_mult(5)),
        replace(statement, key=base_mult(5)),
        replace(statement, inputs=statement.inputs[::-1]),
        replace(statement, outputs=(statement.outputs[0], base_mult(5))),
        replace(statement, inputs=statement.inputs[:1], outputs=statement.outputs[:1]),
    ]
    for other in others:
        with pytest.raises(ProofInvalid):
            verify(proof, other, b"context")
    with pytest.raises(ProofInvalid):
        verify(proof, statement, b"another context")


def test_a_false_statement_cannot_be_proved_by_the_honest_prover() -> None:
    secret = random_scalar()
    honest = true_statement(secret)
    false = replace(honest, outputs=(base_mult(7),))
    with pytest.raises(ProofInvalid):
        verify(prove(secret, false, b"c"), false, b"c")


@pytest.mark.parametrize("place", range(0, PROOF_BYTES, 7))
def test_a_changed_byte_breaks_a_proof(place: int) -> None:
    statement = true_statement(12345)
    proof = bytearray(prove(12345, statement, b"c"))
    proof[place] ^= 0x10
    with pytest.raises(ProofInvalid):
        verify(bytes(proof), statement, b"c")


def test_a_proof_has_64_bytes_of_two_scalars() -> None:
    statement = true_statement(12345)
    proof = prove(12345, statement, b"c")
    for data in (b"", proof[:-1], proof + b"\x00"):
        with pytest.raises(ProofInvalid, match="64 bytes"):
            verify(data, statement, b"c")
    for data in (ORDER.to_bytes(32, "big") + proof[32:], proof[:32] + b"\xff" * 32):
        with pytest.raises(ProofInvalid, match="two scalars"):
            verify(data, statement, b"c")


def test_statements_without_points_are_refused() -> None:
    statement = true_statement(12345)
    proof = prove(12345, statement, b"c")
    for broken in (
        replace(statement, base=IDENTITY),
        replace(statement, key=IDENTITY),
        replace(statement, inputs=(IDENTITY,), outputs=(IDENTITY,)),
        replace(statement, inputs=(), outputs=()),
        replace(statement, outputs=()),
    ):
        with pytest.raises(ProofInvalid, match="not valid"):
            verify(proof, broken, b"c")
