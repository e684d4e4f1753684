"""Proofs of a real chain's records, made by the commands and checked in a process that has nothing but two files."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from chain.embedded.chain import DevChain, DevChainSettings
from fl.proofs.witnessing import promises_of
from fl.protocol.codec import JsonValue, write_document
from fl.protocol.errors import CheckpointEarly, CheckpointForged
from fl.protocol.names import Address, Digest, Protection
from fl.protocol.records import (
    FederationOpened,
    ModelAttested,
    ModelProposed,
    Record,
    RecordsAnchored,
    RoundFinalised,
    RoundFrozen,
    RoundOpened,
    Terms,
    UpdateCommitted,
)
from fl.protocol.tlog.checkpoint import log_key
from fl.protocol.tlog.proof_file import SOFT_CAP, parse_proof
from fl.storage.journal import SqliteJournal
from fl.storage.note_key_files import LOG, load_note_key
from scripts.cli import main
from scripts.demo.together import found_together
from scripts.wiring.home import Home
from scripts.wiring.roles import chain_ledger, load_account
from tests.support.paper_receipt import PICTURE, paper_receipt

PROJECT = Path(__file__).resolve().parents[2]
T0 = 1_800_000_000
HOSPITALS = ("alpha", "beta")
WITNESSES = (*HOSPITALS, "auditor")
UPDATE = b"the sealed update of alpha"
NEVER = ("web3", "torch", "flask", "sqlalchemy", "requests")
OFFLINE = """
import sys
from scripts.cli import main
try:
    main(sys.argv[1:], standalone_mode=False)
finally:
    loaded = [name for name in {never!r} if name in sys.modules]
    assert not loaded, loaded
"""


def digest(text: str) -> Digest:
    return Digest(hashlib.sha256(text.encode()).digest())


def hemaledger(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, [*words])
    assert result.exit_code == code, result.output
    return result.output


def offline(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a fresh process, in a folder of its own, without a home."""
    program = [sys.executable, "-c", OFFLINE.format(never=NEVER), *words]
    environment = {"PYTHONPATH": str(PROJECT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, check=False)


class Run:
    """A consortium with one sealed round, whose files nobody needs here."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.accounts: dict[str, Address] = {}
        self.ledgers = {}
        for member in home.members():
            key = load_account(member)
            self.accounts[member.name] = key.address
            self.ledgers[key.address] = chain_ledger(home, member, key)

    def append(self, record: Record) -> None:
        self.ledgers[record.sender].append(record)

    def play(self) -> None:
        boss, auditor = self.accounts["coordinator"], self.accounts["auditor"]
        hospitals = tuple(sorted(self.accounts[name] for name in HOSPITALS))
        if not any(isinstance(each.record, FederationOpened) for each in self.ledgers[boss].replay()):
            self.append(FederationOpened(boss, Address(bytes(20)), 0, digest("m0"), digest("e0"), digest("manifest")))
        before = next(each.record for each in self.ledgers[boss].replay() if isinstance(each.record, FederationOpened))
        terms = Terms(Protection.SEALED, 2, 1, 0, 10, digest("c"), 600, T0 + 10_000, T0 + 20_000)
        self.append(RoundOpened(boss, 1, terms, hospitals, before.model_digest))
        for who in hospitals:
            mine = who == self.accounts["alpha"]
            self.append(UpdateCommitted(who, 1, Digest(hashlib.sha256(UPDATE if mine else b"x").digest())))
        self.append(RoundFrozen(boss, 1, hospitals, digest("")))
        self.append(ModelProposed(boss, 1, digest("m1"), digest("e1")))
        self.append(ModelAttested(auditor, 1, digest("m1"), digest("report")))
        self.append(RoundFinalised(boss, 1, digest("m1")))
        self.append(RecordsAnchored(self.accounts["alpha"], 1, digest("root")))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("proofs")
    found = Home(folder / "run")
    with DevChain(DevChainSettings(PROJECT, folder / "chain", lambda: T0, port=0)) as chain:
        found_together(found, chain.url, HOSPITALS)
        Run(found).play()
        at = ("--home", str(found.folder))
        hemaledger("log", "init", *at)
        for name in WITNESSES:
            hemaledger("witness", "init", *at, "--name", name)
        hemaledger("log", "checkpoint", *at)
        yield found


@pytest.fixture(scope="module")
def outside(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a trust file and a proof of each kind, and nothing else."""
    folder, at = tmp_path_factory.mktemp("outside"), ("--home", str(home.folder))
    early = str(folder / "early.tlog-proof")
    assert "0 of the 3 witnesses" in hemaledger("prove", "model", *at, "--round", "1", "--out", early, code=77)
    for name in WITNESSES:
        assert f"{name} cosigned" in hemaledger("witness", "cosign", *at, "--name", name)
    for kind, words in {
        "model": ("--round", "1"),
        "update": ("--round", "1", "--hospital", "alpha"),
        "report": ("--round", "1", "--auditor", "auditor"),
        "root": ("--hospital", "alpha", "--batch", "1"),
    }.items():
        hemaledger("prove", kind, *at, *words, "--out", str(folder / f"{kind}.tlog-proof"))
    hemaledger("log", "trust", *at, "--out", str(folder / "trust.json"))
    return folder


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("model", "In round 1, coordinator (coordinator) recorded that the model"),
        ("update", "In round 1, alpha (hospital) recorded its update"),
        ("report", "In round 1, auditor (auditor) attested the model"),
        ("root", "alpha (hospital) recorded the root"),
    ],
)
def test_a_proof_is_checked_with_nothing_but_a_trust_file(outside: Path, kind: str, said: str) -> None:
    assert sorted(path.name for path in outside.iterdir() if path.suffix == ".json") == ["trust.json"]
    assert len((outside / f"{kind}.tlog-proof").read_bytes()) <= SOFT_CAP
    done = offline(outside, "verify", f"{kind}.tlog-proof", "--trust", "trust.json")
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
    assert "3 of 3 witnesses cosigned the checkpoint: " in done.stdout
    assert "coordinator (coordinator) signed the transaction that records the checkpoint." in done.stdout


