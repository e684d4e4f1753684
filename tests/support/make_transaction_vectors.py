"""Make tests/vectors/transactions.json with eth_account: `python -m tests.support.make_transaction_vectors`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import rlp
from eth_abi import encode
from eth_utils.abi import function_signature_to_4byte_selector

from chain.transactions.keystore import AccountKey

FILE = Path(__file__).parents[1] / "vectors" / "transactions.json"
ABOUT = [
    "Transactions to the key authority, signed by eth_account: `raw` is what signing gives, byte for byte, `account`",
    "belongs to `key`. An approval has a `digest`, a refusal a `reason`. Whole numbers are decimal texts. The keys are",
    "chosen so that r, s or both are shorter than 32 bytes in some cases.",
]
FREE = {"chain_id": 31337, "nonce": 0, "gas": 2**24, "max_fee": 0, "max_priority_fee": 0}
PAID = {"chain_id": 11155111, "nonce": 300, "gas": 90_001, "max_fee": 31 * 10**9, "max_priority_fee": 10**9}
HUGE = {"chain_id": 2**63, "nonce": 2**64 - 2, "gas": 21_000, "max_fee": 2**128, "max_priority_fee": 127}
TO = bytes(range(200, 220))


def drawn(*words: object) -> bytes:
    return hashlib.sha256(repr(words).encode()).digest()


def make_vectors() -> dict[str, Any]:
    cases = [case(f"terms {number}", drawn("key", number), terms) for number, terms in enumerate((FREE, PAID, HUGE))]
    cases.append(case("a refusal", drawn("refuser"), FREE, reason=5))
    cases += [case(f"short {number}", key, PAID) for number, key in enumerate(short_keys())]
    return {"about": ABOUT, "cases": cases}


def case(name: str, key: bytes, terms: dict[str, int], reason: int | None = None) -> dict[str, Any]:
    request, digest = 7, drawn("digest", name)
    answer = {"digest": digest.hex()} if reason is None else {"reason": reason}
    return {
        "name": name,
        "key": key.hex(),
        "account": AccountKey(key).address.hex(),
        "to": TO.hex(),
        "request": str(request),
        **answer,
        **{field: str(value) for field, value in terms.items()},
        "raw": sign(key, terms, call_data(request, digest, reason)).hex(),
    }


def call_data(request: int, digest: bytes, reason: int | None) -> bytes:
    if reason is None:
        selector = function_signature_to_4byte_selector("approveDecryption(uint64,bytes32)")
        return selector + encode(["uint64", "bytes32"], [request, digest])
    return function_signature_to_4byte_selector("refuseDecryption(uint64,uint8)") + encode(
        ["uint64", "uint8"], [request, reason]
    )


def sign(key: bytes, terms: dict[str, int], data: bytes) -> bytes:
    raw, _ = AccountKey(key).sign(
        {
            "chainId": terms["chain_id"],
            "nonce": terms["nonce"],
            "gas": terms["gas"],
            "maxFeePerGas": terms["max_fee"],
            "maxPriorityFeePerGas": terms["max_priority_fee"],
            "to": TO,
            "value": 0,
            "data": data,
        }
    )
    return raw


def short_keys() -> list[bytes]:
    """Return one key whose signature of its case has a short r, and one with a short s."""
    found: list[bytes] = []
    for number, wanted in enumerate((0, 1)):
        digest = drawn("digest", f"short {number}")
        for attempt in range(10_000):
            key = drawn("short", number, attempt)
            ends = signature_lengths(sign(key, PAID, call_data(7, digest, None)))
            if ends[wanted] < 32:
                found.append(key)
                break
    return found


def signature_lengths(raw: bytes) -> tuple[int, int]:
    """Return how many bytes r and s have; they are the last two items behind the type."""
    *_, r, s = rlp.decode(raw[1:])
    return len(r), len(s)


if __name__ == "__main__":
    FILE.write_text(json.dumps(make_vectors(), indent=1) + "\n", encoding="utf-8")
