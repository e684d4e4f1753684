"""What a monitor finds on real chains, and what a third party sees who has two files and nothing else.

The embedded chain's journal replays to the same hashes. So a fork is a copy of the folder that goes on differently, a
rollback is an older copy, and a reset is the same operator's key on a new chain: same chain id, same addresses.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from chain.embedded.chain import DevChain, DevChainSettings
from chain.ledger import EthereumLedger
from fl.protocol.names import Address, Digest, Protection
from fl.protocol.records import (
    FederationOpened,
    ModelAttested,
    ModelProposed,
    Record,
    RecordsAnchored,
    RoundAborted,
    RoundFinalised,
    RoundFrozen,
    RoundOpened,
    Terms,
    UpdateCommitted,
)
from fl.protocol.tlog.checkpoint import witness_key
from fl.protocol.tlog.notes import Note, cosign
from fl.storage.note_key_files import WITNESS, load_note_key
from scripts.cli import main
from scripts.demo.together import found_together
from scripts.wiring.home import Home
from scripts.wiring.proofs import CHECKPOINT, read_note
from scripts.wiring.roles import chain_ledger, load_account

PROJECT = Path(__file__).resolve().parents[2]
HOSPITALS = ("alpha", "beta")
WITNESSES = (*HOSPITALS, "auditor")
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


def hemaledger(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, [*words])
    assert result.exit_code == code, result.output
    return result.output


@dataclass
class Place:
    """A run's folder and its chain."""

    home: Home
    ledgers: dict[str, EthereumLedger] = field(default_factory=dict)

    @property
    def at(self) -> tuple[str, str]:
        return ("--home", str(self.home.folder))

    def account(self, name: str) -> Address:
        return self.ledger(name).account

    def file(self, text: str) -> Digest:
        return self.home.vault.put(text.encode())

    def append(self, name: str, record: Record) -> None:
        self.ledger(name).append(record)

    def ledger(self, name: str) -> EthereumLedger:
        if name not in self.ledgers:
            member = self.home.member(name)
            self.ledgers[name] = chain_ledger(self.home, member, load_account(member))
        return self.ledgers[name]

    def play(
        self,
        number: int,
        present: tuple[str, ...] = HOSPITALS,
        said: str = "",
        chosen: tuple[str, ...] | None = None,
    ) -> None:
        """Play a sealed round with the set `chosen`; `said` makes its files other ones."""
        boss = self.account("coordinator")
        if number == 1:
            none = Address(bytes(20))
            files = (self.file("m0"), self.file("e0"), self.file("manifest"))
            self.append("coordinator", FederationOpened(boss, none, 0, *files))
        at = int(time.time())
        terms = Terms(Protection.SEALED, 1, 1, 0, 10, self.file("config"), 600, at + 10_000, at + 20_000)
        roster = tuple(sorted(map(self.account, HOSPITALS)))
        before = self.file(f"m{number - 1}")
        self.append("coordinator", RoundOpened(boss, number, terms, roster, before))
        for name in present:
            update = self.file(f"update of {name} in round {number}{said}")
            self.append(name, UpdateCommitted(self.account(name), number, update))
        model = self.file(f"m{number}")
        if len(present) < len(HOSPITALS):
            self.append("coordinator", RoundAborted(boss, number, "a hospital is absent"))
            return
        summed = tuple(sorted(map(self.account, chosen or present)))
        self.append("coordinator", RoundFrozen(boss, number, summed, model))
        self.append("coordinator", ModelProposed(boss, number, model, self.file(f"e{number}{said}")))
        self.append("auditor", ModelAttested(self.account("auditor"), number, model, self.file(f"r{number}")))
        self.append("coordinator", RoundFinalised(boss, number, model))

    def root(self, name: str, batch: int, text: str) -> None:
        self.append(name, RecordsAnchored(self.account(name), batch, Digest(self.file(text))))

    def checkpoint(self, witnesses: tuple[str, ...] = WITNESSES) -> None:
        hemaledger("log", "checkpoint", *self.at)
        for name in witnesses:
            hemaledger("witness", "cosign", *self.at, "--name", name)

    def monitor(self, *words: str, code: int = 0, name: str = "alpha") -> str:
        return hemaledger("monitor", *self.at, "--name", name, *words, code=code)

    def evidence(self, kind: str, name: str = "alpha") -> list[Path]:
        return sorted((self.home.member(name).folder / "evidence").glob(f"{kind}-*.evidence.json"))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve files over HTTP, as a keeper serves its checkpoint."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder))
    threading.Thread(target=server.serve_forever).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def opened(folder: Path) -> Iterator[Place]:
    """Start the chain of a folder, and let its home use it."""
    home = Home(folder / "run")
    with DevChain(DevChainSettings(PROJECT, folder / "chain", lambda: int(time.time()), port=0)) as chain:
        if home.deployment_file.exists():
            home.save(replace(home.deployment, url=chain.url))
        else:
            found_together(home, chain.url, HOSPITALS)
        yield Place(home)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one round, a cosigned checkpoint, a look of a monitor, and trust.json beside it."""
    folder = tmp_path_factory.mktemp("base")
    with opened(folder) as place:
        place.play(1)
        hemaledger("log", "init", *place.at)
        for name in WITNESSES:
            hemaledger("witness", "init", *place.at, "--name", name)
        place.checkpoint()
        hemaledger("log", "trust", *place.at, "--out", str(folder / "trust.json"))
        assert "Nothing is wrong" in place.monitor()
    return folder


def copied(base: Path, tmp_path: Path, name: str) -> Path:
    shutil.copytree(base, tmp_path / name)
    return tmp_path / name


def shown(base: Path, tmp_path: Path, *evidence: Path) -> list[Mapping[str, str]]:
    """Return what a process says that has files of evidence and trust.json only."""
    done = outside(base, tmp_path, *evidence)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def outside(base: Path, tmp_path: Path, *evidence: Path) -> subprocess.CompletedProcess[str]:
    """Run `hemaledger verify` in a fresh process, in a folder with nothing else, without a home."""
    folder = tmp_path / "outside"
    folder.mkdir(exist_ok=True)
    for each in (*evidence, base / "trust.json"):
        shutil.copy(each, folder)
    program = [sys.executable, "-c", OFFLINE.format(never=NEVER)]
    words = ["verify", *(each.name for each in evidence), "--trust", "trust.json", "--json"]
    environment = {"PYTHONPATH": str(PROJECT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(program + words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_reset_with_the_same_chain_id_and_addresses_is_found_and_proven(base: Path, tmp_path: Path) -> None:
    old = Place(Home(copied(base, tmp_path, "old") / "run"))
    new = copied(base, tmp_path, "new")
    shutil.rmtree(new / "chain")
    shutil.rmtree(new / "run" / "vault")
    (new / "run" / "consortium.json").unlink()
    with opened(new) as place:
        anchor, before = place.home.deployment.anchor, old.home.deployment.anchor
        assert (anchor.chain_id, anchor.authority, anchor.contract) == (
            before.chain_id,
            before.authority,
            before.contract,
        )
        assert anchor.consortium != before.consortium
        old.home.save(replace(old.home.deployment, url=place.home.deployment.url))
        assert "LedgerReset" in old.monitor(code=76)
    [evidence] = old.evidence("LedgerReset")
    [verdict] = shown(base, tmp_path, evidence)
    assert verdict["finding"] == "LedgerReset"
    assert verdict["sentence"].startswith("operator (operator) reset the ledger: it founded another consortium, 0x")
    assert anchor.consortium.hex() in verdict["sentence"]


def test_a_rollback_is_found_and_what_the_witnesses_saw_is_shown(base: Path, tmp_path: Path) -> None:
    longer = copied(base, tmp_path, "longer")
    with opened(longer) as place:
        place.root("beta", 1, "root of beta")
        place.checkpoint()
        assert "Nothing is wrong" in place.monitor()
    with opened(copied(base, tmp_path, "older")) as older:
        place.home.save(replace(place.home.deployment, url=older.home.deployment.url))
        assert "LedgerRolledBack" in place.monitor(code=76)
    [evidence] = place.evidence("LedgerRolledBack")
    [verdict] = shown(base, tmp_path, evidence)
    assert "The ledger was rolled back: the witnesses replayed" in verdict["sentence"]
    assert "Cosigned by 3 of 3 witnesses" in verdict["shows"][0]


def test_a_fork_is_found_and_both_histories_are_proven(base: Path, tmp_path: Path) -> None:
    with opened(copied(base, tmp_path, "mine")) as mine:
        mine.play(2, said=" here")
        mine.root("beta", 1, "one root")
        mine.checkpoint()
        assert "Nothing is wrong" in mine.monitor()
    with opened(copied(base, tmp_path, "theirs")) as theirs:
        theirs.play(2, said=" there")
        theirs.root("beta", 1, "another root")
        theirs.checkpoint()
        mine.home.save(replace(mine.home.deployment, url=theirs.home.deployment.url))
        with served(theirs.home.folder / "log") as url:
            said = mine.monitor("--keeper", url, code=76)
        note = str(theirs.home.folder / "log" / "checkpoint")
        first = mine.monitor("--note", note, "--keeper", "http://127.0.0.1:9", code=76, name="beta")
    assert "CheckpointForked" in first, "two checkpoints are enough for a monitor that looks for the first time"
    assert "http://127.0.0.1:9 gave no answer" in first
    for kind in ("CheckpointForked", "TwoRoots", "ChainForked"):
        assert kind in said
    log, chain = mine.evidence("CheckpointForked")[0], mine.evidence("ChainForked")[0]
    forked, reused, *others = shown(base, tmp_path, log, chain, *mine.evidence("TwoRoots"))
    assert forked["finding"] == "CheckpointForked"
    assert forked["sentence"].startswith("coordinator (coordinator) vouched for two histories of the log")
    assert "signed two histories of the chain" in reused["sentence"]
    found = [each["sentence"] for each in others]
    assert "beta (hospital) gave two different answers where the ledger takes one, for number 1." in found
    assert "alpha (hospital) gave two different answers where the ledger takes one, for number 2." in found


def test_two_roots_of_one_round_are_proven_without_a_checkpoint_of_the_other_history(
    base: Path, tmp_path: Path
) -> None:
    """The other history was never signed by the log: what its members signed is enough."""
    with opened(copied(base, tmp_path, "mine")) as mine:
        mine.play(2, said=" here")
        assert "Nothing is wrong" in mine.monitor()
    with opened(copied(base, tmp_path, "theirs")) as theirs:
        theirs.play(2, said=" there")
        mine.home.save(replace(mine.home.deployment, url=theirs.home.deployment.url))
        assert "TwoRoots" in mine.monitor(code=76)
    found = shown(base, tmp_path, *mine.evidence("TwoRoots"))
    assert "beta (hospital) gave two different answers where the ledger takes one, for number 2." in [
        each["sentence"] for each in found
    ]
    assert all("does not show that both were included" in each["limits"] for each in found)


def test_a_checkpoint_with_a_time_before_its_records_is_found_and_proven(base: Path, tmp_path: Path) -> None:
    with opened(copied(base, tmp_path, "late")) as place:
        place.root("beta", 1, "root of beta")
        hemaledger("log", "checkpoint", *place.at)
        cosign_at(place, "beta", int(time.time()) - 3600)
        assert "CheckpointBackdated" in place.monitor(code=76)
    verdicts = shown(base, tmp_path, *place.evidence("CheckpointBackdated"))
    assert len(verdicts) == len(["earlier than its records", "earlier than a smaller one"])
    for verdict in verdicts:
        assert verdict["sentence"].startswith("beta (hospital) cosigned the checkpoint of ")
        assert verdict["sentence"].endswith(" with a time that cannot be right.")


def cosign_at(place: Place, name: str, at: int) -> None:
    """Cosign the home's checkpoint with a wrong time, which `hemaledger witness` refuses to do."""
    member, path = place.home.member(name), place.home.folder / CHECKPOINT
    note, private = read_note(path), load_note_key(member.folder, WITNESS)
    key = witness_key(place.home.deployment.anchor.consortium, place.account(name), private.public)
    path.write_bytes(Note(note.text, (*note.lines, cosign(key, private.sign, note.text, at))).encoded())


