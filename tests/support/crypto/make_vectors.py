"""Makes tests/vectors/envelope.json: files to open or to refuse, for any implementation of PROTOCOL.md 4.

    python -m tests.support.crypto.make_vectors > tests/vectors/envelope.json

The files are made by reference.py, not by fl/crypto, from fixed keys: running it again gives the same bytes. An
implementation opens `file` with the private key `key` (a scalar), given the header `expected`, the SHA-256 that the
ledger records (`digest`) and the cap in bytes; it must get `plaintext`, or refuse with `error`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict, replace

from tests.support.crypto.reference import Header, Recipe, derive, point, secret, two_faced

ALICE, BOB, CAROL = 11, 22, 33
CAP = 4096
PUBLIC = (point(secret(ALICE)), point(secret(BOB)))
HONEST = Recipe(recipients=PUBLIC)
ABOUT = [
    "Envelopes of PROTOCOL.md 4, made by tests/support/crypto/make_vectors.py from fixed keys. Sealing is random, so",
    "they are to be opened only: open `file` with the P-256 scalar `key`. `expected` is the header and the cap in",
    "bytes that the ledger demands, `digest` the SHA-256 it records (zero: none). The result must be `plaintext`, or",
    "a refusal with exactly the error `error`.",
]


def _headed(**changes: object) -> bytes:
    return replace(HONEST, header=replace(HONEST.header, **changes)).build()  # type: ignore[arg-type]


def _two_faced() -> bytes:
    keys = (b"\x5a" * 32, b"\x99" * 32)
    recipe = Recipe(recipients=PUBLIC, wrapped=keys, body=bytes(48))
    one, two = (derive(key, recipe.header.pack())[0] for key in keys)
    return replace(recipe, body=two_faced((one, two), hashlib.sha256(recipe.prefix).digest())).build()


def _refusals() -> list[tuple[str, bytes, str]]:
    whole = HONEST.build()
    return [
        ("larger than the cap", replace(HONEST, plaintext=bytes(CAP)).build(), "TooLarge"),
        ("empty", b"", "EncodingError"),
        ("another magic", _headed(magic=b"BAFM"), "EncodingError"),
        ("another version", _headed(version=2), "EncodingError"),
        ("another suite", _headed(suite=2), "UnsupportedSuite"),
        ("another sender", _headed(sender=b"\x22" * 20), "WrongSender"),
        ("another round", _headed(round=8), "StaleRound"),
        ("another key epoch", _headed(epoch=2), "KeyEpochMismatch"),
        ("another kind", _headed(kind=2), "WrongContext"),
        ("flags", _headed(flags=1), "WrongContext"),
        ("another consortium", _headed(consortium=bytes(32)), "WrongContext"),
        ("another chain", _headed(chain=1), "WrongContext"),
        ("another contract", _headed(contract=bytes(20)), "WrongContext"),
        ("another sequence number", _headed(seq=1), "WrongContext"),
        ("another context", _headed(context=bytes(32)), "WrongContext"),
        ("sender before round", _headed(sender=b"\x22" * 20, round=8), "WrongSender"),
        ("no recipients", replace(HONEST, count=0).build(), "EncodingError"),
        ("cut", whole[:-1], "EncodingError"),
        ("a byte too many", whole + b"\0", "EncodingError"),
        ("changed wrap", whole[:250] + bytes([whole[250] ^ 1]) + whole[251:], "AuthFailure"),
        ("changed commitment", whole[:150] + bytes([whole[150] ^ 1]) + whole[151:], "AuthFailure"),
        ("wrap of the other recipient changed", whole[:400] + bytes([whole[400] ^ 1]) + whole[401:], "AuthFailure"),
        ("changed body", whole[:-1] + bytes([whole[-1] ^ 1]), "AuthFailure"),
    ]


def _case(
    name: str, file: bytes, outcome: dict[str, str], key: int = ALICE, digest: bytes | None = None
) -> dict[str, str]:
    recorded = hashlib.sha256(file).digest() if digest is None else digest
    return {"name": name, "file": file.hex(), "digest": recorded.hex(), "key": f"{key:064x}", **outcome}


def make_vectors() -> str:
    """Return the file's text."""
    whole, faces = HONEST.build(), _two_faced()
    one, two = {"plaintext": HONEST.plaintext.hex()}, {"plaintext": ""}
    empty = replace(HONEST, plaintext=b"").build()
    cases = [
        _case("first recipient", whole, one),
        _case("second recipient", whole, one, BOB),
        _case("empty body", empty, two),
        _case("not recorded", whole, {"error": "NotOnChain"}, digest=bytes(32)),
        _case("another file recorded", whole, {"error": "HashMismatch"}, digest=b"\x07" * 32),
        _case("no recipient", whole, {"error": "RecipientNotFound"}, CAROL),
        *(_case(name, file, {"error": error}) for name, file, error in _refusals()),
        _case("two contents, the other reader", faces, {"error": "KeyCommitMismatch"}, BOB),
    ]
    header = {name: value.hex() if isinstance(value, bytes) else value for name, value in asdict(Header()).items()}
    expected = {name: header[name] for name in header if name not in ("magic", "version", "suite", "flags")}
    document = {"about": ABOUT, "expected": {**expected, "cap": CAP}, "cases": cases}
    return json.dumps(document, indent=1) + "\n"


if __name__ == "__main__":
    sys.stdout.write(make_vectors())
