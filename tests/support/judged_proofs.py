"""Good and broken proofs for verifiers to agree on: those of others, and ours in Python and in the browser."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from fl.proofs.verify import verify
from fl.protocol.errors import HemaledgerError
from fl.protocol.tlog.notes import decode64, encode64
from fl.protocol.tlog.proof_file import ProofFile
from fl.protocol.tlog.trust import Trust
from tests.support.proof_world import FACTS, KINDS, ProofWorld

GOOD, BROKEN = 200, 20
BREAKS = ("entry", "index", "node", "longer", "shorter", "size", "root", "log", "cosignature", "few")


@dataclass(frozen=True)
class Case:
    """A proof's standard part, the entry, and whose signatures count: all witnesses must cosign."""

    entry: bytes
    standard: bytes
    trust: Trust

    @property
    def quorum(self) -> int:
        return len(self.trust.policy.witnesses)


def whole(case: Case, good: ProofFile) -> bytes:
    """Return the standard part with the extra part of the good proof, sealed again."""
    first, _, rest = case.standard.partition(b"\n")
    extra = good.extra.encoded()
    entry = len(good.extra.entry)
    start = extra.index(good.extra.entry)
    extra = extra[:start] + case.entry + extra[start + entry :]
    seal = sha256(extra + case.standard).digest()
    return first + b"\nextra " + encode64(extra + seal).encode() + b"\n" + rest


def ours(case: Case, good: ProofFile) -> bool:
    """Return whether our verifier accepts a case."""
    try:
        verify(whole(case, good), case.trust, FACTS)
    except HemaledgerError:
        return False
    return True


def broken(kind: str, case: Case, draw: random.Random) -> Case:
    """Return the case with one thing wrong."""
    head, _, note = case.standard.decode().partition("\n\n")
    text, _, signatures = note.rpartition("\n\n")
    first, body, lines, entry = head.split("\n"), text.split("\n"), signatures[:-1].split("\n"), case.entry
    match kind:
        case "entry":
            entry = entry[:-1] + bytes([entry[-1] ^ 1])
        case "index":
            first[1] = f"index {int(first[1][6:]) + draw.choice((1, 64, 100_000))}"
        case "node":
            place = draw.randrange(2, len(first))
            first[place] = changed(first[place], 0, draw)
        case "longer":
            first.append(encode64(bytes(32)))
        case "shorter":
            first.pop()
        case "size":
            body[1] = str(2 * int(body[1]))
        case "root":
            body[2] = changed(body[2], 0, draw)
        case "log" | "cosignature":
            place = 0 if kind == "log" else draw.randrange(1, len(lines))
            words = lines[place].split(" ")
            lines[place] = " ".join([*words[:2], changed(words[2], 4, draw)])
        case "few":
            del lines[draw.randrange(1, len(lines))]
    data = "\n".join(first) + "\n\n" + "\n".join(body) + "\n\n" + "\n".join(lines) + "\n"
    return Case(entry, data.encode(), case.trust)


def changed(text: str, first: int, draw: random.Random) -> str:
    raw = bytearray(base64.b64decode(text))
    raw[draw.randrange(first, len(raw))] ^= 1 << draw.randrange(8)
    return encode64(bytes(raw))


def drawn(count: int) -> Iterator[tuple[Case, ProofFile]]:
    draw = random.Random(15)  # noqa: S311 - the same proofs each time
    for place in range(count):
        witnesses = draw.randrange(1, 8)
        world = ProofWorld(
            place, draw.choice((2, 3, 7, 64, 500)) + place % 5, witnesses, witnesses, KINDS[place % 4], bound=False
        )
        proof = world.proof()
        yield Case(proof.extra.entry, proof.standard(), world.trust), proof


def flipped(data: bytes, bits: range) -> Iterator[tuple[int, bytes]]:
    for bit in bits:
        changed = bytearray(data)
        changed[bit >> 3] ^= 1 << (bit & 7)
        yield bit >> 3, bytes(changed)


def resealed(data: bytes) -> bytes:
    """Return a proof with the seal that its other bytes need."""
    first, extra, rest = data.split(b"\n", 2)
    raw = decode64(extra.removeprefix(b"extra ").decode(), "proof")[:-32]
    seal = sha256(raw + first + b"\n" + rest).digest()
    return first + b"\nextra " + encode64(raw + seal).encode() + b"\n" + rest


def with_extra(data: bytes, raw: bytes) -> bytes:
    first, _, rest = data.split(b"\n", 2)
    return resealed(first + b"\nextra " + encode64(raw + bytes(32)).encode() + b"\n" + rest)
