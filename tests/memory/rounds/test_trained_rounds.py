"""What counts as trained, what training may change, and with which recipe a model may be calibrated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.events import Event
from fl.protocol.errors import AggregationUnusable, FederationNotOpened
from fl.protocol.federation import Federation
from fl.protocol.names import Protection
from fl.protocol.records import RoundOpened, Terms
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Keyring, LedgerView
from fl.replay.round_documents import read_config
from fl.replay.trained_rounds import check_calibration
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.background_training import Train, TrainingJob
from fl.roles.serving.current_model import VerifiedModelCache
from fl.training.aggregation.quantise import Vector
from fl.training.aggregation.work import LaneValues, Learned, SumSpec, without_sum
from fl.training.calibrating import closing_rounds
from fl.training.calibration.numbers import Calibration, length_of
from fl.training.evaluation.predict import Predictor
from fl.training.local.config import LocalConfig
from fl.training.recipe import Recipe
from scripts.wiring.plans import first_model
from tests.support.federation import SPEC, Consortium, endorser, found, memory_connect, memory_folder, nudge, settle

RECIPE = Recipe(SPEC, LocalConfig(held_back=0.2), 7)
CONFIG = RoundConfig(0.5, 50.0, 1024, RECIPE.to_dict(), LEUKEMIA)
SCORES, LIMITS = closing_rounds(CONFIG)
FIRST = first_model(RECIPE)
TAIL = length_of(2)


@dataclass
class Three:
    """Three hospitals that move every number they get, and count nothing."""

    world: Consortium
    jobs: list[TrainingJob] = field(default_factory=list)
    judged: list[Vector] = field(default_factory=list)

    def run(self, *configs: RoundConfig) -> Federation:
        """Make one more round of each configuration final."""
        for config in configs:
            done = len(LedgerView(self.world.operator).refresh().rounds)
            plan = replace(self.world.plan(done + 1), config=config, every=True)
            boss = Coordinator(self.world.coordinator.ports(self.world.vault), plan, FIRST)
            auditor = Auditor(self.world.auditor.ports(self.world.vault), self.judge)
            settle(
                boss, auditor, *(Hospital(p.ports(self.world.vault), self.train(p.name)) for p in self.world.hospitals)
            )
            assert boss.done
        return LedgerView(self.world.operator).refresh()

    def judge(self, model: Vector, _config: RoundConfig) -> Evaluation:
        self.judged.append(model)
        return Evaluation({"auroc": 0.5})

    def train(self, name: str) -> Train:
        def act(job: TrainingJob) -> Learned:
            self.jobs.append(job)
            spec = SumSpec.from_dict(job.config.training)
            return LaneValues(np.zeros(spec.plan.length, np.int64), 10) if spec else nudge(name)(job)

        return act

    def model(self, federation: Federation) -> Vector:
        party = self.world.auditor
        return FileReader(party.account, self.world.vault, Keyring(party.keys)).model(federation.source, FIRST.manifest)

    def site(self) -> VerifiedModelCache:
        party = self.world.hospitals[0]
        keyring = Keyring(party.keys)
        return VerifiedModelCache(party.ledger, self.world.vault, party.account, keyring, party.now, Predictor)

    def findings(self) -> list[str]:
        party, ledger = self.world.auditor, self.world.operator
        key = AuditKey(party.account, Keyring(party.keys))
        report, _ = Audit(ledger.anchor, self.world.vault, key, endorser()).run(
            ledger.replay(), lambda _done, _of: None
        )
        return [finding.name for finding in report.findings]


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Three]:
    with memory_folder(tmp_path) as folder:
        yield Three(found(folder, memory_connect()))


def test_hospitals_that_move_the_numbers_of_a_calibration_move_the_weights_only(three: Three) -> None:
    model = three.model(three.run(CONFIG))
    assert (model[:-TAIL] != FIRST.vector[:-TAIL]).any()
    assert model[-TAIL:].tobytes() == FIRST.vector[-TAIL:].tobytes()
    calibrated = three.model(three.run(SCORES))
    assert Calibration.of(calibrated[-TAIL:], 2).state == 1
    again = three.model(three.run(CONFIG))
    assert again[-TAIL:].tobytes() == calibrated[-TAIL:].tobytes()
    assert three.findings() == []


def test_a_model_that_was_calibrated_and_never_trained_counts_as_untrained(three: Three) -> None:
    federation = three.run(SCORES, LIMITS)
    assert not federation.untrained, "the numbers behind the weights are others"
    assert three.judged == []
    assert [job.trained for job in three.jobs] == [False] * 6
    site = three.site()
    with pytest.raises(FederationNotOpened):
        site.current()
    three.run(CONFIG)
    assert site.current().round.number == 3
    assert len(three.judged) == 1


def test_a_calibration_with_another_recipe_than_the_training_is_refused_and_found(three: Three) -> None:
    other = replace(RECIPE, local=replace(RECIPE.local, held_back=0.4))
    scores = closing_rounds(replace(CONFIG, training=other.to_dict()))[0]
    federation, world = three.run(CONFIG), three.world
    boss, config = world.coordinator, world.vault.put(scores.to_bytes())
    spec = SumSpec.from_dict(scores.training)
    assert spec is not None
    now = boss.now()
    terms = Terms(Protection.SEALED, 3, 1, 0, spec.plan.length, config, 60, now + 120, now + 240)
    roster = tuple(sorted(party.account for party in world.hospitals))
    boss.ledger.append(RoundOpened(boss.account, 2, terms, roster, federation.model_digest))
    party, before = world.hospitals[0], len(three.jobs)
    settle(Hospital(party.ports(world.vault), three.train(party.name)))
    [reason] = [str(facts["reason"]) for what, facts in party.events if what == Event.ROUND_REFUSED]
    assert "recipe of round 2 is not that of round 1" in reason
    assert len(three.jobs) == before
    assert "AggregationUnusable" in three.findings()


def test_a_coordinator_with_a_new_plan_calibrates_with_the_recipe_of_the_training(three: Three) -> None:
    longer = replace(RECIPE, local=replace(RECIPE.local, horizon=9))
    federation = three.run(CONFIG, closing_rounds(replace(CONFIG, training=longer.to_dict()))[0])
    used = read_config(federation.rounds[1], three.world.vault)
    assert without_sum(used.training) == CONFIG.training
    assert used == SCORES
    wrong = replace(used, training={**used.training, "seed": 8})
    with pytest.raises(AggregationUnusable, match="recipe of round 2"):
        check_calibration(federation, federation.rounds[1], wrong, three.world.vault)
