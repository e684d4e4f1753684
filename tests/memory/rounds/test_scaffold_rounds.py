"""Rounds of SCAFFOLD with real training: the server's control variate is the mean of the hospitals' own ones."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.events import Event
from fl.protocol.names import Protection
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase
from fl.protocol.task_catalogue import LEUKEMIA_DRAWN
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Keyring, LedgerView
from fl.replay.round_documents import read_manifest
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.hospital.agent import Hospital
from fl.training.aggregation.choice import SCAFFOLD, Aggregation
from fl.training.data.dataset import save_dataset
from fl.training.data.labels import LabelMap
from fl.training.data.partition import divide
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from fl.training.local.config import LocalConfig
from fl.training.local.control_store import ControlStore
from fl.training.model.device import use_threads
from fl.training.model.spec import ModelSpec
from fl.training.model.weights import Vector
from fl.training.recipe import Recipe
from scripts.wiring.plans import first_model
from scripts.wiring.training import trainer
from tests.support.federation import Clock, Consortium, Party, endorser, found, memory_connect, settle

CHOICE = Aggregation(SCAFFOLD, hospitals=3)
RECIPE = Recipe(
    ModelSpec(size_px=16, width=8, depth=1), LocalConfig(epochs=1, batch=8, lr=0.05, lr_final=0.05), 1, CHOICE
)
STEP = 1e-5
"""More than rounding to words of 32 bits changes in a few rounds."""


@dataclass
class Controlled:
    """Three hospitals that train a small network."""

    folder: Path
    protection: Protection
    clock: Clock = field(default_factory=Clock)
    world: Consortium = field(init=False)
    boss: Coordinator = field(init=False)
    auditor: Auditor = field(init=False)

    def __post_init__(self) -> None:
        use_threads(1)
        self.world = found(self.folder, memory_connect(self.clock), now=self.clock)
        cells = draw_dataset(SyntheticPlan(subjects=12, cells=3, size_px=16), 3)
        for party, part in zip(self.world.hospitals, divide(cells, 3, 1), strict=True):
            labelled = LabelMap(LEUKEMIA_DRAWN, {"healthy": "healthy", "leukemia": "leukemia"}).apply(part)
            party.folder.mkdir(exist_ok=True)
            save_dataset(labelled, party.folder / "data.npz")
        config = RoundConfig(0.5, 50.0, 1, RECIPE.to_dict(), LEUKEMIA_DRAWN)
        plan = replace(self.world.plan(99), config=config, protection=self.protection, step_timeout_s=60)
        plan = replace(plan, min_hospitals=3, min_commitments=2)
        self.boss = Coordinator(self.world.coordinator.ports(self.world.vault), plan, first_model(RECIPE))
        self.auditor = Auditor(self.world.auditor.ports(self.world.vault), lambda _model, _config: Evaluation())

    def hospital(self, party: Party, *, from_zero: bool = False) -> Hospital:
        """Return a freshly started agent."""
        train = trainer(party.folder / "data.npz", party.name, "cpu", control_from_zero=from_zero)
        return Hospital(party.ports(self.world.vault), train)

    def open(self) -> None:
        """Bring the next round to its opening."""
        while self.boss.view.refresh().active_round is None:
            assert self.boss.step()

    def finish(self, *hospitals: Hospital) -> Phase:
        """Run the open round to its end, and return how it ended; the clock moves on when nobody acts."""
        for _ in range(60):
            settle(self.auditor, *hospitals)
            for hospital in hospitals:
                hospital.finish_training()
            settle(self.auditor, *hospitals)
            current = self.boss.view.refresh().rounds[-1]
            if current.ended:
                return current.phase
            if not self.boss.step():
                self.clock.now += 30
        raise AssertionError("the round never ended")

    def control(self) -> Vector:
        """Return the server's control variate in the current model."""
        federation = LedgerView(self.world.operator).refresh()
        manifest = read_manifest(federation.opening, self.world.vault)
        reader = FileReader(self.world.auditor.account, self.world.vault, Keyring(self.world.auditor.keys))
        return reader.model(federation.source, manifest)[manifest.weights :]

    def own(self, party: Party) -> Vector:
        """Return the variate that counts for a hospital."""
        final = (each for each in reversed(self.boss.view.refresh().rounds) if each.phase == Phase.FINAL)
        counted = next((each.context for each in final if party.account in each.hospitals), None)
        return ControlStore(party.folder / "control").variate(counted, self.control().size)

    def check_mean(self) -> None:
        mean = np.mean([self.own(party) for party in self.world.hospitals], axis=0)
        assert np.abs(mean).max() > 100 * STEP
        assert np.abs(self.control() - mean).max() < STEP

    def audited(self) -> list[str]:
        key = AuditKey(self.world.auditor.account, Keyring(self.world.auditor.keys))
        made = Audit(self.world.operator.anchor, self.world.vault, key, endorser())
        report, _ = made.run(self.world.operator.replay(), lambda _done, _of: None)
        return [finding.name for finding in report.findings]


