"""Makes tests/vectors/threshold.json: threshold keys for any implementation of PROTOCOL.md 9.

    python -m tests.support.crypto.make_threshold_vectors > tests/vectors/threshold.json

Everything is made by threshold_reference.py, not by fl/crypto, from fixed secrets: running it again gives the same
bytes.
"""

from __future__ import annotations

import json
import sys

from tests.support.crypto.capsule_vectors import (
    ACCOUNTS,
    ASKED,
    AUTHORITY,
    CEK,
    CORE,
    KEY,
    PLAINTEXT,
    POLICY,
    PUBLIC,
    READERS,
    RECORD,
    SHARES,
    Case,
    asked,
    capsules,
)
from tests.support.crypto.lockbox_vectors import lockboxes
from tests.support.crypto.masked_round import G, N, plus, sec1, times
from tests.support.crypto.reference import key_id
from tests.support.crypto.threshold_reference import (
    SECOND,
    Claim,
    at_zero,
    core_of,
    dleq,
    envelope,
    hash_to_scalar,
    label_of,
    number,
    partial,
    partial_context,
    scalar,
    some,
    threshold_key_id,
)

ABOUT = [
    "Threshold keys of PROTOCOL.md 9, by tests/support/crypto/make_threshold_vectors.py, which shares no code with",
    "fl/. Bytes, points and scalars are hexadecimal. `nonce` is the random scalar of a proof, `r` that of an",
    "encapsulation; with them an implementation must give the same bytes. Envelopes are sealed with the content key",
    "`cek` and HPKE ephemeral keys that are the scalars 1000, 1001...; without those they can be opened with `keys`.",
    "",
    "capsules: parse `capsule`, check it for the request `asked` under the key `key`, or refuse with exactly `error`.",
    "partials: verify `body` of `trustee` for the request `asked` of the ciphertext of `record`, or refuse.",
    "lockboxes: open `file` (a text) with `password`, or refuse.",
]


# --- Partial decryptions ---------------------------------------------------------------------------------------


def _partial(index: int, request: Case = ASKED, share: int | None = None) -> bytes:
    context = _context(index, request)
    own = SHARES[index - 1] if share is None else share
    return partial(own, scalar(f"nonce of {index}"), RECORD.u, context)


def _context(index: int, request: Case) -> bytes:
    label = bytes.fromhex(request["label"])
    return partial_context(label, request["number"], request["use"], request["epoch"], index)


def partials() -> list[Case]:
    honest = [
        {
            "name": f"trustee {index}",
            "trustee": ACCOUNTS[index - 1].hex(),
            "asked": ASKED,
            "share": number(SHARES[index - 1]).hex(),
            "nonce": number(scalar(f"nonce of {index}")).hex(),
            "context": _context(index, ASKED).hex(),
            "body": _partial(index).hex(),
        }
        for index in range(1, 5)
    ]
    right = _partial(1)
    wrong: list[tuple[str, bytes, bytes]] = [
        ("of another request", ACCOUNTS[0], _partial(1, {**ASKED, "number": 40})),
        ("of another epoch", ACCOUNTS[0], _partial(1, {**ASKED, "epoch": 1})),
        ("of another use", ACCOUNTS[0], _partial(1, {**ASKED, "use": 2})),
        ("of another label", ACCOUNTS[0], _partial(1, asked(bytes(32)))),
        ("of another trustee", ACCOUNTS[1], right),
        ("of another index", ACCOUNTS[0], partial(SHARES[0], 5, RECORD.u, _context(2, ASKED))),
        ("with an old share", ACCOUNTS[0], _partial(1, share=scalar("an old share"))),
        ("of somebody without a share", b"\x99" * 20, right),
        ("with another point", ACCOUNTS[0], sec1(plus(times(SHARES[0], RECORD.u), G)) + right[33:]),
        ("with a changed proof", ACCOUNTS[0], right[:-1] + bytes([right[-1] ^ 1])),
        ("with c = n", ACCOUNTS[0], right[:33] + number(N) + right[65:]),
        ("of the identity", ACCOUNTS[0], bytes(33) + right[33:]),
        ("a byte too many", ACCOUNTS[0], right + b"\0"),
        ("a byte too few", ACCOUNTS[0], right[:-1]),
        ("nothing", ACCOUNTS[0], b""),
    ]
    return honest + [
        {"name": name, "trustee": who.hex(), "asked": ASKED, "body": body.hex(), "error": "PartialInvalid"}
        for name, who, body in wrong
    ]


