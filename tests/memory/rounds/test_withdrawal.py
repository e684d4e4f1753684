"""A hospital withdraws: the branch without it has the bits of a federation that never had it from that round on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.events import Event
from fl.protocol.audit import Report
from fl.protocol.branch import BRANCH, Branch
from fl.protocol.errors import BranchWrong, FederationNotOpened, RoundStillOpen, SettingInvalid, VaultMissing
from fl.protocol.names import Digest, Protection, Role
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase
from fl.protocol.task_catalogue import LEUKEMIA_DRAWN
from fl.protocol.withdrawal import DATA, HOSPITAL, Withdrawal
from fl.replay.branches import base_without, check_branch, pending
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Keyring, LedgerView
from fl.replay.round_documents import digest_of, read_config
from fl.replay.withdrawals import Price, Stage, courses, price_without
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Initial, Plan
from fl.roles.coordinator.returns import go_back
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.withdrawing import withdraw
from fl.roles.kept_models import file_of
from fl.roles.serving.current_model import VerifiedCache
from fl.training.calibrating import closing_rounds
from fl.training.data.dataset import save_dataset
from fl.training.data.labels import LabelMap
from fl.training.data.partition import divide
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from fl.training.local.config import LocalConfig
from fl.training.model.device import use_threads
from fl.training.model.spec import ModelSpec
from fl.training.recipe import Recipe
from scripts.wiring.plans import first_model, held_back
from scripts.wiring.training import trainer
from tests.support.federation import Consortium, Party, endorser, found, memory_connect, run_all, settle
from tests.support.world import World

SPEC, LOCAL = ModelSpec(size_px=16, width=8, depth=1), LocalConfig(epochs=1, batch=16, lr=3e-3, horizon=4)
RECIPE = held_back(Recipe(SPEC, LOCAL, 1), calibrate=True)
CONFIG = RoundConfig(0.5, 50.0, 4096, RECIPE.to_dict(), LEUKEMIA_DRAWN)
NAMES = ("alpha", "beta", "gamma", "delta")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return each hospital's images, by name."""
    use_threads(1)
    cells = draw_dataset(SyntheticPlan(subjects=24, cells=6, size_px=16), 3)
    found_here = {}
    for name, part in zip(NAMES, divide(cells, 4, 1), strict=True):
        found_here[name] = tmp_path_factory.mktemp(name) / "data.npz"
        save_dataset(
            LabelMap(LEUKEMIA_DRAWN, {"healthy": "healthy", "leukemia": "leukemia"}).apply(part), found_here[name]
        )
    return found_here


def play(world: Consortium, images: dict[str, Path], plan: Plan, start: Initial, parties: Sequence[Party]) -> None:
    """Run the agents until the plan is done."""
    hospitals = [Hospital(each.ports(world.vault), trainer(images[each.name], each.name, "cpu")) for each in parties]
    auditor = Auditor(world.auditor.ports(world.vault), lambda _model, _config: Evaluation({"auroc": 0.5}))
    run_all(Coordinator(world.coordinator.ports(world.vault), plan, start), [auditor, *hospitals])


def audited(world: Consortium) -> Report:
    key = AuditKey(world.auditor.account, Keyring(world.auditor.keys))
    ledger = world.operator
    return Audit(ledger.anchor, world.vault, key, endorser()).run(ledger.replay(), lambda _done, _of: None)[0]


def test_the_branch_without_a_hospital_has_the_bits_of_a_federation_that_never_had_it(
    tmp_path: Path, images: dict[str, Path]
) -> None:
    start = first_model(RECIPE)
    world = found(tmp_path / "with", memory_connect())
    plan = replace(world.plan(1), config=CONFIG, protection=Protection.MASKED, step_timeout_s=60)
    play(world, images, plan, start, world.hospitals)
    rest, delta = tuple(world.hospitals), world.join("delta", Role.HOSPITAL)
    play(world, images, replace(plan, rounds=3, min_hospitals=4, min_commitments=4), start, (*rest, delta))
    view = LedgerView(world.operator)
    before = view.refresh()
    assert [delta.account in each.hospitals for each in before.rounds] == [False, True, True]
    assert base_without(before, delta.account) == 1
    withdraw(delta.ports(world.vault), Withdrawal(HOSPITAL, 1))
    assert [each.base for each in pending(view.refresh(), world.vault)] == [1]
    go_back(world.coordinator.ports(world.vault), 1)
    assert pending(view.refresh(), world.vault) == []
    plan = replace(plan, closing=closing_rounds(CONFIG))
    play(world, images, replace(plan, rounds=3), start, (*rest, delta))

    federation = view.refresh()
    assert federation.superseded == {2, 3}
    after = federation.rounds[3:]
    assert [each.phase for each in after] == [Phase.FINAL] * 4, "two that train, two that calibrate"
    assert all(set(each.hospitals) == {party.account for party in rest} for each in after)
    base = before.rounds[0]
    branch = Branch(digest_of(base), 1, 1)
    assert all(Branch.of(read_config(each, world.vault).training) == branch for each in after)
    report = audited(world)
    assert report.clean
    said = (
        "The model of round 7 is what the rest alone gives, without delta: it comes from the model of round 1, and "
        "rounds 4, 5, 6 and 7 were summed again from files of the others. That cost 4 rounds; from the first model it "
        "would have cost 5."
    )
    assert report.successors == [said]

    reader = FileReader(world.auditor.account, world.vault, Keyring(world.auditor.keys))
    model = reader.model(base, start.manifest)
    fresh = found(tmp_path / "without", memory_connect())
    config = replace(CONFIG, training={**CONFIG.training, BRANCH: branch.to_dict()})
    alone = replace(fresh.plan(2), config=config, closing=closing_rounds(config))  # sealed: masks change no bit
    play(fresh, images, alone, Initial(start.manifest, model), fresh.hospitals)
    assert [digest_of(each) for each in LedgerView(fresh.operator).refresh().rounds] == [digest_of(e) for e in after]
    assert audited(fresh).clean


