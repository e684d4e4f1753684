"""Training rounds and the two rounds that calibrate, with real roles, masks and an audit, in one process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.protocol.errors import NoAnswer
from fl.protocol.names import Protection
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA_DRAWN
from fl.replay.ledger_view import Keyring
from fl.replay.round_documents import read_manifest
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.hospital.agent import Hospital
from fl.roles.serving.current_model import VerifiedModelCache
from fl.training.calibrating import closing_rounds
from fl.training.calibration.numbers import Calibration, length_of
from fl.training.data.dataset import save_dataset
from fl.training.data.labels import LabelMap
from fl.training.data.partition import divide
from fl.training.data.synthetic import SyntheticPlan, draw_cell, draw_dataset
from fl.training.evaluation.predict import Predictor
from fl.training.local.config import LocalConfig
from fl.training.model.device import use_threads
from fl.training.model.spec import ModelSpec
from fl.training.model.weights import Vector
from fl.training.pictures.gate import prepare
from fl.training.recipe import Recipe
from scripts.wiring.plans import first_model, held_back
from scripts.wiring.training import trainer
from tests.support.federation import endorser, found, memory_connect, run_all
from webui.federation.predictions import FederationPredictions

SPEC = ModelSpec(size_px=32, width=8)
LOCAL = LocalConfig(epochs=1, batch=16, lr=3e-3, horizon=1)


@pytest.mark.parametrize("protection", [Protection.MASKED, Protection.SEALED])
def test_the_rounds_after_the_training_calibrate_the_same_weights_on_the_ledger(
    tmp_path: Path, protection: Protection
) -> None:
    use_threads(1)
    cells = draw_dataset(SyntheticPlan(subjects=36, cells=12, size_px=32), 3)
    world = found(tmp_path, memory_connect())
    recipe = held_back(Recipe(SPEC, LOCAL, 1), calibrate=True)
    config = RoundConfig(0.5, 50.0, 4096, recipe.to_dict(), LEUKEMIA_DRAWN)
    plan = replace(
        world.plan(1), config=config, closing=closing_rounds(config), protection=protection, step_timeout_s=60
    )
    if protection == Protection.MASKED:
        plan = replace(plan, min_commitments=1)
    hospitals = []
    for party, part in zip(world.hospitals, divide(cells, 3, 1), strict=True):
        party.folder.mkdir(exist_ok=True)
        file = party.folder / "data.npz"
        save_dataset(LabelMap(LEUKEMIA_DRAWN, {"healthy": "healthy", "leukemia": "leukemia"}).apply(part), file)
        hospitals.append(Hospital(party.ports(world.vault), trainer(file, party.name, "cpu")))
    models: list[Vector] = []

    def judge(model: Vector, _config: RoundConfig) -> Evaluation:
        models.append(model)
        return Evaluation({"auroc": 0.5})

    coordinator = Coordinator(world.coordinator.ports(world.vault), plan, first_model(recipe))
    run_all(coordinator, [Auditor(world.auditor.ports(world.vault), judge), *hospitals])
    numbers = length_of(2)
    trained, scored, limited = (model[:-numbers] for model in models)
    assert (scored == trained).all()
    assert (limited == trained).all()
    states = [Calibration.of(model[-numbers:], 2).state for model in models]
    assert states == [0, 1, 2]
    final = Calibration.of(models[-1][-numbers:], 2)
    assert final.samples.sum() >= 60
    federation = coordinator.view.refresh()
    assert "calibration.limits" in read_manifest(federation.opening, world.vault).names
    ledger = world.operator
    key = AuditKey(world.auditor.account, Keyring(world.auditor.keys))
    report, _ = Audit(ledger.anchor, world.vault, key, endorser()).run(ledger.replay(), lambda _done, _of: None)
    assert report.clean
    reader = VerifiedModelCache(
        ledger, world.vault, world.hospitals[0].account, Keyring(world.hospitals[0].keys), world.auditor.now, Predictor
    )
    site, judge_here = FederationPredictions(reader, world.vault), Predictor(SPEC, models[-1])
    own = [draw_cell(seed % 2, seed) for seed in range(12)]
    answers = [judge_here.answer(prepare(cell, SPEC.size_px)) for cell in own]
    usual = next(index for index, answer in enumerate(answers) if not answer.foreign)
    told = site.predict(own[usual])
    assert list(told.shares.values()) == answers[usual].probabilities.tolist()
    assert told.kept is not None
    assert tuple(code in told.kept for code in told.shares) == answers[usual].kept
    strange = own[usual][..., ::-1].copy()  # red for blue: it passes the gate, but no hospital has such a cell
    strange[..., 1] //= 8
    with pytest.raises(NoAnswer, match="unlike the pictures"):
        site.predict(strange)
