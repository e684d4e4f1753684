"""The keeper of the log and two witnesses as processes over a real chain; one of them is killed in the middle.

Nothing here sleeps to be in time: a process is waited for by its output or by what it serves, each with a deadline.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from tlog_scales import backend, reader

from chain.embedded.chain import DevChain, DevChainSettings
from chain.proofs.facts import OfflineFacts
from fl.crypto.note_keys import verify
from fl.proofs.log_view import LogView
from fl.proofs.trusting import keys_of
from fl.proofs.verify import verify as verify_proof
from fl.protocol.federation import Federation
from fl.protocol.names import Digest, StatementKind
from fl.protocol.records import RecordsAnchored
from fl.protocol.tlog.checkpoint import parse_checkpoint
from fl.protocol.tlog.notes import Note, cosigned_at, parse_note
from fl.protocol.tlog.proof_file import ProofFile, parse_proof
from fl.protocol.tlog.trust import parse_trust
from fl.protocol.tlog.witness_call import monitoring_path
from fl.replay.ledger_view import LedgerView
from fl.storage.cosigned_notes import FOLDER, CosignedNotes
from fl.storage.witness_state import FILE
from scripts.demo.together import found_together
from scripts.wiring.home import Home
from scripts.wiring.roles import chain_ledger, load_account, open_ledger
from tests.support.processes import Process, free_port, invoke, until

PROJECT = Path(__file__).resolve().parents[2]
WITNESSES = ("alpha", "beta", "auditor")
pytestmark = pytest.mark.slow


@dataclass
class Town:
    """A consortium, its keeper and its witnesses."""

    home: Home
    processes: dict[str, Process] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    batches: int = 0
    _federation: Federation | None = None

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports.setdefault(name, free_port())}"

    def witness(self, name: str, *more: str) -> Process:
        """Start a witness; with `--keeper` it does not listen."""
        self.url(name)
        way = more if "--keeper" in more else ("--port", str(self.ports[name]), *more)
        command = ("witness", "run", "--home", str(self.home.folder), "--name", name, *way)
        self.processes[name] = Process(*command)
        return self.processes[name]

    def keeper(self, *more: str) -> Process:
        self.url("keeper")
        asked = [part for name in ("alpha", "beta") for part in ("--witness", self.url(name))]
        command = ("log", "run", "--home", str(self.home.folder), "--port", str(self.ports["keeper"]), "--every", "1")
        self.processes["keeper"] = Process(*command, *asked, *more)
        return self.processes["keeper"]

    def record(self) -> None:
        """Put something new on the ledger."""
        self.batches += 1
        alpha = self.home.member("alpha")
        ledger = chain_ledger(self.home, alpha, load_account(alpha))
        ledger.append(RecordsAnchored(ledger.account, self.batches, Digest(bytes([self.batches]) * 32)))

    def federation(self) -> Federation:
        """Return the members and their keys, which do not change here."""
        self._federation = self._federation or LedgerView(open_ledger(self.home)).refresh()
        return self._federation

    def log(self) -> LogView:
        view = LogView(chain_ledger(self.home, None, None))
        view.refresh()
        return view

    def get(self, name: str, path: str) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(self.url(name) + path, timeout=20)

    def published(self) -> Note | None:
        answer = self.get("keeper", "/checkpoint")
        return parse_note(answer.content) if answer.status_code == 200 else None

    def cosigners(self, note: Note | None) -> set[str]:
        """Return the names of the members whose cosignature under a note verifies."""
        if note is None:
            return set()
        federation = self.federation()
        accounts, keys = keys_of(federation, StatementKind.WITNESS)
        pairs = zip(accounts, keys, strict=True)
        return {
            federation.book.name_of(account)
            for account, key in pairs
            for line in note.lines
            if cosigned_at(line, key, note.text, verify) is not None
        }

    def until_published(self, least: int, names: set[str]) -> Note:
        """Wait for a checkpoint of so many records or more that these witnesses cosigned."""

        def there() -> bool:
            note = self.published()
            return note is not None and parse_checkpoint(note.text).size >= least and names <= self.cosigners(note)

        until(f"a checkpoint of {least} records by {names}", there)
        note = self.published()
        assert note is not None
        return note


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    found = Town(Home(tmp_path / "run"))
    with DevChain(DevChainSettings(PROJECT, tmp_path / "chain", lambda: int(time.time()), port=0)) as chain:
        found_together(found.home, chain.url, ("alpha", "beta"))
        at = ("--home", str(found.home.folder))
        invoke("log", "init", *at)
        for name in WITNESSES:
            invoke("witness", "init", *at, "--name", name)
        try:
            yield found
        finally:
            for process in found.processes.values():
                process.kill()


def test_checkpoints_come_by_themselves_and_a_killed_keeper_and_witness_go_on(town: Town, tmp_path: Path) -> None:
    keeper = town.keeper()
    town.witness("alpha").wait_for("ready")
    town.witness("auditor", "--keeper", town.url("keeper"))
    keeper.wait_for("got no cosignature .*no connection")
    first = town.until_published(1, {"alpha", "auditor"})
    town.processes["alpha"].kill()
    keeper.kill()
    town.record()
    size = len(town.log().tree)
    town.witness("alpha").wait_for("ready")
    town.witness("beta").wait_for("ready")
    town.keeper("--entries").wait_for("ready")
    second = town.until_published(size, set(WITNESSES))
    log = town.log()
    for note in (first, second):
        checkpoint = parse_checkpoint(note.text)
        assert log.checkpoint(checkpoint.size) == checkpoint
    notes = CosignedNotes(town.home.folder / FOLDER).all()
    assert {town.federation().book.name_of(account) for account in notes} == set(WITNESSES)
    shown = parse_note(town.get("alpha", monitoring_path(log.origin)).content)
    assert "alpha" in town.cosigners(shown)
    check_with_a_foreign_reader(town, log, tmp_path)
    forget_and_remember(town, log)
    assert town.processes["alpha"].stop() == 0
    assert town.processes["keeper"].stop() == 0


def check_with_a_foreign_reader(town: Town, log: LogView, folder: Path) -> None:
    """A proof that another program makes from the tiles is the one that we make, and our verifier accepts it."""
    out, at, index = folder / "key.tlog-proof", ("--home", str(town.home.folder)), 1
    place = log.entries[index].position
    invoke("prove", "entry", *at, "--block", str(place.block), "--index", str(place.index), "--out", str(out))
    invoke("log", "trust", *at, "--out", str(folder / "trust.json"))
    ours, trust = parse_proof(out.read_bytes()), parse_trust((folder / "trust.json").read_bytes())
    foreign = reader.TilesReader(backend.HttpBackend(town.url("keeper")))
    checkpoint = foreign.get_checkpoint()
    assert foreign.get_entry(index) == ours.extra.entry
    path = tuple(Digest(each) for each in foreign.get_inclusion_proof(index, checkpoint.size).node_hashes)
    assert path == ours.path
    theirs = ProofFile(ours.extra, index, path, parse_note(checkpoint.serialize().encode()))
    assert verify_proof(theirs.encoded(), trust, OfflineFacts()).index == index


def forget_and_remember(town: Town, log: LogView) -> None:
    """A witness whose folder came back from a backup goes on from what others show."""
    before = parse_checkpoint(parse_note(town.get("alpha", monitoring_path(log.origin)).content).text)
    town.processes["alpha"].kill()
    (town.home.member("alpha").folder / FILE).unlink()
    town.witness("alpha").wait_for("does not know what it cosigned last")
    assert town.get("alpha", monitoring_path(log.origin)).status_code == 404
    town.processes["alpha"].kill()
    town.witness("alpha", "--peer", town.url("beta"))
    size = before.size
    until("alpha's memory", (town.home.member("alpha").folder / FILE).exists)
    town.record()
    town.until_published(size + 2, set(WITNESSES))
