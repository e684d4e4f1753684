"""Every role as a process of its own: they are killed, restarted and set up wrongly; nothing is lost, faults are named.

Nothing here sleeps to be in time: a process is waited for by its output, the ledger or a file, each with a deadline.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from fl.protocol.names import Digest
from fl.protocol.rounds.round import Phase
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.data.labels import LabelMap
from fl.training.data.synthetic import SyntheticPlan, draw_cell, draw_dataset
from fl.training.pictures.images import encode_png
from scripts.commands.data import HOLDOUT, parts_of
from scripts.demo.together import found_together
from scripts.wiring.home import Home
from scripts.wiring.training import save_labelled
from tests.support.processes import HOSPITALS, PASSWORD, SMALL, Party, Process, free_port, invoke, until

PLAN = SyntheticPlan(subjects=12, cells=12, size_px=32)

pytestmark = pytest.mark.slow


def served_round(address: str) -> tuple[int, bool]:
    """Return the round whose model a site's first page shows, and whether the ledger confirmed it just now."""
    with requests.Session() as session:
        session.trust_env = False
        page = session.get(address, timeout=60).text
    found = re.search(r"Round <strong>(\d+)</strong>", page)
    assert found, page
    return int(found[1]), "Verified on the ledger" in page


@pytest.fixture(scope="module")
def party(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Party]:
    """Found a consortium and start its chain, auditor and hospitals; there is no coordinator yet."""
    found = Party(Home(tmp_path_factory.mktemp("party")), free_port())
    try:
        found.start_chain()
        found_together(found.home, found.url, HOSPITALS)
        parts = parts_of(draw_dataset(PLAN, 7), len(HOSPITALS), 7)
        labels = LabelMap(LEUKEMIA, {code: code for code in LEUKEMIA.codes})
        save_labelled(parts.pop(HOLDOUT), labels, found.home.member("auditor"))
        for name, part in parts.items():
            save_labelled(part, labels, found.home.member(name))
        for name in HOSPITALS:
            found.start_hospital(name)
        found.start("auditor", "auditor", "run")
        yield found
    finally:
        for process in found.processes.values():
            process.send(signal.SIGCONT)
            process.kill()


@pytest.fixture(scope="module")
def killed_while_training(party: Party) -> Party:
    """Kill beta while it trains in round 1, start it again, and leave a coordinator running that wants three rounds."""
    party.start_coordinator(rounds=3)
    beta = party.processes["beta"]
    beta.wait_for(r"beta: training \(round 1\)")
    beta.kill()
    assert party.promises("beta") == [], "beta was killed too late"
    party.start_hospital("beta")
    party.processes["coordinator"].wait_for(r"final \(round 1\)")
    return party


@dataclass
class Cut:
    """What was seen when alpha was killed between its outbox and its commitment in round 2."""

    party: Party
    promised: Digest
    committed_before: bool
    head: str
    """Hash of the newest block, after round 2, before chain and coordinator were killed."""
    head_again: str
    """The same after the chain's restart."""


@pytest.fixture(scope="module")
def cut(killed_while_training: Party) -> Cut:
    """Kill alpha between outbox and commitment in round 2; then chain and coordinator; start all of them again."""
    party = killed_while_training
    chain, alpha, coordinator = (party.processes[name] for name in ("chain", "alpha", "coordinator"))
    alpha.wait_for(r"alpha: training \(round 2\)")
    chain.send(signal.SIGSTOP)  # alpha can promise now, but not commit
    until("alpha's promise", lambda: len(party.promises("alpha")) == 2)
    alpha.kill()
    chain.send(signal.SIGCONT)
    committed = party.account("alpha") in party.federation().round(2).commitments
    party.start_hospital("alpha")
    coordinator.wait_for(r"final \(round 2\)")
    coordinator.kill()
    head = party.head()
    chain.kill()
    party.processes["auditor"].wait_for("auditor: waiting")
    party.start_chain()
    return Cut(party, party.promises("alpha")[1], committed, head, party.head())


@pytest.fixture(scope="module")
def third_round(cut: Cut) -> Party:
    """Let the coordinator finish its three rounds."""
    coordinator = cut.party.start_coordinator(rounds=3)
    assert coordinator.exit_code() == 0, coordinator.output
    return cut.party


def test_a_second_process_of_the_same_role_or_chain_is_refused(party: Party) -> None:
    folder = str(party.home.folder)
    patient = (*SMALL, "--protection", "sealed", "--hospitals", "9")  # waits for hospitals that never come
    first = Process("coordinator", "run", *patient, "--home", folder)
    chain = Process("chain", "run", "--port", str(free_port()), "--home", folder)
    first.wait_for("coordinator: ready")
    second = Process("coordinator", "run", *patient, "--home", folder)
    party.processes["alpha"].wait_for("alpha: ready")
    hospital = invoke("hospital", "run", "--name", "alpha", "--home", folder)
    assert hospital.exit_code == 77
    assert "already runs this role" in hospital.output
    for process, words in ((second, "already runs this role"), (chain, "already runs the chain")):
        assert process.exit_code() == 77, process.output
        assert words in process.output
    assert first.stop() == 0


def test_a_round_ends_though_a_hospital_was_killed_while_it_trained(killed_while_training: Party) -> None:
    first = killed_while_training.federation().round(1)
    assert first.phase == Phase.FINAL
    assert len(first.hospitals) == 2


