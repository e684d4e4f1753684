from __future__ import annotations

from dataclasses import replace

import pytest

from fl.crypto.curve import GENERATOR, IDENTITY, ORDER, Point
from fl.crypto.dleq import PROOF_BYTES, Statement, _prove_with, prove, verify
from fl.crypto.group import base_mult, decode_point, mult, random_scalar
from fl.protocol.errors import ProofInvalid

pytestmark = pytest.mark.usefixtures("backend")

# RFC 9497, A.3.2: P256-SHA256, VOPRF mode
RFC_CONTEXT = b"OPRFV1-\x01-P256-SHA256"
RFC_KEY = 0xCA5D94C8807817669A51B196C34C1B7F8442FDE4334A7121AE4736364312FCA6
RFC_PUBLIC = "03e17e70604bcabe198882c0a1f27a92441e774224ed9c702e51dd17038b102462"
BLINDED = (
    "02dd05901038bb31a6fae01828fd8d0e49e35a486b5c5d4b4994013648c01277da",
    "03cd0f033e791c4d79dfa9c6ed750f2ac009ec46cd4195ca6fd3800d1e9b887dbd",
    "03462e9ae64cae5b83ba98a6b360d942266389ac369b923eb3d557213b1922f8ab",
)
EVALUATED = (
    "0209f33cab60cf8fe69239b0afbcfcd261af4c1c5632624f2e9ba29b90ae83e4a2",
    "030d2985865c693bf7af47ba4d3a3813176576383d19aff003ef7b0784a0d83cf1",
    "02bb24f4d838414aef052a8f044a6771230ca69c0a5677540fff738dd31bb69771",
)
VECTORS = [
    (
        (0,),
        0xF9DB001266677F62C095021DB018CD8CBB55941D4073698CE45C405D1348B7B1,
        (
            "e7c2b3c5c954c035949f1f74e6bce2ed539a3be267d1481e9ddb178533df4c26"
            "64f69d065c604a4fd953e100b856ad83804eb3845189babfa5a702090d6fc5fa"
        ),
    ),
    (
        (1,),
        0xF9DB001266677F62C095021DB018CD8CBB55941D4073698CE45C405D1348B7B1,
        (
            "2787d729c57e3d9512d3aa9e8708ad226bc48e0f1750b0767aaff73482c44b8d"
            "2873d74ec88aebd3504961acea16790a05c542d9fbff4fe269a77510db00abab"
        ),
    ),
    (
        (0, 2),
        0x350E8040F828BF6CECA27405420CDF3D63CB3AEF005F40BA51943C8026877963,
        (
            "bdcc351707d02a72ce49511c7db990566d29d6153ad6f8982fad2b435d6ce4d6"
            "0da1e6b3fa740811bde34dd4fe0aa1b5fe6600d0440c9ddee95ea7fad7a60cf2"
        ),
    ),
]


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
