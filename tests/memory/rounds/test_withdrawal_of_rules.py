"""A hospital withdraws from a federation whose rule keeps facts about earlier rounds: SCAFFOLD, voted groups, tables.

The branch has the bits of a federation that begins with the base and never had the hospital.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.protocol.audit import Report
from fl.protocol.branch import BRANCH, Branch
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Protection, Role
from fl.protocol.ports import Ledger
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.task_catalogue import LEUKEMIA_DRAWN
from fl.protocol.withdrawal import HOSPITAL, Withdrawal
from fl.replay.branches import pending, with_branch
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Keyring, LedgerView
from fl.replay.round_documents import digest_of
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Initial, Plan
from fl.roles.coordinator.returns import go_back
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.withdrawing import withdraw
from fl.training.aggregation.choice import SCAFFOLD, VOTED, Aggregation
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
from fl.training.tables.design import Design
from fl.training.tables.plans import NetworkPlan, TablePlan
from scripts.wiring.plans import first_model, held_back
from scripts.wiring.tables import TableCoordinator, table_evaluator, table_trainer
from scripts.wiring.training import trainer
from tests.support.federation import (
    Consortium,
    Party,
    endorser,
    found,
    memory_connect,
    names_of,
    new_account,
    run_all,
    settle,
)
from tests.support.ledger import MemoryChain, MemoryLedger
from tests.support.toy_table import BASE, NETWORK, REGRESSION, drawn

SPEC = ModelSpec(size_px=16, width=8, depth=1)
SLOW = LocalConfig(epochs=1, batch=8, lr=0.05, lr_final=0.05)
NAMES = (*names_of(6), "omega")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return each hospital's images, by name."""
    use_threads(1)
    cells = draw_dataset(SyntheticPlan(subjects=28, cells=4, size_px=16), 3)
    found_here = {}
    for name, part in zip(NAMES, divide(cells, len(NAMES), 1), strict=True):
        found_here[name] = tmp_path_factory.mktemp(name) / "data.npz"
        labelled = LabelMap(LEUKEMIA_DRAWN, {"healthy": "healthy", "leukemia": "leukemia"}).apply(part)
        save_dataset(labelled, found_here[name])
    return found_here


def play(world: Consortium, images: dict[str, Path], plan: Plan, start: Initial, parties: Sequence[Party]) -> None:
    """Run the agents until the plan is done."""
    hospitals = [Hospital(each.ports(world.vault), trainer(images[each.name], each.name, "cpu")) for each in parties]
    auditor = Auditor(world.auditor.ports(world.vault), lambda _model, _config: Evaluation({"auroc": 0.5}))
    run_all(Coordinator(world.coordinator.ports(world.vault), plan, start), [auditor, *hospitals], 60)


def audited(world: Consortium) -> Report:
    key = AuditKey(world.auditor.account, Keyring(world.auditor.keys))
    ledger = world.operator
    return Audit(ledger.anchor, world.vault, key, endorser()).run(ledger.replay(), lambda _done, _of: None)[0]


def federation_of(world: Consortium) -> Federation:
    return LedgerView(world.operator).refresh()


def model_of(world: Consortium, start: Initial, source: Round) -> Vector:
    reader = FileReader(world.auditor.account, world.vault, Keyring(world.auditor.keys))
    return reader.model(source, start.manifest)


def test_a_branch_of_scaffold_begins_with_control_variates_of_zero(tmp_path: Path, images: dict[str, Path]) -> None:
    recipe = Recipe(SPEC, SLOW, 1, Aggregation(SCAFFOLD, hospitals=4))
    config, start = RoundConfig(0.5, 50.0, 1, recipe.to_dict(), LEUKEMIA_DRAWN), first_model(recipe)
    world = found(tmp_path / "with", memory_connect())
    plan = replace(world.plan(1), config=config, protection=Protection.MASKED, step_timeout_s=60)
    play(world, images, plan, start, world.hospitals)
    rest, delta = tuple(world.hospitals), world.join("delta", Role.HOSPITAL)
    play(world, images, replace(plan, rounds=2, min_hospitals=4, min_commitments=4), start, (*rest, delta))
    withdraw(delta.ports(world.vault), Withdrawal(HOSPITAL, 1))
    assert [each.base for each in pending(federation_of(world), world.vault)] == [1]
    go_back(world.coordinator.ports(world.vault), 1)
    play(world, images, replace(plan, rounds=3), start, rest)
    federation = federation_of(world)
    after, base = federation.rounds[2:], model_of(world, start, federation.rounds[0])
    assert base[start.manifest.weights :].any(), "the variate of the base is not zero"
    own = [variate(images, each.name, after[-1], start) for each in rest]
    np.testing.assert_allclose(
        model_of(world, start, after[-1])[start.manifest.weights :], np.sum(own, axis=0) / 4, atol=1e-5
    )
    report = audited(world)
    assert report.clean
    assert "is what the rest alone gives, without delta" in report.successors[0]

    branch = Branch(digest_of(federation.rounds[0]), 1, 1)
    fresh = found(tmp_path / "without", memory_connect())
    alone = replace(config, training={**config.training, BRANCH: branch.to_dict()})
    play(fresh, images, replace(fresh.plan(2), config=alone), Initial(start.manifest, base), fresh.hospitals)
    assert [digest_of(each) for each in federation_of(fresh).rounds] == [digest_of(each) for each in after]
    assert audited(fresh).clean


def variate(images: dict[str, Path], name: str, current: Round, start: Initial) -> Vector:
    """Return the control variate of a hospital after a round."""
    size = start.manifest.length - start.manifest.weights
    return ControlStore(images[name].with_name("control")).variate(current.context, size)


