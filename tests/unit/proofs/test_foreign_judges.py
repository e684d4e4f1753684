"""Verifiers that others wrote agree with ours on 200 good proofs and on 200 broken ones.

The only code of ours on their side splits the file into its parts. `metamorphic-log` reads no cosignatures; `aics-tlog`
needs Python 3.12 and is a judge where it is installed.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import logging
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import metamorphic_log
import pytest
from tlog_scales import signing, tiles, tlog

from fl.proofs.verify import verify
from fl.protocol.errors import HemaledgerError, ProofMalformed
from fl.protocol.tlog.notes import encode64
from fl.protocol.tlog.proof_file import ProofFile, parse_proof
from fl.protocol.tlog.trust import Trust
from tests.support.proof_world import FACTS, KINDS, ProofWorld

GOOD, BROKEN = 200, 20
BREAKS = ("entry", "index", "node", "longer", "shorter", "size", "root", "log", "cosignature", "few")
WITHOUT_COSIGNATURES = ("cosignature", "few")
logging.getLogger("tlog_scales").setLevel(logging.CRITICAL)


@dataclass(frozen=True)
class Case:
    """A proof's standard part, the entry, and whose signatures count: all witnesses must cosign."""

    entry: bytes
    standard: bytes
    trust: Trust

    @property
    def quorum(self) -> int:
        return len(self.trust.policy.witnesses)


def split(data: bytes) -> tuple[int, list[bytes], str]:
    """Return index, path and note of a proof: what every verifier of this form must do."""
    lines = data.decode().split("\n")
    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1].startswith("index ")
    end = lines.index("")
    hashes = [base64.b64decode(line, validate=True) for line in lines[2:end]]
    return int(lines[1][6:]), hashes, "\n".join(lines[end + 1 :])


def scales(case: Case) -> None:
    index, hashes, note = split(case.standard)
    checkpoint = tlog.Checkpoint.from_text(note)
    checkpoint.verify(signing.Vkey.from_string(case.trust.policy.logs[0].text()))
    witnesses = [signing.Vkey.from_string(key.text()) for key in case.trust.policy.witnesses.values()]
    good = signing.VkeySet(*witnesses).verify(checkpoint.signatures, checkpoint)
    assert len(good) >= case.quorum
    tlog.InclusionProof(index, checkpoint.size, hashes).check(tiles.leaf_hash(case.entry), checkpoint.root_hash)


def metamorphic(case: Case) -> None:
    index, hashes, note = split(case.standard)
    leaf = hashlib.sha256(b"\0" + case.entry).digest()
    metamorphic_log.checkpoint_verify_inclusion(note, [case.trust.policy.logs[0].text()], index, leaf, hashes)


def aics(case: Case) -> None:
    module: Any = importlib.import_module("aics_tlog")
    index, hashes, note = split(case.standard)
    log = module.parse_vkey(case.trust.policy.logs[0].text())
    witnesses = [module.parse_vkey(key.text()) for key in case.trust.policy.witnesses.values()]
    found = module.verify_checkpoint(
        module.parse_note(note), log, witnesses, quorum=case.quorum, expected_origin=case.trust.origin
    )
    assert found.ok, found.error
    assert module.verify_leaf_inclusion(case.entry, index, found.size, hashes, found.root)


def accepts(judge: Callable[[Case], None], case: Case) -> bool:
    try:
        judge(case)
    except Exception:  # noqa: BLE001 - a foreign program refuses in its own way
        return False
    return True


def ours(case: Case, good: ProofFile) -> bool:
    """Return whether our verifier accepts the standard part with the extra part of the good proof, sealed again."""
    first, _, rest = case.standard.partition(b"\n")
    extra = good.extra.encoded()
    entry = len(good.extra.entry)
    start = extra.index(good.extra.entry)
    extra = extra[:start] + case.entry + extra[start + entry :]
    seal = hashlib.sha256(extra + case.standard).digest()
    data = first + b"\nextra " + encode64(extra + seal).encode() + b"\n" + rest
    try:
        verify(data, case.trust, FACTS)
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


def judges() -> list[Callable[[Case], None]]:
    found: list[Callable[[Case], None]] = [scales, metamorphic]
    return [*found, aics] if importlib.util.find_spec("aics_tlog") else found


def test_others_accept_two_hundred_proofs() -> None:
    for case, proof in drawn(GOOD):
        assert ours(case, proof)
        for judge in judges():
            judge(case)


@pytest.mark.parametrize("kind", BREAKS)
def test_others_refuse_what_we_refuse(kind: str) -> None:
    draw = random.Random(kind)  # noqa: S311 - the same breaks each time
    for case, proof in drawn(BROKEN):
        wrong = broken(kind, case, draw)
        assert not ours(wrong, proof)
        for judge in judges():
            assert accepts(judge, wrong) == (judge is metamorphic and kind in WITHOUT_COSIGNATURES), judge


def test_aics_tlog_is_a_judge() -> None:
    pytest.importorskip("aics_tlog", reason="aics-tlog needs Python 3.12")


def test_what_is_refused_by_form_alone_is_named() -> None:
    case, proof = next(drawn(1))
    with pytest.raises(ProofMalformed, match="does not begin with"):
        parse_proof(b"c2sp.org/tlog-proof@v2\n" + case.standard)
    with pytest.raises(ProofMalformed, match="no line `extra`"):
        parse_proof(case.standard)
    with pytest.raises(ProofMalformed, match="more than"):
        parse_proof(proof.encoded() + bytes(70_000))
