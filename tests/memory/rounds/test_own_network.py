"""A consortium's own network and loss in whole rounds, with consent and without, in one process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.audit.first_model import check_first_model
from fl.events import Event
from fl.protocol.audit import Report
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA_DRAWN
from fl.replay.ledger_view import Keyring
from fl.replay.round_documents import read_manifest
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.hospital.agent import Hospital
from fl.training.data.dataset import TRAIN, Dataset, save_dataset
from fl.training.data.labels import LabelMap
from fl.training.data.partition import divide
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from fl.training.evaluation.predict import Predictor, evaluate
from fl.training.local.config import LocalConfig
from fl.training.model.consent import Consent
from fl.training.model.device import use_threads
from fl.training.model.spec import OWN, ModelSpec
from fl.training.model.weights import Vector
from fl.training.recipe import Recipe
from scripts.commands.audit import first_digest
from scripts.wiring.home import MemberHome
from scripts.wiring.plans import first_model
from scripts.wiring.training import evaluator, save_labelled, trainer
from tests.support.consent import consenting, installed, source_of
from tests.support.federation import Consortium, Party, endorser, found, memory_connect, run_all, settle

EXAMPLES = Path(__file__).parents[3] / "examples"
ROUNDS = 2
SAME = {"healthy": "healthy", "leukemia": "leukemia"}
CELLS = draw_dataset(SyntheticPlan(subjects=18, cells=8, size_px=32), 3)


@pytest.fixture
def recipe() -> Iterator[Recipe]:
    use_threads(1)
    with installed(EXAMPLES):
        spec = ModelSpec(kind=OWN, size_px=32, source=str(source_of("own_network.model:build")))
        yield Recipe(spec, LocalConfig(epochs=2, batch=8, lr=3e-3, horizon=ROUNDS, augment=0.0), 1)


def consent(recipe: Recipe) -> Consent:
    return Consent((source_of(recipe.spec.source.partition("@")[0]),))


def give_images(world: Consortium) -> None:
    """Save each hospital's part."""
    for party, part in zip(world.hospitals, divide(CELLS, 3, 1), strict=True):
        party.folder.mkdir(exist_ok=True)
        save_dataset(labelled(part), party.folder / "data.npz")


def hospitals_of(world: Consortium) -> list[Hospital]:
    """Start the hospitals, for the first time or again."""
    parties = [(party, party.folder / "data.npz") for party in world.hospitals]
    return [Hospital(party.ports(world.vault), trainer(data, party.name, "cpu")) for party, data in parties]


def coordinator_of(world: Consortium, recipe: Recipe, rounds: int) -> Coordinator:
    config = RoundConfig(0.5, 50.0, 4096, recipe.to_dict(), LEUKEMIA_DRAWN)
    plan = replace(world.plan(rounds), config=config)
    with consenting(consent(recipe)):
        return Coordinator(world.coordinator.ports(world.vault), plan, first_model(recipe))


def federate(world: Consortium, recipe: Recipe) -> list[Vector]:
    """Run the plan with the hospitals' own training; return the models that the auditor saw."""
    give_images(world)
    models: list[Vector] = []

    def judge(model: Vector, _config: RoundConfig) -> Evaluation:
        models.append(model)
        return Evaluation()

    coordinator = coordinator_of(world, recipe, ROUNDS)
    with consenting(consent(recipe)):
        run_all(coordinator, [Auditor(world.auditor.ports(world.vault), judge), *hospitals_of(world)])
    return models


def reasons(party: Party, what: Event) -> list[str]:
    return [str(facts["reason"]) for event, facts in party.events if event == what]


def labelled(cells: Dataset) -> Dataset:
    return LabelMap(LEUKEMIA_DRAWN, SAME).apply(cells)


def test_hospitals_that_agreed_train_the_example_and_an_auditor_computes_its_first_model(
    tmp_path: Path, recipe: Recipe
) -> None:
    world = found(tmp_path, memory_connect())
    models = federate(world, recipe)
    with consenting(consent(recipe)):
        auroc = evaluate(Predictor(recipe.spec, models[-1]), labelled(CELLS).part(TRAIN), LEUKEMIA_DRAWN).auroc
    assert auroc is not None
    assert auroc > 0.7
    key = AuditKey(world.auditor.account, Keyring(world.auditor.keys))
    report, federation = Audit(world.operator.anchor, world.vault, key, endorser()).run(
        world.operator.replay(), lambda _done, _of: None
    )
    assert "network.head.weight" in read_manifest(federation.openings[0], world.vault).names
    with consenting(consent(recipe)):
        check_first_model(federation, world.vault, report, first_digest)
    assert report.clean
    assert report.checks["first models"] == 1
    without = Report()
    with consenting(Consent()):
        check_first_model(federation, world.vault, without, first_digest)
    assert without.notes[0].startswith("The first model was not computed again. The round names the network")
    assert "first models" not in without.checks


def test_members_that_did_not_agree_say_once_how_to_agree_and_go_on_after_a_restart_with_it(
    tmp_path: Path, recipe: Recipe
) -> None:
    world = found(tmp_path, memory_connect())
    give_images(world)
    holdout = world.auditor.folder / "data.npz"
    save_labelled(CELLS, LabelMap(LEUKEMIA_DRAWN, SAME), MemberHome(world.auditor.folder, "auditor"))
    recipe = replace(recipe, local=replace(recipe.local, epochs=1))
    coordinator = coordinator_of(world, recipe, rounds=1)
    how = f"run again with --allow-network {recipe.spec.source}"

    def auditor() -> Auditor:
        return Auditor(world.auditor.ports(world.vault), evaluator(holdout))

    with consenting(Consent()):
        settle(coordinator, auditor(), *hospitals_of(world))
    for hospital in world.hospitals:
        (reason,) = reasons(hospital, Event.ROUND_REFUSED)
        assert reason.startswith("NetworkNotAllowed: ")
        assert how in reason
    with consenting(consent(recipe)):
        settle(coordinator, *hospitals_of(world))
    with consenting(Consent()):
        settle(coordinator, auditor())
    (reason,) = reasons(world.auditor, Event.MODEL_NOT_ATTESTED)
    assert how in reason
    assert not coordinator.done
    with consenting(consent(recipe)):
        settle(coordinator, auditor())
    assert coordinator.done