def test_a_withheld_file_is_found_and_a_copy_of_it_refutes_it(base: Path, tmp_path: Path) -> None:
    with opened(copied(base, tmp_path, "gone")) as place:
        update = b"update of beta in round 1"
        path = next(each for each in place.home.folder.rglob(hashlib.sha256(update).hexdigest()) if each.is_file())
        path.unlink()
        assert "Nothing is wrong" in place.monitor()
        time.sleep(1)
        assert "FileWithheld" in place.monitor("--grace", "0", code=76)
    [evidence] = place.evidence("FileWithheld")
    [verdict] = shown(base, tmp_path, evidence)
    assert verdict["sentence"].startswith("beta (hospital) recorded the file 0x")
    (tmp_path / "copy").write_bytes(update)
    words = ("verify", str(evidence), "--trust", str(base / "trust.json"), "--file", str(tmp_path / "copy"))
    assert "so it can be had" in hemaledger(*words, code=76)


def test_a_record_of_a_stolen_key_is_found_and_a_person_can_accept_it(base: Path, tmp_path: Path) -> None:
    with opened(copied(base, tmp_path, "stolen")) as place:
        thief = Place(Home(copied(base, tmp_path, "thief") / "run"))
        thief.home.save(place.home.deployment)
        thief.root("alpha", 1, "a root that alpha never made")
        place.checkpoint()
        assert "InMyName" in place.monitor(code=76)
        assert "Nothing is wrong" in place.monitor(name="beta")
        [evidence] = place.evidence("InMyName")
        [verdict] = shown(base, tmp_path, evidence)
        assert verdict["sentence"].startswith("alpha (hospital) did not make the record 0x")
        place.monitor("--accept")
        assert "Nothing is wrong" in place.monitor()


