"""A witness that others wrote (`aics-witness`) cosigns our log, and its client gets our witness's cosignatures.

It needs Python 3.12: `python3.12 -m venv build/aics && build/aics/bin/pip install aics-witness==0.1.0`. Without it
these tests are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from fl.crypto.note_keys import verify
from fl.events import Event
from fl.protocol.names import Digest
from fl.protocol.tlog.checkpoint import Checkpoint, log_key, parse_checkpoint
from fl.protocol.tlog.notes import Note, VerifierKey, cosigned_at, parse_key, sign_log
from fl.protocol.tlog.tree import GrowingTree
from fl.roles.keeper.asking import Asking
from fl.transport.http_log import HttpWitness
from scripts.server.log_pages import serving
from scripts.server.witness_server import witness_application
from tests.support.log_world import CONSORTIUM, COORDINATOR, KEYS, Watched, World
from tests.support.processes import free_port, until

PROJECT = Path(__file__).resolve().parents[2]
FOREIGN = PROJECT / "build" / "aics" / "bin"
KEY = log_key(CONSORTIUM, KEYS[COORDINATOR].public)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (FOREIGN / "aics-witness").exists(),
        reason="aics-witness is not in build/aics (it needs Python 3.12; see this file's first lines)",
    ),
]
CLIENT = """
import json, sys
from aics_witness import feeder
asked = json.load(sys.stdin)
proofs = {tuple(each["sizes"]): [bytes.fromhex(one) for one in each["proof"]] for each in asked["proofs"]}
said = []
for note in asked["notes"]:
    client = feeder.WitnessClient(asked["url"], asked["key"], max_attempts=1, max_age_seconds=None)
    try:
        line = client.submit(note, lambda old, size: proofs[old, size])
        said.append(["cosigned", feeder.merge_cosignatures(note, line).decode()])
    except feeder.FeederError as error:
        said.append([type(error).__name__, str(error)])
print(json.dumps(said))
"""


@dataclass(frozen=True)
class Foreign:
    """The foreign witness, running."""

    url: str
    key: VerifierKey
    configuration: Path

    def run(self, *words: str) -> str:
        environment = {**os.environ, "AICS_WITNESS_CONFIG": str(self.configuration)}
        command = [str(FOREIGN / "aics-witness"), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def signed(tree: GrowingTree, size: int) -> Note:
    text = Checkpoint(f"hemaledger/{CONSORTIUM.hex()}", size, tree.root(size)).text()
    return Note(text, (sign_log(KEY, KEYS[COORDINATOR].sign, text),))


def answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[Foreign]:
    port = free_port()
    found = Foreign(f"http://127.0.0.1:{port}", KEY, tmp_path / "witness.json")
    told = found.run("init", "--name", "elsewhere.example/w1")
    key = parse_key(next(word for word in told.split() if word.startswith("elsewhere.example/w1+")))
    found.run("add-log", "--origin", KEY.name, "--vkey", KEY.text())
    command = [str(FOREIGN / "aics-witness"), "serve", "--listen", f"127.0.0.1:{port}"]
    environment = {**os.environ, "AICS_WITNESS_CONFIG": str(found.configuration)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until("an answer of the foreign witness", lambda: answers(found.url))
        yield Foreign(found.url, key, found.configuration)
    finally:
        process.terminate()
        process.wait()


def test_a_foreign_witness_cosigns_our_log_and_refuses_a_fork_of_it(foreign: Foreign) -> None:
    leaves = [bytes([number]) * 32 for number in range(60)]
    tree = GrowingTree(leaves)
    events: list[tuple[Event, Mapping[str, object]]] = []

    def ask() -> Asking:
        return Asking([HttpWitness(foreign.url)], lambda event, facts: events.append((event, facts)), time.monotonic)

    asking = ask()
    for size in (7, 23, 40):
        note = signed(tree, size)
        lines = asking.collect(note, tree, [foreign.key])
        assert [cosigned_at(line, foreign.key, note.text, verify) is not None for line in lines] == [True]
    started_again = Asking(
        [HttpWitness(foreign.url)], lambda event, facts: events.append((event, facts)), time.monotonic
    )
    assert started_again.collect(signed(tree, 41), tree, [foreign.key]), "409 said where it is"
    assert events == []
    fork = GrowingTree([*leaves[:10], bytes(32), *leaves[11:]])
    assert asking.collect(signed(fork, 50), fork, [foreign.key]) == []
    assert [(event, str(facts["reason"])[:10]) for event, facts in events] == [(Event.WITNESS_FAILED, "status 422")]
    assert json.loads(foreign.run("evidence"))
    shown = HttpWitness(foreign.url).newest(KEY.name)
    assert shown is not None
    assert parse_checkpoint(shown.text).size == 41


def test_a_foreign_client_gets_our_witness_s_line_and_understands_what_it_refuses(tmp_path: Path) -> None:
    watched = Watched(World(tmp_path))
    watched.desk.now = lambda: int(time.time())
    first, second = watched.grow(), watched.grow()
    tree = watched.world.view.tree
    sizes = [parse_checkpoint(note.text).size for note in (first, second)]
    text = Checkpoint(KEY.name, sizes[1], Digest(b"\x07" * 32)).text()
    forged = Note(text, (sign_log(KEY, KEYS[COORDINATOR].sign, text),))
    unsigned = Note(second.text, (sign_log(KEY, KEYS[COORDINATOR].sign, first.text),))
    notes = [second, second, first, forged, unsigned]
    proofs = [
        {"sizes": [old, size], "proof": [each.hex() for each in tree.consistency(old, size)]}
        for size in sizes
        for old in (0, *sizes)
        if old <= size
    ]
    with serving(witness_application(watched.desk), "127.0.0.1", free_port()) as url:
        asked = {
            "url": url,
            "key": watched.desk.key.text(),
            "notes": [note.encoded().decode() for note in notes],
            "proofs": proofs,
        }
        done = subprocess.run(
            [str(FOREIGN / "python"), "-c", CLIENT], input=json.dumps(asked), capture_output=True, text=True, check=True
        )
    said = json.loads(done.stdout)
    kinds = [each[0] for each in said]
    assert kinds[:3] == ["cosigned", "cosigned", "WitnessAhead"], said
    assert kinds[3:] == ["WitnessRejected", "WitnessRejected"], said
    assert ["403" in each[1] for each in said[3:]] == [False, True]