def test_no_round_opens_while_the_model_uses_what_was_taken_back(tmp_path: Path) -> None:
    world = World(tmp_path)
    coordinator, auditor, hospitals = world.coordinator(2), world.auditor(), world.hospitals()
    settle(coordinator, auditor, *hospitals)
    gamma = world.party("gamma")
    assert price_without(world.federation, gamma.account, 2) == Price(1, (2,), 2)
    withdraw(gamma.ports(world.consortium.vault), Withdrawal(HOSPITAL, 1))
    settle(world.coordinator(3), auditor, *hospitals)
    assert course(world) == (Stage.ASKED, 0, (1, 2), ())
    assert world.phases() == ["FINAL", "FINAL"]
    reasons = [str(facts["reason"]) for what, facts in world.party("coordinator").events if what == Event.ALARM]
    why = "the model still uses what gamma took back; run `hemaledger coordinator go-back`, which returns to "
    assert reasons == [f"{why}the first model"]
    ports = world.consortium.coordinator.ports(world.consortium.vault)
    with pytest.raises(SettingInvalid, match="already"):
        go_back(ports, 2)
    with pytest.raises(SettingInvalid, match=r"0 \(the first model\), 1\.$"):
        go_back(ports, 7)
    go_back(ports, 0)
    assert world.federation.untrained
    assert course(world) == (Stage.GONE_BACK, 0, (1, 2), ())
    settle(world.coordinator(2), auditor, *hospitals)
    assert course(world) == (Stage.TRAINED_ON, 0, (1, 2), (3, 4))
    assert world.phases() == ["FINAL"] * 4
    assert gamma.account not in {account for each in world.federation.rounds[2:] for account in each.roster}
    assert world.federation.superseded == {1, 2}


def test_rows_are_taken_back_from_the_round_that_the_hospital_says(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run(3)
    alpha = world.party("alpha")
    withdraw(alpha.ports(world.consortium.vault), Withdrawal(DATA, 3, 2))
    ports = world.consortium.coordinator.ports(world.consortium.vault)
    assert [each.base for each in pending(world.federation, world.consortium.vault)] == [2]
    coordinator = world.coordinator(99)
    go_back(ports, 2)
    assert pending(world.federation, world.consortium.vault) == []
    coordinator.step()
    with pytest.raises(RoundStillOpen):
        go_back(ports, 1)
    assert alpha.account in world.current.roster
    settle(world.coordinator(3), world.auditor(), *world.hospitals())
    assert world.phases() == ["FINAL"] * 4
    go_back(ports, 1)
    assert course(world) == (Stage.GONE_BACK, 2, (3,), ())
    withdraw(alpha.ports(world.consortium.vault), Withdrawal(DATA, 3, 1))
    assert course(world) == (Stage.UNUSED, 0, (), ())
    settle(world.coordinator(2), world.auditor(), *world.hospitals())
    numbers = [Branch.of(read_config(each, world.consortium.vault).training) for each in world.federation.rounds]
    assert [branch.number if branch else 0 for branch in numbers] == [0, 0, 0, 1, 2]
    assert world.federation.superseded == {2, 3, 4}


def test_a_round_with_another_entry_than_its_branch_is_refused(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run(2)
    go_back(world.consortium.coordinator.ports(world.consortium.vault), 1)
    world.coordinator(99).step()
    vault, current = world.consortium.vault, world.current
    right = read_config(current, vault)
    check_branch(world.federation, current, right, vault)
    entry = Branch.of(right.training)
    assert entry is not None
    for wrong in (None, replace(entry, number=2), replace(entry, after=2), replace(entry, base=initial_digest(world))):
        training = {name: each for name, each in right.training.items() if name != BRANCH}
        given = {**training, **({} if wrong is None else {BRANCH: wrong.to_dict()})}
        with pytest.raises(BranchWrong):
            check_branch(world.federation, current, replace(right, training=given), vault)


def test_a_superseded_model_answers_no_more(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run(2)
    alpha, vault = world.party("alpha"), world.consortium.vault
    cache = VerifiedCache(
        alpha.ledger, vault, alpha.account, Keyring(alpha.keys), world.clock, lambda one: one.round.number
    )
    assert cache.current().predictor == 2
    ports = world.consortium.coordinator.ports(vault)
    go_back(ports, 1)
    file = vault.path(file_of(world.federation.rounds[0]))
    file.rename(file.with_suffix(".away"))
    with pytest.raises(VaultMissing):
        cache.current()
    file.with_suffix(".away").rename(file)
    assert cache.current().predictor == 1
    go_back(ports, 0)
    with pytest.raises(FederationNotOpened):
        cache.current()
    settle(world.coordinator(1), world.auditor(), *world.hospitals())
    assert cache.current().predictor == 3


def course(world: World) -> tuple[Stage, int, tuple[int, ...], tuple[int, ...]]:
    """Return how far the newest withdrawal is."""
    found = courses(world.federation, world.consortium.vault)[-1]
    return found.stage, found.base, found.superseded, found.rounds


def initial_digest(world: World) -> Digest:
    return world.federation.openings[0].record.model_digest
