"""Write tests/vectors/batches.json: `python -m tests.support.make_batch_vectors`.

The digests that are signed come from eth_account, and the roots from a plain recursion over RFC 9162, 2.1.1; the code
under test has neither.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from chain.accounts import typed_data
from chain.transactions.eip712 import STEP_FIELDS, TYPES
from chain.transactions.keystore import AccountKey
from fl.protocol.batches import Batch, Step, leaf, opening_file
from fl.protocol.names import Address, Digest
from fl.protocol.records import WideTerms
from fl.protocol.rounds.round import Phase

TARGET = Path(__file__).resolve().parents[1] / "vectors" / "batches.json"
CONSORTIUM, CONTEXT, CONTRACT = bytes([0x21]) * 32, bytes([0x22]) * 32, bytes([0x23]) * 20
CHAIN_ID, ROUND = 31337, 7
BODIES = {Phase.ADVERTISE: 66, Phase.SHARE: 230, Phase.COMPLAIN: 0, Phase.AGREE: 97, Phase.PROPOSED: 64}
"""Phase -> bytes of a body."""
SIZES = (1, 2, 3, 5, 7)


def digest_of(phase: Phase, body: bytes) -> bytes:
    """Return the 32 bytes that are signed, as eth_account makes them."""
    domain = {"name": "Hemaledger", "version": "1", "chainId": CHAIN_ID, "verifyingContract": "0x" + CONTRACT.hex()}
    message = {
        "consortium": CONSORTIUM,
        "round": ROUND,
        "context": CONTEXT,
        "phase": int(phase),
        "body": hashlib.sha256(body).digest(),
    }
    types = {"EIP712Domain": TYPES["EIP712Domain"], "Step": list(STEP_FIELDS)}
    return keccak(typed_data({"types": types, "primaryType": "Step", "domain": domain, "message": message}))


def root_of(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = 1
    while 2 * half < len(leaves):
        half *= 2
    return hashlib.sha256(b"\1" + root_of(leaves[:half]) + root_of(leaves[half:])).digest()


def batch(phase: Phase, size: int, count: int) -> dict[str, Any]:
    keys = sorted((AccountKey(bytes([number + 1]) * 32) for number in range(count)), key=lambda key: key.address)
    bodies = [(bytes([number + 1]) * 300)[:size] for number in range(count)]
    digests = [digest_of(phase, body) for body in bodies]
    signed = zip(keys, bodies, digests, strict=True)
    steps = tuple(Step(key.address, body, key.sign_digest(digest)) for key, body, digest in signed)
    going = frozenset(each.account for place, each in enumerate(steps) if place != 1)
    made = Batch(CONTEXT, phase, steps, going)
    place, path = made.proof(steps[-1].account)
    return {
        "phase": int(phase),
        "steps": [
            {
                "account": each.account.hex(),
                "body": each.body.hex(),
                "signed": digest.hex(),
                "signature": each.signature.hex(),
                "goes_on": each.account in going,
                "digest": each.digest.hex(),
                "leaf": leaf(each, goes_on=each.account in going).hex(),
            }
            for each, digest in zip(steps, digests, strict=True)
        ],
        "file": made.to_bytes().hex(),
        "file_digest": hashlib.sha256(made.to_bytes()).hexdigest(),
        "root": root_of(made.leaves).hex(),
        "proof": {"index": place, "path": [each.hex() for each in path]},
    }


def opening() -> dict[str, Any]:
    roster = tuple(Address(bytes([number]) * 20) for number in (1, 2, 3))
    wide = WideTerms(2, 0, b"\4" + bytes([9]) * 64, (Digest(bytes([5]) * 32),))
    return {"roster": [each.hex() for each in roster], "file": opening_file(roster, wide).hex()}


def vectors() -> dict[str, Any]:
    cases = zip(BODIES.items(), SIZES, strict=True)
    return {
        "consortium": CONSORTIUM.hex(),
        "chain_id": CHAIN_ID,
        "contract": CONTRACT.hex(),
        "round": ROUND,
        "context": CONTEXT.hex(),
        "opening": opening(),
        "batches": [batch(phase, size, count) for (phase, size), count in cases],
    }


if __name__ == "__main__":
    TARGET.write_text(json.dumps(vectors(), indent=1) + "\n", encoding="ascii")