@pytest.mark.parametrize("protection", [Protection.MASKED, Protection.SEALED])
def test_the_server_s_variate_is_the_mean_of_the_hospitals_and_the_audit_replays_it(
    tmp_path: Path, protection: Protection
) -> None:
    world = Controlled(tmp_path, protection)
    hospitals = [world.hospital(party) for party in world.world.hospitals]
    for _ in range(2):
        world.open()
        assert world.finish(*hospitals) == Phase.FINAL
        world.check_mean()
    terms = world.boss.view.refresh().rounds[-1].terms
    assert terms.parameters == 2 * world.control().size
    assert world.audited() == []


def test_an_aborted_round_and_a_missed_round_leave_the_variates_that_the_ledger_counted(tmp_path: Path) -> None:
    world = Controlled(tmp_path, Protection.SEALED)
    alpha, beta, gamma = world.world.hospitals
    world.open()
    assert world.finish(*map(world.hospital, (alpha, beta, gamma))) == Phase.FINAL
    counted = world.own(alpha)
    world.open()
    assert world.finish(world.hospital(alpha)) == Phase.ABORTED, "one update is too few"
    assert len(list((alpha.folder / "control").iterdir())) == 2
    assert (world.own(alpha) == counted).all()
    world.check_mean()
    world.open()
    assert world.finish(*map(world.hospital, (alpha, beta))) == Phase.FINAL
    assert (world.own(alpha) != counted).any()
    world.check_mean()
    world.open()
    assert world.finish(*map(world.hospital, (alpha, beta, gamma))) == Phase.FINAL
    world.check_mean()
    assert world.audited() == []


def test_a_hospital_that_is_killed_after_its_training_sends_the_change_of_the_variate_that_it_keeps(
    tmp_path: Path,
) -> None:
    world = Controlled(tmp_path, Protection.MASKED)
    alpha, beta, gamma = world.world.hospitals
    world.open()
    killed = world.hospital(alpha)
    killed.step()
    killed.finish_training()
    assert len(list((alpha.folder / "control").iterdir())) == 1
    assert world.finish(*map(world.hospital, (alpha, beta, gamma))) == Phase.FINAL
    world.check_mean()


def test_a_lost_variate_ends_the_hospital_s_part_until_somebody_says_to_begin_from_zero(tmp_path: Path) -> None:
    world = Controlled(tmp_path, Protection.SEALED)
    alpha, beta, gamma = world.world.hospitals
    world.open()
    assert world.finish(*map(world.hospital, (alpha, beta, gamma))) == Phase.FINAL
    for path in (alpha.folder / "control").iterdir():
        path.write_bytes(path.read_bytes()[:-4])
    world.open()
    assert world.finish(*map(world.hospital, (alpha, beta, gamma))) == Phase.FINAL
    refused = [str(facts["reason"]) for what, facts in alpha.events if what == Event.ROUND_REFUSED]
    assert len(refused) == 1
    assert "ControlLost" in refused[0]
    assert "--control-from-zero" in refused[0]
    world.open()
    again = [world.hospital(alpha, from_zero=True), world.hospital(beta), world.hospital(gamma)]
    assert world.finish(*again) == Phase.FINAL
    assert alpha.account in world.boss.view.refresh().rounds[-1].hospitals
