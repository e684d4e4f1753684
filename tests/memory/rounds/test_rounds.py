"""One round seen from each role: what goes wrong is named, and the previous model stands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fl.events import Event
from fl.protocol.errors import (
    FolderCopied,
    ModelDigestMismatch,
    NonFinite,
    RecipientNotFound,
    RevokedSender,
    SetMismatch,
    UnknownSender,
    VaultMissing,
)
from fl.protocol.names import Blob, Digest, Role
from fl.protocol.ports import Mark
from fl.protocol.records import MemberRegistered, MemberRevoked, RoundAborted, UpdateCommitted
from fl.protocol.rounds.round import Phase
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Keyring
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.background_training import TrainingJob
from fl.roles.runner import Agent
from fl.training.aggregation.quantise import LocalMetrics, Vector, to_bytes
from tests.support.federation import CONFIG, Party, initial, nudge, settle
from tests.support.world import (
    COMMIT_S,
    World,
    after_the_commit_deadline,
    digest,
    opened,
    own_body,
    restless,
    sealed,
    send,
)

START = initial()


def after_the_close_deadline(world: World) -> None:
    world.clock.now = world.current.terms.close_deadline + 1


def revoke(world: World, party: Party) -> None:
    operator = world.consortium.operator
    operator.append(MemberRevoked(operator.account, party.account, "left"))


# --- Rounds that end without everybody -----------------------------------------------------------------------------


def test_below_the_threshold_the_round_is_aborted_and_the_next_one_works(world: World) -> None:
    coordinator, auditor = world.coordinator(1, min_commitments=3), world.auditor()
    hospitals = world.hospitals()
    settle(coordinator, auditor, *hospitals[:2])
    assert world.phases() == ["OPEN"]
    after_the_commit_deadline(world)
    coordinator.step()
    assert world.phases() == ["ABORTED"]
    assert world.current.reason == "BelowThreshold: 2 of 3 hospitals delivered; missing: gamma"
    assert world.federation.model_digest == digest(START.vector)
    settle(coordinator, auditor, *hospitals)
    assert world.phases() == ["ABORTED", "FINAL"]
    assert world.current.previous_model == digest(START.vector)
    assert coordinator.done


def test_a_hospital_that_never_answers_is_left_out_at_the_deadline(world: World) -> None:
    coordinator, auditor, hospitals = world.coordinator(), world.auditor(), world.hospitals("alpha", "gamma")
    settle(coordinator, auditor, *hospitals)
    world.clock.now = world.current.terms.commit_deadline
    settle(coordinator, auditor, *hospitals)
    assert world.phases() == ["OPEN"]
    world.clock.now += 1
    settle(coordinator, auditor, *hospitals)
    assert world.phases() == ["FINAL"]
    assert set(world.current.hospitals) == {world.party("alpha").account, world.party("gamma").account}


def test_a_hospital_that_commits_and_never_uploads_is_left_out_at_the_deadline(world: World) -> None:
    coordinator = opened(world)
    beta = world.party("beta")
    beta.ledger.append(UpdateCommitted(beta.account, 1, Digest(b"\x07" * 32)))
    others: list[Agent] = [world.auditor(), *world.hospitals("alpha", "gamma")]
    settle(*others)
    assert world.current.complete
    assert not coordinator.step()
    after_the_commit_deadline(world)
    settle(world.coordinator(), *others)
    assert world.phases() == ["FINAL"]
    assert beta.account in world.current.commitments
    assert beta.account not in world.current.hospitals


def test_a_file_that_vanishes_after_the_freeze_is_waited_for_and_then_ends_the_round(world: World) -> None:
    coordinator = world.freeze_a_round()
    beta = world.party("beta").account
    path = world.consortium.vault.path(world.current.commitments[beta])
    path.rename(path.with_suffix(".away"))
    with pytest.raises(VaultMissing):
        coordinator.step()
    world.clock.now = world.current.terms.close_deadline
    with pytest.raises(VaultMissing):
        coordinator.step()
    assert world.phases() == ["FROZEN"]
    world.clock.now += 1
    coordinator.step()
    assert world.phases() == ["ABORTED"]
    assert world.current.reason == "VaultMissing: the update of beta was refused"


def test_a_file_that_comes_back_in_time_ends_the_round_well(world: World) -> None:
    coordinator = world.freeze_a_round()
    path = world.consortium.vault.path(world.current.commitments[world.party("beta").account])
    path.rename(path.with_suffix(".away"))
    with pytest.raises(VaultMissing):
        coordinator.step()
    path.with_suffix(".away").rename(path)
    settle(world.coordinator(), world.auditor(), *world.hospitals())
    assert world.phases() == ["FINAL"]


def test_too_few_attestations_in_time_end_the_round(world: World) -> None:
    coordinator = world.freeze_a_round()
    coordinator.step()
    assert world.phases() == ["PROPOSED"]
    assert not coordinator.step()
    after_the_close_deadline(world)
    coordinator.step()
    assert world.current.reason == "RoundStalled: too few attestations in time"
    assert world.federation.model_digest == digest(START.vector)


def test_the_chains_clock_counts_when_the_coordinators_is_ahead(world: World) -> None:
    ahead = world.consortium.coordinator
    coordinator = opened(world)
    settle(*world.hospitals("alpha", "beta"))
    ports = replace(ahead.ports(world.consortium.vault), now=lambda: world.clock.now + COMMIT_S + 5)
    early = Coordinator(ports, world.plan(), START)
    assert not early.step()
    assert world.phases() == ["OPEN"]
    after_the_commit_deadline(world)
    coordinator.step()
    assert world.phases() == ["FROZEN"]


# --- Updates that are not what they should be ----------------------------------------------------------------------


def test_an_update_that_moves_the_model_too_far_is_left_out_of_a_sealed_round(world: World) -> None:
    coordinator, beta = opened(world), world.party("beta")
    settle(*world.hospitals("alpha", "gamma"))
    words = np.full(START.vector.size + 4, 2**21 - 1, np.int32)
    words[-4:] = (1024, 0, 1024, 0)
    send(world, beta, sealed(world, beta, to_bytes(words)))
    coordinator.step()
    assert beta.account not in world.current.hospitals
    (facts,) = [facts for what, facts in world.consortium.coordinator.events if what == Event.HOSPITAL_LEFT_OUT]
    assert facts["reason"] == "NormExceeded: the update of beta was refused"


def everything(world: World) -> list[Path]:
    """Return all files but those of journals."""
    return sorted(path for path in world.folder.rglob("*") if path.is_file() and "journal" not in path.name)


def test_a_hospital_whose_training_broke_sends_nothing(world: World) -> None:
    opened(world)

    def broken(task: TrainingJob) -> tuple[Vector, LocalMetrics]:
        trained = task.previous.copy()
        trained[[1, 5, 7]] = np.nan
        return trained, LocalMetrics(100, 50, 0.5)

    before = everything(world)
    hospital = world.hospital("beta", broken)
    assert hospital.step()
    assert world.refusals("beta") == [f"NonFinite: {NonFinite('trained weights', 3)}"]
    assert hospital.step(), "it states on the ledger that it declines"
    assert not hospital.step()
    assert world.current.commitments == {}
    assert everything(world) == before


def test_a_hospital_that_trains_too_long_misses_one_round_only(world: World) -> None:
    def slow(task: TrainingJob) -> tuple[Vector, LocalMetrics]:
        if task.round == 1:
            after_the_commit_deadline(world)
        return nudge("beta")(task)

    coordinator, auditor = world.coordinator(2), world.auditor()
    hospitals = [*world.hospitals("alpha", "gamma"), world.hospital("beta", slow)]
    settle(coordinator, auditor, *hospitals)
    assert world.phases() == ["FINAL", "FINAL"]
    first, second = world.federation.rounds
    beta = world.party("beta").account
    assert beta not in first.commitments
    assert beta in second.hospitals
    assert world.events("beta").count(Event.TOO_LATE) == 1


def test_a_hospital_whose_round_was_aborted_while_it_trained_goes_on(world: World) -> None:
    coordinator = world.consortium.coordinator.ledger

    def interrupted(task: TrainingJob) -> tuple[Vector, LocalMetrics]:
        coordinator.append(RoundAborted(coordinator.account, 1, "enough"))
        return nudge("beta")(task)

    opened(world)
    assert not world.hospital("beta", interrupted).step()
    assert world.events("beta") == [Event.TRAINING, Event.TRAINED, Event.TOO_LATE]
    settle(world.coordinator(), world.auditor(), *world.hospitals())
    assert world.phases() == ["ABORTED", "FINAL"]


def test_a_hospital_left_out_though_its_file_was_there_in_time_raises_the_alarm(world: World) -> None:
    coordinator = world.consortium.coordinator
    opened(world)
    hospitals = world.hospitals()
    settle(*hospitals)
    path = world.consortium.vault.path(world.current.commitments[world.party("beta").account])
    path.rename(path.with_suffix(".hidden"))
    after_the_commit_deadline(world)
    cheating = Coordinator(coordinator.ports(world.consortium.vault), world.plan(), START)
    cheating.step()
    cheating.step()
    path.with_suffix(".hidden").rename(path)
    assert world.phases() == ["PROPOSED"]
    settle(hospitals[1])
    assert world.refusals("beta") == [f"SetMismatch: {SetMismatch(world.party('beta').account)}"]
    assert Event.MISSING_IN_SET not in world.events("beta")


class SlowVault:
    """A vault that takes a file only after the deadline."""

    checked = False

    def __init__(self, world: World) -> None:
        self._world = world
        self._inner = world.consortium.vault

    def put(self, data: Blob) -> Digest:
        after_the_commit_deadline(self._world)
        settle(self._world.coordinator())
        return self._inner.put(data)

    def get(self, digest: Digest, cap: int) -> bytes:
        return self._inner.get(digest, cap)

    def has(self, digest: Digest) -> bool:
        return self._inner.has(digest)

    def mark(self, digest: Digest) -> Mark | None:
        return self._inner.mark(digest)


def test_a_hospital_whose_upload_came_too_late_is_told_and_goes_on(world: World) -> None:
    opened(world)
    settle(*world.hospitals("alpha", "gamma"))
    beta = world.party("beta")
    slow = Hospital(replace(beta.ports(world.consortium.vault), vault=SlowVault(world)), nudge("beta"))
    assert slow.step()
    assert world.phases() == ["PROPOSED"]
    assert beta.account not in world.current.hospitals
    assert slow.step()
    assert world.events("beta")[-2:] == [Event.MISSING_IN_SET, Event.MODEL_CHECKED]


def test_a_hospital_says_no_more_than_its_events(world: World) -> None:
    world.run()
    assert world.events("beta") == [
        Event.TRAINING,
        Event.TRAINED,
        Event.UPDATE_COMMITTED,
        Event.UPDATE_UPLOADED,
        Event.MODEL_CHECKED,
    ]
    for _what, facts in world.party("beta").events:
        assert set(facts) <= {"round", "samples", "loss"}


# --- A coordinator that cheats -------------------------------------------------------------------------------------


def test_a_wrong_aggregate_is_refused_never_attested_and_never_final(world: World) -> None:
    honest = world.freeze_a_round()
    wrong = START.vector + np.float32(0.5)
    world.propose(digest(wrong), world.seal_model(wrong))
    auditor = world.auditor()
    assert auditor.step()
    assert not auditor.step()
    assert not world.auditor().step()
    assert world.current.attestations == {}
    assert world.events("auditor") == [Event.MODEL_NOT_ATTESTED]
    assert "The model's digest is" in str(world.consortium.auditor.events[0][1]["reason"])
    assert not honest.step()
    after_the_close_deadline(world)
    settle(world.coordinator(), auditor, *world.hospitals())
    assert world.phases() == ["ABORTED", "FINAL"]
    assert world.federation.rounds[1].previous_model == digest(START.vector)


def true_model(world: World, rounds: int = 1) -> Digest:
    """Return the model that an honest federation of the same hospitals has after so many rounds."""
    other = World(world.folder / "honest")
    other.run(rounds)
    return other.federation.model_digest


def test_a_sealed_model_that_is_not_the_proposed_one_is_refused_by_auditor_and_hospitals(world: World) -> None:
    world.freeze_a_round()
    wrong, model = START.vector + np.float32(0.5), true_model(world)
    world.propose(model, world.seal_model(wrong))
    assert world.auditor().step()
    assert world.current.attestations == {}
    settle(world.hospital("beta"))
    assert world.refusals("beta") == [f"ModelDigestMismatch: {ModelDigestMismatch(model, digest(wrong))}"]
    settle(world.hospital("beta"))
    assert len(world.refusals("beta")) == 1


def test_the_true_model_sealed_by_hand_is_attested(world: World) -> None:
    """What the refusals around this test turn on is the forgery alone."""
    world.freeze_a_round()
    other = World(world.folder / "honest")
    other.run()
    party = other.consortium.auditor
    reader = FileReader(party.account, other.consortium.vault, Keyring(party.keys))
    vector = reader.model(other.current, START.manifest)
    world.propose(digest(vector), world.seal_model(vector))
    assert world.auditor().step()
    assert world.events("auditor") == [Event.MODEL_ATTESTED]
    assert world.hospital("beta").step()


def test_the_previous_models_file_recorded_again_is_refused_though_its_content_was_opened_before(world: World) -> None:
    """The digest proposed is right, the file is that of another round: new readers could not open it."""
    world.freeze_a_round()
    auditor, hospital = world.auditor(), world.hospital("beta")
    old = world.federation.opening.record.envelope_digest
    world.propose(true_model(world), old)
    assert auditor.step()
    assert world.current.attestations == {}
    assert "belongs to round 0, not to round 1" in str(world.consortium.auditor.events[0][1]["reason"])
    settle(hospital)
    assert world.refusals("beta")[0].startswith("StaleRound: ")


def test_the_first_models_file_is_no_second_rounds_though_the_agents_keep_it_open(world: World) -> None:
    """The same with agents that live through both rounds and keep the previous model in memory."""
    auditor, hospitals = world.auditor(), world.hospitals()
    coordinator = world.coordinator(1)
    settle(coordinator, auditor, *hospitals)
    first = world.current
    assert first.proposal is not None
    again = world.coordinator(2)
    while world.current.phase != Phase.FROZEN:
        again.step()
        for hospital in hospitals:
            hospital.step()
    world.propose(true_model(world, 2), first.proposal.envelope_digest)
    assert auditor.step()
    assert world.current.attestations == {}
    settle(hospitals[1])
    assert world.refusals("beta")[0].startswith("StaleRound: ")


def test_a_missing_model_is_waited_for_not_refused(world: World) -> None:
    coordinator = world.freeze_a_round()
    coordinator.step()
    assert world.current.proposal is not None
    path = world.consortium.vault.path(world.current.proposal.envelope_digest)
    path.rename(path.with_suffix(".away"))
    auditor = world.auditor()
    with pytest.raises(VaultMissing):
        auditor.step()
    path.with_suffix(".away").rename(path)
    assert auditor.step()
    assert world.current.attestations


def test_a_round_that_ends_while_the_auditor_works_does_not_end_the_auditor(world: World) -> None:
    coordinator = world.freeze_a_round()
    coordinator.step()

    def late(_model: Vector, _training: object) -> Evaluation:
        after_the_close_deadline(world)
        coordinator.step()
        return Evaluation()

    auditor = Auditor(world.consortium.auditor.ports(world.consortium.vault), late)
    assert auditor.step()
    assert world.phases() == ["ABORTED"]
    assert world.events("auditor") == [Event.TOO_LATE]
    assert not auditor.step()


# --- Members that come, go and change ------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [Phase.OPEN, Phase.FROZEN, Phase.PROPOSED])
def test_a_hospital_revoked_during_a_round_ends_it_and_the_next_one_is_without_it(world: World, phase: Phase) -> None:
    coordinator, others = opened(world), world.hospitals("alpha", "gamma")
    settle(*world.hospitals())
    while world.current.phase != phase:
        coordinator.step()
    revoke(world, world.party("beta"))
    settle(world.coordinator(), world.auditor(), *others)
    assert world.phases() == ["ABORTED", "FINAL"]
    assert world.federation.rounds[0].reason == "RevokedMidRound: a hospital was revoked during the round"
    assert world.party("beta").account not in world.current.roster


def test_a_revoked_hospital_is_told_so(world: World) -> None:
    opened(world)
    revoke(world, world.party("beta"))
    with pytest.raises(RevokedSender):
        world.hospital("beta").step()


def test_who_was_revoked_since_the_opening_can_open_nothing_that_is_sealed_afterwards(world: World) -> None:
    second = world.join("auditor two", Role.AUDITOR)
    coordinator = opened(world)
    revoke(world, second)
    settle(*world.hospitals())
    coordinator.step()
    coordinator.step()
    reader = FileReader(second.account, world.consortium.vault, Keyring(second.keys))
    with pytest.raises(RecipientNotFound):
        reader.update(world.current, world.party("alpha").account, CONFIG)
    with pytest.raises(RecipientNotFound):
        reader.model(world.current, START.manifest)
    first = world.consortium.auditor
    reader = FileReader(first.account, world.consortium.vault, Keyring(first.keys))
    assert reader.update(world.current, world.party("alpha").account, CONFIG).size == START.vector.size + 4


@pytest.mark.parametrize("name", ["beta", "coordinator", "auditor"])
def test_a_key_rotated_during_a_round_is_used_from_the_next_round_on(world: World, name: str) -> None:
    opened(world, min_commitments=2)
    party = world.party(name)
    party.register_key()
    settle(world.coordinator(2), world.auditor(), *world.hospitals())
    assert world.phases() == ["FINAL", "FINAL"]
    assert [found.keys[party.account].epoch for found in world.federation.rounds] == [1, 2]
    assert world.current.keys[party.account].public_key == party.keys[2].public_key


def test_a_hospital_that_joins_during_a_round_takes_part_in_the_next(world: World) -> None:
    """It joins during round 1, whose model is not sealed to it: the coordinator grants it that model."""
    opened(world)
    late = world.join("late", Role.HOSPITAL)
    settle(world.coordinator(4), world.auditor(), *world.hospitals(), world.hospital_of(late))
    assert world.phases() == ["FINAL"] * 4
    assert [late.account in found.roster for found in world.federation.rounds] == [False, True, True, True]
    assert late.account in world.current.hospitals


def test_two_auditors_both_attest_when_the_terms_demand_two(world: World) -> None:
    second = world.join("auditor two", Role.AUDITOR)
    coordinator = world.coordinator(1, attestations=2)
    settle(coordinator, world.auditor(), *world.hospitals())
    assert world.phases() == ["PROPOSED"]
    settle(coordinator, world.auditor(), world.auditor(second), *world.hospitals())
    assert world.phases() == ["FINAL"]
    assert set(world.current.attestations) == {world.party("auditor").account, second.account}
    assert len(set(world.current.attestations.values())) == 2


def test_an_auditor_that_joins_during_a_round_attests_from_the_next_one_on(world: World) -> None:
    opened(world)
    second = world.join("auditor two", Role.AUDITOR)
    agents: list[Agent] = [
        world.coordinator(3, attestations=1),
        world.auditor(second),
        world.auditor(),
        *world.hospitals(),
    ]
    settle(*agents)
    attested = [second.account in found.attestations for found in world.federation.rounds]
    assert attested == [False, True, True]


def test_a_coordinator_without_a_key_waits_until_it_has_one(world: World) -> None:
    operator = world.consortium.operator
    revoke(world, world.consortium.coordinator)
    heir = Party("heir", Role.COORDINATOR, world.connect("heir"), world.folder / "heir", {}, now=world.clock)
    agent = Coordinator(heir.ports(world.consortium.vault), world.plan(), START)
    with pytest.raises(UnknownSender):
        agent.step()
    operator.append(MemberRegistered(operator.account, heir.account, Role.COORDINATOR, "heir"))
    assert not agent.step()
    heir.register_key()
    settle(agent, world.auditor(), *world.hospitals())
    assert world.phases() == ["FINAL"]


def test_a_new_coordinator_opens_no_round_before_it_can_read_the_model(world: World) -> None:
    world.run(1)
    revoke(world, world.consortium.coordinator)
    heir = world.join("heir", Role.COORDINATOR)
    agent = Coordinator(heir.ports(world.consortium.vault), world.plan(2), START)
    settle(agent)
    assert world.phases() == ["FINAL"]
    assert "waits until a hospital grants it" in str(heir.events[-1])


def test_the_new_model_is_the_weighted_mean(world: World) -> None:
    world.run(1)
    party = world.consortium.auditor
    reader = FileReader(party.account, world.consortium.vault, Keyring(party.keys))
    model = reader.model(world.current, START.manifest)
    assert np.abs(model - world.honest_model()).max() < 2 * CONFIG.clip / 2**21 * CONFIG.w_max / 100
    assert world.federation.model_digest == digest(model)


def test_another_training_gives_another_model(world: World) -> None:
    settle(
        world.coordinator(), world.auditor(), *world.hospitals("alpha", "gamma"), world.hospital("beta", restless("x"))
    )
    other = World(world.folder / "other")
    other.run()
    assert world.federation.model_digest != other.federation.model_digest


def test_a_forged_commitment_under_the_hospitals_account_is_found_by_the_hospital(world: World) -> None:
    coordinator, beta = opened(world), world.party("beta")
    settle(*world.hospitals("alpha", "gamma"))
    send(world, beta, sealed(world, beta, own_body(beta)))
    coordinator.step()
    coordinator.step()
    assert world.phases() == ["PROPOSED"]
    with pytest.raises(FolderCopied) as refusal:
        world.hospital("beta").step()
    assert refusal.value.facts() == {"account": beta.account, "round": 1, "what": "an update"}
