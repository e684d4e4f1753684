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
from collections.abc import Callable
from typing import Any

import metamorphic_log
import pytest
from tlog_scales import signing, tiles, tlog

from fl.protocol.errors import ProofMalformed
from fl.protocol.tlog.proof_file import parse_proof
from tests.support.judged_proofs import BREAKS, BROKEN, GOOD, Case, broken, drawn, ours

WITHOUT_COSIGNATURES = ("cosignature", "few")
logging.getLogger("tlog_scales").setLevel(logging.CRITICAL)


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
