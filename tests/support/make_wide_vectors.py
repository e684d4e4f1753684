"""Write tests/vectors/group_key.json and sample.json: `python -m tests.support.make_wide_vectors`.

Contexts, seeds and draws come from hashlib and a plain sort; the code under test makes the sealed files alone, and what
is in them is in the vectors.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from fl.crypto.envelope import seal
from fl.crypto.envelope_form import Core, Kind
from fl.crypto.hpke_keys import PrivateKey
from fl.protocol.names import Address
from fl.protocol.ports import Anchor

FOLDER = Path(__file__).resolve().parents[1] / "vectors"
SIZES = ((3, 2), (7, 3), (30, 12), (100, 28), (5, 9))
"""Hospitals of the frozen set, and how many are drawn."""
ANCHOR = Anchor(bytes([0x31]) * 32, 31337, Address(bytes([0x32]) * 20), Address(bytes([0x33]) * 20))
SENDER, ROUND, EPOCH, MODEL = Address(bytes([0x34]) * 20), 7, 2, bytes([0x35]) * 32
READERS, PER_FILE = 5, 3


def digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def key_of(number: int) -> tuple[int, PrivateKey]:
    secret = int.from_bytes(digest(b"reader", bytes([number]))) >> 1
    return secret, PrivateKey(1, ec.derive_private_key(secret, ec.SECP256R1()))


def sample(hospitals: int, count: int) -> dict[str, Any]:
    context, chosen, block = (digest(label, bytes([hospitals])) for label in (b"context", b"set", b"block"))
    accounts = sorted(digest(b"hospital", bytes([number]))[:20] for number in range(hospitals))
    seed = digest(b"BAFL/1/sample", context, chosen, block)
    drawn = sorted(accounts, key=lambda account: digest(seed, account))[:count]
    return {
        "context": context.hex(),
        "set": chosen.hex(),
        "block": block.hex(),
        "replayers": count,
        "hospitals": [each.hex() for each in accounts],
        "seed": seed.hex(),
        "drawn": [each.hex() for each in drawn],
    }


def group_key() -> dict[str, Any]:
    secret, group = key_of(0)
    readers = sorted((key_of(number) for number in range(1, READERS + 1)), key=lambda each: each[1].member_key.key_id)
    context = digest(b"BAFL/1/groupkey", MODEL, group.public_key)
    plaintext = secret.to_bytes(32, "big")
    parts = [readers[start : start + PER_FILE] for start in range(0, READERS, PER_FILE)]
    files = []
    for seq, part in enumerate(parts):
        core = Core(Kind.GROUP, ANCHOR, SENDER, ROUND, EPOCH, context, seq)
        file = bytes(seal(core, [key.member_key for _, key in part], plaintext))
        readers_of = [{"secret": f"{each:064x}", "keyId": key.member_key.key_id.hex()} for each, key in part]
        files.append({"seq": seq, "readers": readers_of, "file": file.hex(), "digest": digest(file).hex()})
    return {
        "consortium": ANCHOR.consortium.hex(),
        "chainId": ANCHOR.chain_id,
        "contract": ANCHOR.contract.hex(),
        "sender": SENDER.hex(),
        "round": ROUND,
        "epoch": EPOCH,
        "kind": int(Kind.GROUP),
        "previousModel": MODEL.hex(),
        "groupKey": group.public_key.hex(),
        "secret": plaintext.hex(),
        "context": context.hex(),
        "files": files,
    }


def main() -> None:
    for name, vectors in (("sample", [sample(*size) for size in SIZES]), ("group_key", group_key())):
        (FOLDER / f"{name}.json").write_text(json.dumps(vectors, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