def test_a_round_that_left_a_hospital_out_is_found_and_proven(base: Path, tmp_path: Path) -> None:
    with opened(copied(base, tmp_path, "out")) as place:
        place.play(2, chosen=("beta",))
        place.checkpoint()
        assert "LeftOut" in place.monitor(code=76)
        assert "Nothing is wrong" in place.monitor(name="beta")
    [evidence] = place.evidence("LeftOut")
    [verdict] = shown(base, tmp_path, evidence)
    assert verdict["sentence"] == "Round 2 left out alpha (hospital), although it was ready in time."
    data = bytearray(evidence.read_bytes())
    data[data.index(b"hemaledger/")] ^= 1
    (tmp_path / "changed.json").write_bytes(data)
    refused = outside(base, tmp_path, tmp_path / "changed.json")
    assert (refused.returncode, "changed since it was made" in refused.stderr) == (76, True)


def test_an_honest_run_with_restarts_and_an_absent_hospital_gives_no_finding(base: Path, tmp_path: Path) -> None:
    folder = copied(base, tmp_path, "honest")
    for number in range(2, 5):
        with opened(folder) as place:
            place.play(number, present=HOSPITALS if number != 4 else ("beta",))
            place.root("alpha", number - 1, f"root {number}")
            for name in ("beta", "coordinator"):
                assert "Nothing is wrong" in place.monitor("--grace", "0", name=name)
            place.checkpoint(WITNESSES[number % 2 :])
            assert "Nothing is wrong" in place.monitor("--grace", "0")
    with opened(folder) as place:
        hemaledger("consortium", "hand-over", *place.at)
        for name in ("operator", "beta"):
            assert "Nothing is wrong" in place.monitor("--grace", "0", name=name)


def test_a_monitor_that_follows_says_a_finding_once_and_the_status_names_it(base: Path, tmp_path: Path) -> None:
    with opened(copied(base, tmp_path, "follow")) as place:
        words = ["monitor", *place.at, "--name", "beta", "--follow", "--every", "1", "--log-format", "json"]
        program = [sys.executable, "-m", "scripts.cli", *words]
        with subprocess.Popen(program, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            assert json.loads(running.stdout.readline())["event"] == "ready"
            place.play(2, chosen=("alpha",))
            place.checkpoint()
            alarm = json.loads(running.stdout.readline())
            assert (alarm["event"], alarm["level"], alarm["facts"]["finding"]) == ("alarm", "error", "LeftOut")
            running.terminate()
            rest = [json.loads(line)["event"] for line in running.stdout]
        assert (rest[-1], running.returncode) == ("stopped", 76)
        assert "the monitor of beta found LeftOut" in hemaledger("status", *place.at, code=1)