def test_a_proof_names_the_file_that_it_is_about(outside: Path) -> None:
    (outside / "update.bin").write_bytes(UPDATE)
    (outside / "other.bin").write_bytes(UPDATE + b"!")
    words = ("update.tlog-proof", "--trust", "trust.json")
    assert offline(outside, "verify", *words, "--file", "update.bin").returncode == 0
    assert "other.bin is another file" in hemaledger(
        "verify",
        str(outside / words[0]),
        "--trust",
        str(outside / words[2]),
        "--file",
        str(outside / "other.bin"),
        code=76,
    )


def test_programs_get_one_object(outside: Path) -> None:
    shown = json.loads(
        hemaledger("verify", str(outside / "model.tlog-proof"), "--trust", str(outside / "trust.json"), "--json")
    )
    assert shown["record"] == "RoundFinalised"
    assert shown["fields"]["model_digest"] == "0x" + digest("m1").hex()


def test_what_is_no_proof_or_has_no_trust_is_refused(outside: Path) -> None:
    proof, trust = str(outside / "model.tlog-proof"), str(outside / "trust.json")
    assert "Nothing says whose signatures count" in hemaledger("verify", proof, code=78)
    hemaledger("verify", trust, "--trust", trust, code=65)
    changed = outside / "changed.tlog-proof"
    data = bytearray((outside / "model.tlog-proof").read_bytes())
    data[-20] ^= 1
    changed.write_bytes(data)
    assert "step 1" in hemaledger("verify", str(changed), "--trust", trust, code=76)


def test_the_checkpoint_is_tied_to_the_chain(outside: Path) -> None:
    proof = parse_proof((outside / "model.tlog-proof").read_bytes())
    assert proof.extra.binding is not None


def test_a_receipt_is_checked_with_its_picture(tmp_path: Path) -> None:
    receipt, folder = paper_receipt(), tmp_path
    waits: dict[str, JsonValue] = {**receipt.document, "proof": {"state": "waits", "why": "later"}, "ledger": None}
    for name, data in {
        "trust.json": receipt.trust,
        "receipt.json": receipt.data,
        "waits.json": write_document(waits),
        "changed.json": receipt.data.replace(b"0.87", b"0.88"),
        "cell.png": PICTURE,
        "other.png": PICTURE + b"!",
    }.items():
        (folder / name).write_bytes(data)
    words = ("verify", "receipt.json", "--trust", "trust.json")
    done = offline(folder, *words, "--file", "cell.png")
    assert done.returncode == 0, done.stderr
    assert "the receipt is unchanged, and its proof holds" in done.stdout
    assert "Answer: blast." in done.stdout
    assert "Share of each class: blast 100.0%, healthy 0.0%." in done.stdout
    assert "4 of 4 witnesses cosigned" in done.stdout
    assert json.loads(offline(folder, *words, "--json").stdout)["proof"]["record"] == "RecordsAnchored"
    trust = ("--trust", str(folder / "trust.json"))
    assert "no proof yet" in hemaledger("verify", str(folder / "waits.json"), *trust, code=75)
    hemaledger("verify", str(folder / "changed.json"), *trust, code=76)
    other = ("--file", str(folder / "other.png"))
    assert "bit for bit" in hemaledger("verify", str(folder / "receipt.json"), *trust, *other, code=76)


def test_a_keeper_by_hand_signs_nothing_that_contradicts_what_its_key_signed(home: Home) -> None:
    """The last test here: the keeper's journal gets a promise that no chain of this consortium holds."""
    folder = home.member("coordinator").folder
    key = log_key(home.deployment.anchor.consortium, load_note_key(folder, LOG).public)
    journal = SqliteJournal(folder / "journal.sqlite")
    journal.once(f"{promises_of(key)}999999", digest("ahead"))
    made = ("log", "checkpoint", "--home", str(home.folder), "--out", str(home.folder / "other"))
    assert "so far" in hemaledger(*made, code=CheckpointEarly.exit_code)
    journal.once(f"{promises_of(key)}1", digest("another history"))
    assert "another root" in hemaledger(*made, code=CheckpointForged.exit_code)
    assert not (home.folder / "other").exists()