def test_a_hospital_killed_between_outbox_and_commitment_commits_the_very_file_it_promised(cut: Cut) -> None:
    second = cut.party.federation().round(2)
    assert not cut.committed_before, "alpha was killed too late"
    assert second.phase == Phase.FINAL
    assert second.commitments[cut.party.account("alpha")] == cut.promised
    assert cut.party.home.vault.has(cut.promised)


def test_a_killed_chain_comes_back_with_the_same_head_and_a_clean_history(cut: Cut) -> None:
    assert cut.head_again == cut.head
    audit = cut.party.audit("--format", "json")
    assert audit.exit_code == 0, audit.output
    assert json.loads(audit.stdout)["findings"] == []


def test_the_round_after_chain_and_coordinator_were_killed_becomes_final(third_round: Party) -> None:
    federation = third_round.federation()
    assert [found.phase for found in federation.rounds] == [Phase.FINAL] * 3
    audit = third_round.audit("--format", "json")
    assert audit.exit_code == 0, audit.output
    assert json.loads(audit.stdout)["checks"]["aggregates"] == 3


def test_running_members_and_a_site_follow_a_hand_over_and_a_rotated_key(third_round: Party) -> None:
    party, folder = third_round, str(third_round.home.folder)
    alpha, beta = party.processes["alpha"], party.processes["beta"]
    site, address = party.start_site("beta")
    assert served_round(address) == (3, True)
    assert alpha.stop() == 0
    assert invoke("hospital", "rotate", "--home", folder, "--name", "alpha").exit_code == 0
    handed = invoke("consortium", "hand-over", "--home", folder)
    assert handed.exit_code == 0, handed.output
    beta.wait_for("beta: handed over")
    assert served_round(address) == (3, True), "the model that was verified last stays"
    site.wait_for("site: handed over")
    party.start_hospital("alpha")
    coordinator = party.start_coordinator(rounds=4)
    assert coordinator.exit_code() == 0, coordinator.output
    federation = party.federation()
    assert len(federation.openings) == 2
    assert federation.round(4).phase == Phase.FINAL
    assert federation.round(4).keys[party.account("alpha")].epoch == 2
    assert beta.running
    assert served_round(address) == (4, True)
    assert party.audit().exit_code == 0


def test_a_port_in_use_is_refused(party: Party, tmp_path: Path) -> None:
    chain = Process("chain", "run", "--home", str(tmp_path), "--port", str(party.port))
    folder = str(party.home.folder)
    site = invoke("serve", "--home", folder, "--name", "alpha", "--port", str(party.port))
    assert chain.exit_code() == 78, chain.output
    assert f"Port {party.port} on 127.0.0.1 is in use" in chain.output
    assert site.exit_code == 78
    assert f"Port {party.port} on 127.0.0.1 is in use" in site.output


def test_a_chain_that_is_down_or_another_one_is_named(party: Party, tmp_path: Path) -> None:
    document = json.loads(party.home.deployment_file.read_bytes())
    other = Home(tmp_path / "other")
    port = free_port()
    other.folder.mkdir()
    other.deployment_file.write_text(json.dumps({**document, "url": f"http://127.0.0.1:{port}"}))
    down = invoke("consortium", "members", "--home", str(other.folder))
    chain = Process("chain", "run", "--home", str(other.folder), "--port", str(port))
    try:
        chain.wait_for("Chain ready at")
        wrong = invoke("consortium", "members", "--home", str(other.folder))
    finally:
        chain.kill()
    assert down.exit_code == 75
    assert down.output.startswith("No Ethereum node answers at")
    assert wrong.exit_code == 78
    assert "is not the one of this consortium" in wrong.output


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"healthy/a.png": b"", "leukemia/b.png": b"whole"}, "could not be read"),
        ({"healthy/a.png": b"cut", "leukemia/b.png": b"whole"}, "could not be read"),
        ({}, "cannot be used"),
    ],
    ids=["empty image", "cut image", "no images"],
)
def test_images_that_cannot_be_trained_on_are_refused_by_name(
    files: dict[str, bytes], words: str, tmp_path: Path
) -> None:
    whole = encode_png(draw_cell(1, 3, 32))
    folder = tmp_path / "images"
    folder.mkdir()
    for place, content in files.items():
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).write_bytes({b"whole": whole, b"cut": whole[: len(whole) // 2]}.get(content, content))
    made = invoke(
        "hospital", "init", "--home", str(tmp_path / "run"), "--name", "alpha", "--data", str(folder), env=PASSWORD
    )
    assert made.exit_code == 65
    assert words in made.output


def test_a_wrong_password_or_another_role_is_refused(party: Party) -> None:
    folder = str(party.home.folder)
    wrong = invoke("hospital", "join", "--home", folder, "--name", "alpha", env=PASSWORD)
    role = invoke("auditor", "run", "--home", folder, "--name", "alpha")
    again = invoke("consortium", "create", "--home", folder, "--rpc", party.url)
    assert (wrong.exit_code, role.exit_code, again.exit_code) == (78, 78, 78)
    assert "could not be opened: the password is wrong" in wrong.output
    assert "alpha has the role hospital, not auditor" in role.output
    assert "exists already" in again.output
