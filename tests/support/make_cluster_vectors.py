"""Write tests/vectors/clusters.json: `python -m tests.support.make_cluster_vectors`.

Everything is made from the text of PROTOCOL.md 5W.5 with hashlib alone; the code under test made none of it.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parents[1] / "vectors" / "clusters.json"
CONTEXT, CONSORTIUM, CONTRACT = bytes([0x31]) * 32, bytes([0x32]) * 32, bytes([0x33]) * 20
CHAIN_ID, ROUND = 31337, 7
SHAPES = [(7, 2, 2), (12, 3, 2), (14, 4, 1), (14, 4, 3), (23, 5, 4)]
"""Hospitals, clusters, partners in the next cluster."""


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def u16(number: int) -> bytes:
    return number.to_bytes(2, "big")


def root_of(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return sha256(b"\0", leaves[0])
    half = 1
    while 2 * half < len(leaves):
        half *= 2
    return sha256(b"\1", root_of(leaves[:half]), root_of(leaves[half:]))


def split(hospitals: int, count: int, across: int) -> dict[str, Any]:
    roster = sorted(sha256(b"hospital", u16(number))[:20] for number in range(hospitals))
    seed = sha256(b"BAFL/1/clusters", CONTEXT)
    ring = sorted(roster, key=lambda account: sha256(seed, account))
    parts = [ring[g * hospitals // count : (g + 1) * hospitals // count] for g in range(count)]
    largest = -(-hospitals // count)
    pairs = [
        (one, other)
        for g in range(count)
        for p, one in enumerate(parts[g])
        for q, other in enumerate(parts[(g + 1) % count])
        if (q - p) % largest < across
    ]
    partners = {one: sorted({b for a, b in pairs if a == one} | {a for a, b in pairs if b == one}) for one in roster}
    return {
        "roster": [each.hex() for each in roster],
        "across": across,
        "seed": seed.hex(),
        "clusters": [[each.hex() for each in part] for part in parts],
        "partners": {one.hex(): [each.hex() for each in those] for one, those in partners.items()},
    }


def opening() -> dict[str, Any]:
    roster = [bytes([number]) * 20 for number in range(1, 7)]
    key, files = b"\4" + bytes([9]) * 64, [bytes([5]) * 32]
    terms = {"count": 2, "fewest": 2, "across": 1}
    data = b"BAFL/1/opening2" + u16(len(roster)) + b"".join(roster) + key + u16(len(files)) + b"".join(files)
    data += u16(terms["count"]) + u16(terms["fewest"]) + u16(terms["across"])
    return {"roster": [each.hex() for each in roster], "clusters": terms, "file": data.hex()}


def index() -> dict[str, Any]:
    phase, files = 3, [(4, 4, bytes([1]) * 32, bytes([2]) * 32), (4, 3, bytes([3]) * 32, bytes([4]) * 32)]
    files.append((5, 5, bytes([5]) * 32, bytes([6]) * 32))
    data = b"BAFL/1/clusters" + CONTEXT + bytes([phase]) + u16(len(files))
    data += b"".join(u16(count) + u16(going) + root + digest for count, going, root, digest in files)
    return {
        "phase": phase,
        "files": [
            {"count": count, "going": going, "root": root.hex(), "digest": digest.hex()}
            for count, going, root, digest in files
        ],
        "file": data.hex(),
        "digest": sha256(data).hex(),
        "count": 13,
        "going": 12,
        "root": root_of([root for _, _, root, _ in files]).hex(),
    }


def digests() -> dict[str, Any]:
    roots = {"2": bytes([0x41]) * 32, "3": bytes([0x42]) * 32, "4": bytes([0x43]) * 32, "5": bytes([0x44]) * 32}
    mask_context = sha256(b"BAFL/1/set5", CONTEXT, roots["2"], roots["3"], roots["4"])
    numbers = CHAIN_ID.to_bytes(8, "big") + CONTRACT + ROUND.to_bytes(8, "big")
    return {
        "roots": {phase: root.hex() for phase, root in roots.items()},
        "mask_context": mask_context.hex(),
        "set_digest": sha256(b"BAFL/1/set6", CONSORTIUM, numbers, roots["5"]).hex(),
    }


def vectors() -> dict[str, Any]:
    return {
        "consortium": CONSORTIUM.hex(),
        "chain_id": CHAIN_ID,
        "contract": CONTRACT.hex(),
        "round": ROUND,
        "context": CONTEXT.hex(),
        "rosters": [split(*shape) for shape in SHAPES],
        "opening": opening(),
        "index": index(),
        **digests(),
    }


if __name__ == "__main__":
    TARGET.write_text(json.dumps(vectors(), indent=1) + "\n", encoding="ascii")