People = dict[str, Address]


def same_people(accounts: People) -> Callable[[str], Ledger]:
    """Return a `connect` over one fresh chain; a name has the same account on each of them."""
    for name in ("operator", "coordinator", "auditor", *NAMES):
        accounts.setdefault(name, new_account())
    chain = MemoryChain(lambda: int(time.time()), accounts["operator"], secrets.token_bytes(32))
    return lambda name: MemoryLedger(chain, accounts[name])


def test_a_branch_of_voted_groups_deals_the_same_groups_on_any_ledger(tmp_path: Path, images: dict[str, Path]) -> None:
    recipe = held_back(
        Recipe(SPEC, LocalConfig(epochs=1, batch=8, lr=3e-3), 1, Aggregation(VOTED, groups=2)), calibrate=False
    )
    config, start, accounts = (
        RoundConfig(0.5, 50.0, 4096, recipe.to_dict(), LEUKEMIA_DRAWN),
        first_model(recipe),
        People(),
    )
    world = found(tmp_path / "with", same_people(accounts), hospitals=6)
    plan = replace(world.plan(3), config=config, protection=Protection.SEALED, min_hospitals=6, min_commitments=1)
    play(world, images, plan, start, world.hospitals)
    rest, leaver = tuple(world.hospitals), world.join("omega", Role.HOSPITAL)
    play(world, images, replace(plan, rounds=6, min_hospitals=7), start, (*rest, leaver))
    withdraw(leaver.ports(world.vault), Withdrawal(HOSPITAL, 1))
    base = pending(federation_of(world), world.vault)[0].base
    assert base in (3, 4), "the leaver is in the first or the second group"
    go_back(world.coordinator.ports(world.vault), base)
    play(world, images, replace(plan, rounds=9), start, rest)
    federation = federation_of(world)
    source, after = federation.rounds[base - 1], federation.rounds[6:]
    assert all(each.phase == Phase.FINAL and leaver.account not in each.roster for each in after)
    report = audited(world)
    assert report.clean
    assert "is what the rest alone gives, without omega" in report.successors[0]

    branch = Branch(digest_of(source), 1, base)
    fresh = found(tmp_path / "without", same_people(accounts), hospitals=6)
    alone = replace(config, training={**config.training, BRANCH: branch.to_dict()})
    begun = Initial(start.manifest, model_of(world, start, source))
    play(fresh, images, replace(plan, rounds=len(after), config=alone), begun, fresh.hospitals)
    rounds = federation_of(fresh).rounds
    assert [each.roster for each in rounds] == [each.roster for each in after]
    assert [digest_of(each) for each in rounds] == [digest_of(each) for each in after]
    assert audited(fresh).clean


@pytest.mark.parametrize("table", [REGRESSION, NETWORK], ids=["regression", "network"])
def test_a_table_goes_back_to_its_first_model_and_sums_its_statistics_again(
    tmp_path: Path, table: TablePlan | NetworkPlan
) -> None:
    world = found(tmp_path / "with", memory_connect(), hospitals=4)
    run_table(world, table, world.hospitals)
    *rest, delta = world.hospitals
    count = len(federation_of(world).rounds)
    withdraw(delta.ports(world.vault), Withdrawal(HOSPITAL, 1))
    assert [each.base for each in pending(federation_of(world), world.vault)] == [0], "the statistics have its rows"
    go_back(world.coordinator.ports(world.vault), 0)
    run_table(world, table, rest)
    federation = federation_of(world)
    after = federation.rounds[count:]
    assert all(each.phase == Phase.FINAL and delta.account not in each.roster for each in after)
    report = audited(world)
    assert report.clean
    assert "is what the rest alone gives, without delta" in report.successors[0]

    fresh = found(tmp_path / "without", memory_connect())
    branch = Branch(federation.openings[0].record.model_digest, 1, 0)
    run_table(fresh, Branched(table, branch), fresh.hospitals)
    assert [digest_of(each) for each in federation_of(fresh).rounds] == [digest_of(each) for each in after]
    assert audited(fresh).clean


class Branched:
    """A table's plan in which each configuration has the entry of a branch."""

    def __init__(self, table: TablePlan | NetworkPlan, branch: Branch) -> None:
        self._table, self._branch = table, branch

    def __getattr__(self, name: str) -> object:
        return getattr(self._table, name)

    def statistics(self, base: RoundConfig) -> RoundConfig:
        return with_branch(self._table.statistics(base), self._branch)

    def config(self, design: Design, final: int, base: RoundConfig) -> RoundConfig:
        return with_branch(self._table.config(design, final, base), self._branch)


def run_table(world: Consortium, table: TablePlan | NetworkPlan | Branched, parties: Sequence[Party]) -> None:
    """Run the agents until the plan of a table has ended."""
    hospitals = [Hospital(each.ports(world.vault), table_trainer(drawn(each.name), each.name)[0]) for each in parties]
    auditor = Auditor(world.auditor.ports(world.vault), table_evaluator(drawn("held-out rows")))
    plan = replace(world.plan(1), config=BASE, min_hospitals=3, min_commitments=3)
    boss = TableCoordinator(world.coordinator.ports(world.vault), plan, table)  # type: ignore[arg-type]
    for _ in range(400):
        settle(boss, auditor, *hospitals)
        for each in hospitals:
            each.finish_training()
        if boss.done:
            settle(auditor, *hospitals)
            return
    said = [(p.name, [str(e)[:300] for e in p.events[-2:]]) for p in (world.coordinator, world.auditor, *parties)]
    raise AssertionError([(r.number, r.phase.name, len(r.roster)) for r in federation_of(world).rounds], said)
