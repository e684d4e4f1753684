"""A consortium of processes whose members change: one joins late, one leaves, and the coordinator is lost for ever."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from chain.transactions import keystore
from fl.protocol.names import Role, show
from fl.protocol.rounds.round import Phase
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.data.labels import LabelMap
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from scripts.commands.data import HOLDOUT, parts_of
from scripts.demo.together import found_together
from scripts.wiring.home import Home
from scripts.wiring.training import save_labelled
from tests.support.processes import Party, Process, free_port, invoke

HOSPITALS = ["alpha", "beta", "gamma"]
PLAN = SyntheticPlan(subjects=16, cells=8, size_px=32)
OPTIONS = (
    *("--preset", "synthetic", "--width", "8", "--image-size", "32", "--epochs", "1", "--no-calibrate"),
    *("--commit-timeout", "600", "--despite-alarm"),
)

pytestmark = pytest.mark.slow


@dataclass
class Changing(Party):
    """The consortium, and machines of members that come later."""

    def machine(self, name: str) -> Home:
        return Home(self.home.folder.parent / name)

    def join(self, name: str, role: str) -> Home:
        """Invite a member, and join on a machine of its own, as people would."""
        operator, machine = str(self.home.folder), self.machine(name)
        file = machine.folder.parent / f"{name}.json"
        machine.member(name).create_password()
        done("consortium", "invite", "--home", operator, "--role", role, "--out", str(file), name)
        assert invoke("join", str(file), "--home", str(machine.folder), "--no-wait").exit_code == 75
        account = show(keystore.claimed_address(machine.member(name).account_file))
        done("consortium", "register", "--home", operator, "--account", account, "--role", role, "--name", name)
        done("join", str(file), "--home", str(machine.folder))
        return machine

    def revoke(self, name: str, reason: str) -> None:
        account = show(self.account(name))
        done("consortium", "revoke", "--home", str(self.home.folder), "--account", account, "--reason", reason)

    def coordinate(self, rounds: int, hospitals: int, name: str = "coordinator") -> Process:
        home = self.home if name == "coordinator" else self.machine(name)
        how = ("--name", name, "--hospitals", str(hospitals), "--rounds", str(rounds), *OPTIONS)
        self.processes[name] = Process("coordinator", "run", *how, "--home", str(home.folder))
        return self.processes[name]


def done(*arguments: str) -> None:
    told = invoke(*arguments)
    assert told.exit_code == 0, told.output


@pytest.fixture(scope="module")
def party(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changing]:
    """Run two rounds of three hospitals; the data of a fourth one wait."""
    folder = tmp_path_factory.mktemp("party")
    found = Changing(Home(folder / "operator"), free_port())
    try:
        found.start_chain()
        found_together(found.home, found.url, HOSPITALS, vault=f"file://{folder / 'vault'}")
        parts = parts_of(draw_dataset(PLAN, 7), len(HOSPITALS) + 1, 7)
        labels = LabelMap(LEUKEMIA, {code: code for code in LEUKEMIA.codes})
        save_labelled(parts.pop(HOLDOUT), labels, found.home.member("auditor"))
        homes = dict.fromkeys(HOSPITALS, found.home) | {"delta": found.machine("delta")}
        for (name, home), part in zip(homes.items(), parts.values(), strict=True):
            save_labelled(part, labels, home.member(name))
        for name in HOSPITALS:
            found.start_hospital(name)
        found.start("auditor", "auditor", "run")
        assert found.coordinate(2, 3).exit_code() == 0, found.processes["coordinator"].output
        yield found
    finally:
        for process in found.processes.values():
            process.send(signal.SIGCONT)
            process.kill()


@pytest.fixture(scope="module")
def joined(party: Changing) -> Changing:
    """Let a coordinator wait for four hospitals, then let the fourth one join."""
    coordinator = party.coordinate(3, 4)
    coordinator.wait_for("3 hospitals could take part")
    machine = party.join("delta", "hospital")
    delta = Process("hospital", "run", "--name", "delta", "--device", "cpu", "--home", str(machine.folder))
    party.processes["delta"] = delta
    assert coordinator.exit_code() == 0, coordinator.output
    return party


@pytest.fixture(scope="module")
def left(joined: Changing) -> Changing:
    """End the membership of gamma, then run a round with the other three."""
    joined.revoke("gamma", "it moves to another consortium")
    coordinator = joined.coordinate(4, 3)
    assert coordinator.exit_code() == 0, coordinator.output
    return joined


@pytest.fixture(scope="module")
def replaced(left: Changing) -> Changing:
    """Kill the coordinator in the middle of round 5, for ever, and put another one in its place."""
    lost = left.coordinate(9, 3)
    lost.wait_for(r"opened \(round 5")
    lost.kill()
    left.revoke("coordinator", "its machine is lost")
    left.join("heir", "coordinator")
    heir = left.coordinate(6, 3, "heir")
    assert heir.exit_code() == 0, heir.output
    return left


def test_a_hospital_that_joins_after_two_rounds_takes_part_in_the_third(joined: Changing) -> None:
    federation = joined.federation()
    assert [each.phase for each in federation.rounds] == [Phase.FINAL] * 3
    assert joined.account("delta") in federation.round(3).hospitals
    assert len(federation.round(3).hospitals) == 4
    assert "granted the model (member delta)" in joined.processes["coordinator"].output


def test_a_hospital_that_left_is_told_and_its_agent_ends(left: Changing) -> None:
    gamma = left.processes["gamma"]
    assert gamma.exit_code() == 77
    assert "ended the membership of gamma. The reason: it moves to another consortium." in gamma.output
    assert len(left.federation().round(4).hospitals) == 3


def test_another_coordinator_goes_on_after_the_first_is_lost(replaced: Changing) -> None:
    federation = replaced.federation()
    phases = [each.phase for each in federation.rounds[4:]]
    assert phases == [Phase.ABORTED, Phase.FINAL, Phase.FINAL]
    assert federation.rounds[-1].opener == replaced.account("heir")
    grant = federation.grants.made[-1]
    assert grant.record.reader == replaced.account("heir")
    assert federation.book.members[grant.record.sender].role == Role.HOSPITAL


def test_the_audit_of_all_that_is_clean(replaced: Changing) -> None:
    audit = replaced.audit()
    assert audit.exit_code == 0, audit.output
    assert "granted the model of round 2 to delta" in audit.output
