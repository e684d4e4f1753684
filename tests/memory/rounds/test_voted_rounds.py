"""Masked rounds of groups and votes on their sums: who is dealt where, what a bad sum does, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.events import Event
from fl.protocol.codec import JsonValue
from fl.protocol.errors import FederationNotOpened
from fl.protocol.names import Address, Protection, Role
from fl.protocol.records import MemberRevoked, RoundOpened, Terms
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase
from fl.protocol.task_catalogue import LEUKEMIA_DRAWN
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Keyring, LedgerView
from fl.replay.round_documents import read_config
from fl.replay.round_groups import cycle_before, deal, is_group, is_vote
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Initial, Plan
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.background_training import Train, TrainingJob
from fl.roles.serving.current_model import VerifiedModelCache
from fl.training.aggregation.choice import VOTED, Aggregation
from fl.training.aggregation.groups import GROUP, VOTE, VoteRule, vote_plan
from fl.training.aggregation.lanes import Lane, LanePlan
from fl.training.aggregation.quantise import Vector
from fl.training.aggregation.work import LaneValues, Learned, SumSpec
from fl.training.data.dataset import save_dataset
from fl.training.data.labels import LabelMap
from fl.training.data.partition import divide
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from fl.training.evaluation.predict import Predictor
from fl.training.local.config import LocalConfig
from fl.training.model.device import use_threads
from fl.training.model.spec import ModelSpec
from fl.training.recipe import Recipe
from scripts.wiring.plans import first_model
from scripts.wiring.training import trainer
from tests.support.federation import (
    CONFIG,
    SPEC,
    Clock,
    Consortium,
    endorser,
    found,
    initial,
    memory_connect,
    memory_folder,
    nudge,
    settle,
)

CHOICE = Aggregation(VOTED, groups=2)
RECIPE = Recipe(SPEC, LocalConfig(), 1, CHOICE)
START = initial()
D = START.vector.size
FIRST = Initial(START.manifest.with_state(CHOICE.state), np.concatenate([START.vector, np.zeros(2 * D, np.float32)]))
BAD = np.float32(0.3)
"""How far a liar moves every weight."""


def voting(name: str, train: Train | None = None, votes: Callable[[Vector], list[int]] | None = None) -> Train:
    """Return a hospital that trains with `train` and accepts each change that is small."""

    def small(changes: Vector) -> list[int]:
        return [int(np.abs(row).max() < BAD / 10) for row in changes]

    def act(job: TrainingJob) -> Learned:
        if SumSpec.from_dict(job.config.training) is None:
            return (train or nudge(name))(job)
        return LaneValues(np.array((votes or small)(job.state.reshape(2, -1)), np.int64), 10)

    return act


def lie(job: TrainingJob) -> Learned:
    return job.previous + BAD, nudge("liar")(job)[1]


@dataclass
class Six:
    """Six hospitals in two groups."""

    folder: Path
    trains: dict[str, Train] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    world: Consortium = field(init=False)
    judged: list[Vector] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = found(self.folder, memory_connect(self.clock), hospitals=4, now=self.clock)
        self.world.hospitals.extend(self.world.join(name, Role.HOSPITAL) for name in ("epsilon", "zeta"))

    @property
    def plan(self) -> Plan:
        config = replace(CONFIG, training=RECIPE.to_dict())
        plan = replace(self.world.plan(3), config=config, protection=Protection.MASKED, step_timeout_s=60)
        return replace(plan, min_commitments=1, min_hospitals=6)

    def boss(self, plan: Plan | None = None) -> Coordinator:
        return Coordinator(self.world.coordinator.ports(self.world.vault), plan or self.plan, FIRST)

    def run(self, rounds: int = 3, plan: Plan | None = None) -> None:
        def judge(model: Vector, _config: RoundConfig) -> Evaluation:
            self.judged.append(model)
            return Evaluation({"auroc": 0.5})

        boss, vault = self.boss(replace(plan or self.plan, rounds=rounds)), self.world.vault
        auditor = Auditor(self.world.auditor.ports(vault), judge)
        hospitals = [
            Hospital(party.ports(vault), self.trains.get(party.name, voting(party.name)))
            for party in self.world.hospitals
        ]
        for _ in range(60):
            settle(boss, auditor, *hospitals)
            if boss.done:
                return
            for hospital in hospitals:
                hospital.finish_training()
        raise AssertionError("the plan was never done")

    def model(self) -> Vector:
        party = self.world.auditor
        reader = FileReader(party.account, self.world.vault, Keyring(party.keys))
        return reader.model(LedgerView(self.world.operator).refresh().source, FIRST.manifest)

    def findings(self) -> list[str]:
        party = self.world.auditor
        key = AuditKey(party.account, Keyring(party.keys))
        made = Audit(self.world.operator.anchor, self.world.vault, key, endorser())
        report, _ = made.run(self.world.operator.replay(), lambda _done, _of: None)
        return [finding.name for finding in report.findings]

    def rosters(self) -> list[tuple[Address, ...]]:
        return [each.roster for each in LedgerView(self.world.operator).refresh().rounds]


@pytest.fixture
def six(tmp_path: Path) -> Iterator[Six]:
    with memory_folder(tmp_path) as folder:
        yield Six(folder)


def test_two_groups_of_three_are_summed_apart_and_their_mean_is_the_next_model(six: Six) -> None:
    six.run()
    rounds = LedgerView(six.world.operator).refresh().rounds
    assert [(each.phase, each.masked) for each in rounds] == [
        (Phase.FINAL, True),
        (Phase.FINAL, True),
        (Phase.FINAL, False),
    ]
    one, two, everybody = six.rosters()
    assert len(one) == len(two) == 3
    assert sorted(one + two) == list(everybody)
    names = {party.account: party.name for party in six.world.hospitals}
    means = []
    for number, group in ((1, one), (2, two)):
        learned = [nudge(names[each])(TrainingJob(number, START.vector, CONFIG)) for each in group]
        vectors = [vector.astype(np.float64) - START.vector for vector, _ in learned]
        means.append(np.average(vectors, axis=0, weights=[metrics.samples for _, metrics in learned]))
    model = six.model()
    norms = [np.linalg.norm(mean) for mean in means]
    shortened = [mean * (min(norms) / norm) for mean, norm in zip(means, norms, strict=True)]
    middle = START.vector + (shortened[0] + shortened[1]) / 2
    assert np.abs(model[:D] - middle).max() < 2e-6  # a rounding of float32 each
    assert not model[D:].any()
    assert six.findings() == []
    assert len(six.judged) == 1, "before the first vote there are only the first weights"


def test_a_sum_before_the_groups_takes_no_round_from_the_vote(six: Six) -> None:
    spec = SumSpec(LanePlan("card", (Lane("counts", 2, 0, 1, "Two numbers."),)), "keep")
    card = replace(six.plan.config, training={**RECIPE.to_dict(), **spec.to_dict()})
    six.run(1, replace(six.plan, config=card, protection=Protection.SEALED))
    six.run(3)
    rounds = LedgerView(six.world.operator).refresh().rounds
    configs = [read_config(each, six.world.vault) for each in rounds if each.phase == Phase.FINAL]
    assert [(is_group(config), is_vote(config)) for config in configs] == [
        (False, False),
        (True, False),
        (True, False),
        (False, True),
    ]
    assert six.findings() == []


def test_the_sum_of_a_liar_s_group_is_refused_and_the_other_one_counts(six: Six) -> None:
    six.trains["gamma"] = voting("gamma", lie)
    six.run()
    moved = np.abs(six.model()[:D] - START.vector)
    assert 0 < moved.max() < BAD / 10
    assert six.findings() == []


def test_two_liars_who_vote_for_themselves_have_no_majority(six: Six) -> None:
    for name in ("gamma", "alpha"):
        six.trains[name] = voting(name, lie, lambda changes: [1 - int(np.abs(row).max() < BAD / 10) for row in changes])
    six.run()
    assert np.abs(six.model()[:D] - START.vector).max() < BAD / 10


def test_without_a_majority_the_weights_keep_their_bits(six: Six) -> None:
    for party in six.world.hospitals[:3]:
        six.trains[party.name] = voting(party.name, votes=lambda _changes: [0, 0])
    six.run()
    assert six.model()[:D].tobytes() == START.vector.tobytes()
    assert six.findings() == []


def test_each_cycle_deals_again(six: Six) -> None:
    six.run(rounds=6)
    federation = LedgerView(six.world.operator).refresh()
    seeds = {cycle_before(federation, number, None, six.world.vault).seed for number in (1, 2, 3)}
    later = {cycle_before(federation, number, None, six.world.vault).seed for number in (4, 5, 6)}
    assert len(seeds) == len(later) == 1
    assert seeds != later
    everybody = tuple(sorted(party.account for party in six.world.hospitals))
    assert six.rosters()[3:5] == list(deal(later.pop(), everybody, 2))
    assert six.findings() == []


def test_a_cycle_whose_group_lost_too_many_hospitals_ends_and_everybody_is_dealt_again(six: Six) -> None:
    six.world.hospitals.append(six.world.join("eta", Role.HOSPITAL))
    six.run(rounds=1)
    everybody = {party.account for party in six.world.hospitals}
    lost = min(everybody - set(six.rosters()[0]))
    six.world.operator.append(MemberRevoked(six.world.operator.account, lost, "it left"))
    six.world.hospitals[:] = [party for party in six.world.hospitals if party.account != lost]
    six.run()
    assert six.boss().view.refresh().final_round is not None
    first, one, two, voters = six.rosters()
    assert (len(first), len(one), len(two)) == (4, 3, 3)
    assert sorted(one + two) == list(voters) == sorted(everybody - {lost})
    alarms = [str(facts["reason"]) for what, facts in six.world.coordinator.events if what == Event.ALARM]
    assert alarms == ["group 2 has too few hospitals left, so all are dealt into groups again"]
    assert six.findings() == []
    assert np.abs(six.model()[:D] - START.vector).max() > 0


def test_too_few_hospitals_for_the_plan_are_told_once(six: Six) -> None:
    six.run(rounds=1)
    lost = six.rosters()[0][0]
    six.world.operator.append(MemberRevoked(six.world.operator.account, lost, "it left"))
    boss = six.boss()
    settle(boss)
    settle(boss)
    alarms = [str(facts["reason"]) for what, facts in six.world.coordinator.events if what == Event.ALARM]
    assert [each.partition(" (")[0] for each in alarms] == ["5 hospitals could take part, and the next round needs 6"]


def test_the_first_weights_count_as_untrained_until_a_vote_whatever_came_between(six: Six) -> None:
    jobs: list[TrainingJob] = []

    def noted(job: TrainingJob) -> Learned:
        jobs.append(job)
        return voting("beta")(job)

    six.trains["beta"] = noted
    six.run(rounds=1)
    card = LanePlan("card", (Lane("counts", 2, 0, 1, "Nothing."),))
    config = replace(CONFIG, training={**RECIPE.to_dict(), **SumSpec(card, "keep").to_dict()})
    six.run(2, replace(six.plan, config=config))
    assert six.judged == []
    assert [job.trained for job in jobs] == [False] * len(jobs)
    reader = six.world.hospitals[0]
    site = VerifiedModelCache(
        reader.ledger, six.world.vault, reader.account, Keyring(reader.keys), reader.now, Predictor
    )
    with pytest.raises(FederationNotOpened):
        site.current()


# --- What a coordinator with other software opens is refused ------------------------------------------------------


def opened(six: Six, training: dict[str, JsonValue], roster: tuple[Address, ...], protection: Protection) -> list[str]:
    """Open the next round, and return why a hospital in it refuses, and what an audit finds."""
    boss, vault, masked = six.world.coordinator, six.world.vault, protection == Protection.MASKED
    federation = LedgerView(six.world.operator).refresh()
    config = replace(CONFIG, training={**RECIPE.to_dict(), **training})
    terms = Terms(
        protection=protection,
        min_commitments=len(roster),
        attestations=1,
        threshold=len(roster) if masked else 0,
        parameters=2 if GROUP not in training else D,
        config_digest=vault.put(config.to_bytes()),
        step_timeout=60,
        commit_deadline=boss.now() + 120,
        close_deadline=boss.now() + 240,
    )
    number = federation.last_round + 1
    boss.ledger.append(RoundOpened(boss.account, number, terms, roster, federation.model_digest))
    party = next(each for each in six.world.hospitals if each.account == roster[0])
    before = len(party.events)

    def never(_job: TrainingJob) -> Learned:
        raise AssertionError("a hospital took part in a round that it must refuse")

    hospital = Hospital(party.ports(vault), never)
    settle(hospital)
    hospital.finish_training()
    return [str(facts["reason"]) for what, facts in party.events[before:] if what == Event.ROUND_REFUSED]


def ballot() -> dict[str, JsonValue]:
    return {**SumSpec(vote_plan(2), VOTE, VoteRule(2).to_dict()).to_dict()}


def test_a_roster_that_the_coordinator_chose_is_refused_by_hospitals_and_found_by_the_audit(six: Six) -> None:
    six.boss().step()
    everybody = tuple(sorted(party.account for party in six.world.hospitals))
    dealt = deal(cycle_before(LedgerView(six.world.operator).refresh(), 1, None, six.world.vault).seed, everybody, 2)[0]
    chosen = next(each for each in (everybody[:3], everybody[1:4]) if each != dealt)
    [reason] = opened(six, {GROUP: 1}, chosen, Protection.MASKED)
    assert "as the ledger deals it" in reason
    assert "AggregationUnusable" in six.findings()


@pytest.mark.parametrize(
    ("training", "why"),
    [({GROUP: 2}, "turn of group 1"), (None, "turn of group 1"), ({GROUP: 3}, "no group 3"), ({}, "is for no group")],
)
def test_a_round_out_of_turn_is_refused(six: Six, training: dict[str, JsonValue] | None, why: str) -> None:
    six.boss().step()
    everybody = tuple(sorted(party.account for party in six.world.hospitals))
    protection = Protection.SEALED if training is None else Protection.MASKED
    [reason] = opened(six, ballot() if training is None else training, everybody, protection)
    assert why in reason


def test_a_masked_vote_and_a_vote_of_some_hospitals_are_refused(six: Six) -> None:
    six.run(rounds=2)
    everybody = tuple(sorted(party.account for party in six.world.hospitals))
    [reason] = opened(six, ballot(), everybody, Protection.MASKED)
    assert "vote many times unseen" in reason


def test_a_vote_without_one_hospital_is_refused(six: Six) -> None:
    six.run(rounds=2)
    everybody = tuple(sorted(party.account for party in six.world.hospitals))
    [reason] = opened(six, ballot(), everybody[:5], Protection.SEALED)
    assert "the vote as the ledger deals it" in reason


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (SumSpec(vote_plan(2), VOTE, VoteRule(2, 9.0).to_dict()).to_dict(), "a margin of its own"),
        ({"local": LocalConfig(held_back=0.2).to_dict()}, "recipe of round 3 is not that of round 1"),
    ],
)
def test_a_vote_with_its_own_margin_or_on_other_images_is_refused_and_found(
    six: Six, changed: dict[str, JsonValue], why: str
) -> None:
    six.run(rounds=2)
    everybody = tuple(sorted(party.account for party in six.world.hospitals))
    [reason] = opened(six, {**ballot(), **changed}, everybody, Protection.SEALED)
    assert why in reason
    assert "AggregationUnusable" in six.findings()


def test_a_group_that_would_train_with_another_recipe_than_the_group_before_is_refused(six: Six) -> None:
    six.run(rounds=1)
    federation, everybody = LedgerView(six.world.operator).refresh(), {p.account for p in six.world.hospitals}
    dealt = tuple(sorted(everybody - set(federation.rounds[0].roster)))
    [reason] = opened(six, {GROUP: 2, "seed": 2}, dealt, Protection.MASKED)
    assert "recipe of round 2 is not that of round 1" in reason


def test_a_coordinator_with_a_new_plan_ends_the_cycle_with_the_recipe_that_it_began_with(six: Six) -> None:
    six.run(rounds=1)
    config = replace(CONFIG, training=replace(RECIPE, seed=5).to_dict())
    six.run(4, replace(six.plan, config=config))
    vault, rounds = six.world.vault, LedgerView(six.world.operator).refresh().rounds
    assert [read_config(each, vault).training["seed"] for each in rounds] == [1, 1, 1, 5]
    assert six.findings() == []


def test_a_hospital_that_votes_twice_is_rejected_by_name(six: Six) -> None:
    def honest_elsewhere(job: TrainingJob) -> Learned:
        learned = voting("beta")(job)
        return replace(learned, packed=learned.packed + 1) if isinstance(learned, LaneValues) else learned

    six.trains["beta"] = honest_elsewhere
    six.run(rounds=2)
    boss, vault, parties = six.boss(), six.world.vault, six.world.hospitals
    settle(boss, *(Hospital(each.ports(vault), six.trains.get(each.name, voting(each.name))) for each in parties))
    events = parties[1].events
    assert any("ClaimOutOfBounds" in str(facts.get("reason")) for _what, facts in events)


def test_a_group_s_round_of_a_federation_that_began_under_another_rule_is_refused(six: Six) -> None:
    Coordinator(six.world.coordinator.ports(six.world.vault), six.plan, initial()).step()
    federation = LedgerView(six.world.operator).refresh()
    everybody = tuple(sorted(party.account for party in six.world.hospitals))
    dealt = deal(cycle_before(federation, 1, None, six.world.vault).seed, everybody, 2)[0]
    [reason] = opened(six, {GROUP: 1}, dealt, Protection.MASKED)
    assert "the models carry no state" in reason
    assert "AggregationUnusable" in six.findings()


# --- With the hospitals' own images -------------------------------------------------------------------------------


def test_hospitals_train_weigh_and_vote_with_their_own_images_and_no_site_serves_before_the_vote(
    tmp_path: Path,
) -> None:
    use_threads(1)
    world = Six(tmp_path)
    spec = ModelSpec(size_px=16, width=8, depth=1)
    local = LocalConfig(epochs=1, batch=8, horizon=3, held_back=0.2)
    recipe = Recipe(spec, local, 1, CHOICE, quality=True)
    config = RoundConfig(0.5, 50.0, 4096, recipe.to_dict(), LEUKEMIA_DRAWN)
    boss = Coordinator(
        world.world.coordinator.ports(world.world.vault), replace(world.plan, config=config), first_model(recipe)
    )
    cells = draw_dataset(SyntheticPlan(subjects=24, cells=6, size_px=16), 3)
    hospitals = []
    for party, part in zip(world.world.hospitals, divide(cells, 6, 1), strict=True):
        party.folder.mkdir(exist_ok=True)
        labels = LabelMap(LEUKEMIA_DRAWN, {"healthy": "healthy", "leukemia": "leukemia"})
        save_dataset(labels.apply(part), party.folder / "data.npz")
        train = trainer(party.folder / "data.npz", party.name, "cpu")
        hospitals.append(Hospital(party.ports(world.world.vault), train, task=LEUKEMIA_DRAWN))
    auditor = Auditor(world.world.auditor.ports(world.world.vault), lambda _model, _config: Evaluation({"auroc": 0.5}))
    reader = world.world.hospitals[0]
    site = VerifiedModelCache(
        reader.ledger, world.world.vault, reader.account, Keyring(reader.keys), lambda: 1_800_000_000, Predictor
    )
    for _ in range(60):
        settle(boss, auditor, *hospitals)
        for hospital in hospitals:
            hospital.finish_training()
        if boss.done:
            break
        if any(each.phase == Phase.FINAL for each in boss.view.refresh().rounds):
            with pytest.raises(FederationNotOpened):
                site.current()
    assert boss.done
    assert site.current().round.number == 3
    assert world.findings() == []