def partial_envelope() -> Case:
    core = core_of(kind=6, contract=AUTHORITY, sender=ACCOUNTS[1], round=41, epoch=5, seq=0, context=_context(2, ASKED))
    body = _partial(2)
    return {
        "core": core.hex(),
        "cek": CEK.hex(),
        "readers": [each.hex() for each in PUBLIC],
        "keys": [number(each).hex() for each in READERS],
        "body": body.hex(),
        "file": envelope(core, PUBLIC, None, (CEK, body)).hex(),
    }


# --- The whole -------------------------------------------------------------------------------------------------


def hashes() -> list[Case]:
    cases = [(b"", b"BAFL/1/dkg"), (b"abc", b"HashToScalar-BAFL/1/tdh2"), (some("long", 300), bytes(range(1, 90)))]
    return [
        {"message": message.hex(), "tag": tag.hex(), "scalar": number(hash_to_scalar(message, tag)).hex()}
        for message, tag in cases
    ]


def proofs() -> list[Case]:
    cases = []
    for name, base in (("over the generator", G), ("over another base", SECOND)):
        k, nonce, given = scalar(name), scalar(f"nonce {name}"), times(scalar(f"given {name}"))
        claim, context = Claim(base, times(k, base), given, times(k, given)), name.encode()
        points = {"base": claim.base, "key": claim.key, "input": claim.given, "output": claim.made}
        cases.append(
            {
                "name": name,
                "secret": number(k).hex(),
                "nonce": number(nonce).hex(),
                **{part: sec1(each).hex() for part, each in points.items()},
                "context": context.hex(),
                "proof": dleq(k, nonce, claim, context).hex(),
            }
        )
    return cases


def record() -> Case:
    return {
        "core": CORE.hex(),
        "label": label_of(CORE).hex(),
        "policy": POLICY.hex(),
        "r": number(RECORD.r).hex(),
        "nonce": number(RECORD.nonce).hex(),
        "ciphertext": RECORD.ciphertext.hex(),
        "shared": RECORD.shared.hex(),
        "cek": CEK.hex(),
        "plaintext": PLAINTEXT.hex(),
        "readers": [PUBLIC[0].hex()],
        "keys": [number(READERS[0]).hex()],
        "file": envelope(CORE, PUBLIC[:1], RECORD, (CEK, PLAINTEXT)).hex(),
        "capsule": RECORD.capsule(POLICY).hex(),
    }


def combined() -> Case:
    indices = [1, 3, 4]
    return {
        "indices": indices,
        "weights": [number(each).hex() for each in at_zero(indices)],
        "secret": sec1(times(RECORD.r, KEY)).hex(),
    }


def example() -> Case:
    """Return the document."""
    trustees = [
        {"index": index, "account": who.hex(), "share": number(share).hex(), "public": sec1(times(share)).hex()}
        for index, (who, share) in enumerate(zip(ACCOUNTS, SHARES, strict=True), start=1)
    ]
    key = {
        "threshold": 3,
        "public": sec1(KEY).hex(),
        "key_id": threshold_key_id(KEY).hex(),
        "member_key_ids": [key_id(each).hex() for each in PUBLIC],
    }
    return {
        "about": ABOUT,
        "second_generator": sec1(SECOND).hex(),
        "hash_to_scalar": hashes(),
        "dleq": proofs(),
        "key": key,
        "trustees": trustees,
        "record": record(),
        "capsules": capsules(),
        "partials": partials(),
        "combined": combined(),
        "partial_envelope": partial_envelope(),
        "lockboxes": lockboxes(),
    }


def make_vectors() -> str:
    """Return the file's text."""
    return json.dumps(example(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(make_vectors())
