"""The proof in a receipt, made by a site over a real chain, and checked in a process without chain or site."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from chain.embedded.chain import DevChain, DevChainSettings
from fl.protocol.codec import JsonValue, sha256
from fl.protocol.merkle import inclusion_path, root_of
from fl.protocol.names import Digest, show
from fl.protocol.records import RecordsAnchored
from fl.protocol.tlog.extra import InnerLeaf, InnerLine
from fl.protocol.tlog.extra import Path as TreePath
from fl.replay.ledger_view import LedgerView
from scripts.cli import main
from scripts.demo.together import found_together
from scripts.server.proofs import LogProofs
from scripts.wiring.home import Home
from scripts.wiring.roles import chain_ledger, load_account, open_ledger
from tests.support.browser_verifier import HOLDS, File, in_browser
from webui.ports.proofs import Reach
from webui.ports.records import Anchored
from webui.usecases.line_proofs import FORMAT, place_document
from webui.usecases.receipts import leaf_of

PROJECT = Path(__file__).resolve().parents[2]
T0 = 1_800_000_000
SALT = bytes(range(32))
LINE = b'hemaledger-access-line-1\n[7,1800000000,3,"doctor","opened","record.check","record=05ab","","Dr Ada","00ff"]'
LINES = [sha256(LINE), sha256(b"another")]
BATCH = f'hemaledger-access-batch-1\n[1,7,8,2,"{root_of(LINES).hex()}"]'.encode()
LEAVES = [Digest(bytes([number]) * 32) for number in range(1, 5)] + [sha256(BATCH)]
INNER = InnerLeaf(LEAVES[3], TreePath(3, 5, inclusion_path(LEAVES, 3)))


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    found = Home(tmp_path / "run")
    with DevChain(DevChainSettings(PROJECT, tmp_path / "chain", lambda: T0, port=0)) as chain:
        found_together(found, chain.url, ("alpha", "beta"))
        yield found


def hemaledger(home: Home, *words: str) -> str:
    result = CliRunner().invoke(main, [*words, "--home", str(home.folder)])
    assert result.exit_code == 0, result.output
    return result.output


def anchor(home: Home, batch: int, leaves: Sequence[Digest] = LEAVES) -> Anchored:
    alpha = home.member("alpha")
    ledger = chain_ledger(home, alpha, load_account(alpha))
    root = root_of(leaves)
    entry = ledger.append(RecordsAnchored(ledger.account, batch, root)).entry
    return Anchored(batch, root, entry.position.block, entry.transaction, entry.timestamp)


def receipt_at(home: Home, found: Anchored, core: dict[str, JsonValue], proof: str) -> bytes:
    """Return a receipt alone under its root, with what a site writes about its place (webui/usecases/anchoring.py)."""
    where = open_ledger(home).anchor
    ledger: dict[str, JsonValue] = {
        "consortium": show(where.consortium),
        "chain_id": where.chain_id,
        "key_authority": show(where.authority),
        "hospital": core["hospital"],
        "batch": found.batch,
        "root": show(found.root),
        "block": found.block,
        "transaction": show(found.transaction),
        "index": 0,
        "size": 1,
        "path": [],
    }
    leaf, told = show(leaf_of(core, SALT)), {"state": "there", "tlog_proof": proof}
    document = {"format": "hemaledger-receipt-2", "core": core, "salt": show(SALT), "leaf": leaf, "ledger": ledger}
    return json.dumps({**document, "proof": told, "software": "hemaledger", "issued_at": T0}).encode()


def test_a_receipt_gets_its_proof_when_enough_witnesses_signed_and_anybody_checks_it(
    home: Home, tmp_path: Path
) -> None:
    account = load_account(home.member("alpha")).address
    view = LedgerView(open_ledger(home))
    proofs = LogProofs(home, account, view.refresh)
    anchor(home, 1)
    core: dict[str, JsonValue] = {"hospital": show(account), "checked_at": T0}
    leaf = leaf_of(core, SALT)
    second = anchor(home, 2, [leaf])
    assert proofs.of_root(1, INNER) is None, "no checkpoint"
    witnesses = ("alpha", "beta", "auditor")
    hemaledger(home, "log", "init")
    for name in witnesses:
        hemaledger(home, "witness", "init", "--name", name)
    hemaledger(home, "log", "checkpoint")
    assert proofs.of_root(1, INNER) is None, "no witness"
    for name in witnesses:
        hemaledger(home, "witness", "cosign", "--name", name)
    text = proofs.of_root(1, INNER)
    assert text is not None
    assert (proofs.reach(), len(proofs.trust_code())) == (Reach(root=2), 20)
    hemaledger(home, "log", "trust", "--out", str(tmp_path / "trust.json"))
    assert proofs.trust_file() == (tmp_path / "trust.json").read_bytes(), "everybody has the same one"
    key = proofs.of_key()
    assert key is not None
    anchor(home, 3)
    assert proofs.of_root(3, INNER) is None, "the checkpoint is older than this root"
    hemaledger(home, "log", "trust", "--out", str(tmp_path / "trust.json"))
    (tmp_path / "good.tlog-proof").write_text(text)
    (tmp_path / "bad.tlog-proof").write_text(text.replace("extra ", "extra A", 1))
    assert "alpha" in verified(tmp_path, "good.tlog-proof", 0)
    verified(tmp_path, "bad.tlog-proof", 65)
    proof = proofs.of_root(2, InnerLeaf(leaf, TreePath(0, 1, ())))
    assert proof is not None
    receipt, trust = receipt_at(home, second, core, proof), (tmp_path / "trust.json").read_bytes()
    (tmp_path / "receipt.json").write_bytes(receipt)
    assert "the receipt is unchanged, and its proof holds" in verified(tmp_path, "receipt.json", 0)
    files = [File(text.encode(), trust), File(key.encode(), trust), File(receipt, trust, "receipt")]
    assert in_browser(files) == [HOLDS] * 3, "blocks and transactions of a real chain, in the browser's verifier"


def test_a_line_of_a_patients_list_is_proven_by_command(home: Home, tmp_path: Path) -> None:
    anchor(home, 1)
    hemaledger(home, "log", "init")
    for name in ("alpha", "beta"):
        hemaledger(home, "witness", "init", "--name", name)
    hemaledger(home, "witness", "init", "--name", "auditor")
    hemaledger(home, "log", "checkpoint")
    for name in ("alpha", "beta", "auditor"):
        hemaledger(home, "witness", "cosign", "--name", name)
    inner = InnerLine(LINE, TreePath(0, 2, inclusion_path(LINES, 0)), BATCH, TreePath(4, 5, inclusion_path(LEAVES, 4)))
    account = load_account(home.member("alpha")).address
    place = {"hospital": show(account), "batch": 1, **place_document(inner)}
    listed = tmp_path / "accesses.json"
    listed.write_text(json.dumps({"format": FORMAT, "accesses": [{"place": None}, {"place": place}]}))
    out = str(tmp_path / "line.tlog-proof")
    hemaledger(home, "prove", "access", str(listed), "--line", "2", "--out", out)
    hemaledger(home, "log", "trust", "--out", str(tmp_path / "trust.json"))
    said = verified(tmp_path, "line.tlog-proof", 0)
    assert "Dr Ada (doctor, account 3 of this hospital) opened record.check, record=05ab" in said
    result = CliRunner().invoke(
        main, ["prove", "access", str(listed), "--line", "1", "--out", out, "--home", str(home.folder)]
    )
    assert "line 1 is not on the ledger" in result.output


def verified(folder: Path, name: str, code: int) -> str:
    """Run `hemaledger verify` with two files and nothing else."""
    line = [sys.executable, "-m", "scripts.cli", "verify", name, "--trust", "trust.json"]
    environment = {"PYTHONPATH": str(PROJECT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout
