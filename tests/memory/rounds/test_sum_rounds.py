"""Rounds that sum lanes: exact totals for everybody, the same model, and whatever is wrong is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.crypto.envelope import seal
from fl.crypto.envelope_form import Core, Kind
from fl.crypto.hpke_keys import PrivateKey
from fl.events import Event
from fl.protocol.codec import parse_document, write_document
from fl.protocol.names import Blob, Protection
from fl.protocol.records import ModelAttested, RoundOpened, Terms
from fl.protocol.rounds.round import Phase
from fl.replay.expected_files import masked_recipients
from fl.replay.ledger_view import Keyring
from fl.replay.round_documents import read_manifest
from fl.replay.round_replay import ReplayedRound, Tools, replay_round
from fl.replay.round_sum import RoundSum
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.background_training import Train, TrainingJob
from fl.roles.runner import Agent
from fl.training.aggregation.lanes import Lane, LanePlan
from fl.training.aggregation.quantise import to_bytes
from fl.training.aggregation.work import LaneValues, SumSpec
from scripts.output.explain import explain
from scripts.output.report import Audited, to_json, to_text
from tests.support.federation import CONFIG, endorser, initial, memory_folder, nudge
from tests.support.masked_world import NAMES, WRITES, ForgingOutbox, Four, rest, step
from tests.support.power import Fuse, PowerCut, fused, moments
from tests.support.world import audit, digest, sealed, send
from webui.federation.saved_report import read_summary

PLAN = LanePlan(
    "test",
    (
        Lane("counts", 3, 0, 2**20, "How many of each kind the hospitals have."),
        Lane("scores", 2, -(2**42), 2**42, "The sum of the scores."),
    ),
)
SUM = replace(CONFIG, training={**CONFIG.training, **SumSpec(PLAN, "keep").to_dict()}, word_bits=64)
BOTH = pytest.mark.parametrize("protection", [Protection.MASKED, Protection.SEALED], ids=["MASKED", "SEALED"])


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Four]:
    with memory_folder(tmp_path) as folder:
        yield Four(folder)


def entered(name: str) -> dict[str, list[int]]:
    """Return a hospital's numbers: odd, negative, and too fine for binary32."""
    seed = int.from_bytes(name.encode(), "big")
    return {"counts": [seed % 1000, 0, 2**20 - seed % 7], "scores": [-(2**42) + seed % 11, 2**41 + seed % 13]}


def count(name: str) -> Train:
    def train(job: TrainingJob) -> LaneValues:
        assert SumSpec.from_dict(job.config.training) == SumSpec(PLAN, "keep")
        values = {lane: np.array(numbers, np.int64) for lane, numbers in entered(name).items()}
        return LaneValues(PLAN.pack(values), 10 + len(name))

    return train


def totals_of(*names: str) -> dict[str, list[int]]:
    """Return the exact sums, in Python's integers."""
    parts = [entered(name) for name in names]
    return {lane: [sum(each) for each in zip(*(part[lane] for part in parts), strict=True)] for lane in parts[0]}


def boss(world: Four, protection: Protection = Protection.MASKED, **changes: Any) -> Coordinator:
    plan = replace(world.masked_plan(), config=SUM, protection=protection, **changes)
    return Coordinator(world.consortium.coordinator.ports(world.consortium.vault), plan, initial())


def counters(world: Four, *names: str) -> list[Hospital]:
    return [world.hospital(name, count(name)) for name in names or NAMES]


def auditor(world: Four) -> Auditor:
    """Return an auditor that evaluates no model, because none was trained."""

    def evaluate(*_given: object) -> Evaluation:
        raise AssertionError("an untrained model was evaluated")

    return Auditor(world.consortium.auditor.ports(world.consortium.vault), evaluate)


def replay(world: Four, name: str) -> ReplayedRound:
    """Replay the newest round as a member with its own key."""
    agent = world.hospital(name)
    vault = world.consortium.vault
    reader = agent._masked._reader
    manifest = read_manifest(world.federation.opening, vault)
    tools = Tools(RoundSum(reader, vault), vault, endorser())
    return replay_round(world.current, initial().vector, manifest, tools)


def sums(document: Any) -> dict[str, list[int]]:
    return {lane["name"]: lane["sum"] for lane in document["lanes"]}


@BOTH
def test_everybody_gets_the_exact_totals_and_the_model_stays(four: Four, protection: Protection) -> None:
    rest(boss(four, protection), auditor(four), *counters(four))
    assert four.phases() == ["FINAL"]
    current = four.current
    assert current.terms.parameters == PLAN.length == 5
    assert four.federation.untrained
    assert current.proposal is not None
    assert current.proposal.model_digest == digest(initial().vector) == current.previous_model
    report = audit(four)
    assert (report.findings, report.alarms) == ([], [])
    assert report.checks["aggregates"] == 1
    assert sums(report.totals[1]) == totals_of(*NAMES)
    assert report.sums[1]["samples"] == sum(10 + len(name) for name in NAMES)
    for auditing in (each for each, found in current.attestations.items() if any(found)):
        told = parse_document(four.consortium.vault.get(current.attestations[auditing], 2**20), "report")
        assert told["totals"] == report.totals[1]
        assert told["training"] == {"samples": report.sums[1]["samples"]}


def test_a_hospital_computes_the_totals_of_a_masked_round_itself(four: Four) -> None:
    rest(boss(four), auditor(four), *counters(four))
    replayed = replay(four, "gamma")
    assert {name: entries.tolist() for name, entries in replayed.totals.items()} == totals_of(*NAMES)
    assert replayed.model.tobytes() == initial().vector.tobytes()
    assert len(four.current.attestations) == 5


def test_who_drops_out_is_in_no_total(four: Four) -> None:
    coordinator, others = boss(four), counters(four, "alpha", "beta", "gamma")
    [lost] = counters(four, "delta")
    four.until(Phase.MASK, coordinator, *others, lost)
    rest(coordinator, *others)
    four.clock.now += 121
    rest(coordinator, auditor(four), *others)
    assert four.phases() == ["FINAL"]
    report = audit(four)
    assert report.findings == []
    assert sums(report.totals[1]) == totals_of("alpha", "beta", "gamma")
    assert report.totals[1]["hospitals"] == 3


@BOTH
def test_a_training_continues_from_the_kept_model(four: Four, protection: Protection) -> None:
    rest(boss(four, protection), auditor(four), *counters(four))
    plan = replace(four.masked_plan(1), protection=protection)
    trainer = Coordinator(four.consortium.coordinator.ports(four.consortium.vault), plan, initial())
    rest(trainer, four.auditor(), *four.hospitals(*NAMES))
    assert four.phases() == ["FINAL", "FINAL"]
    assert not four.federation.untrained
    report = audit(four)
    assert report.findings == []
    assert set(report.totals) == {1}
    assert report.checks["aggregates"] == 2
    learned = [nudge(name)(TrainingJob(2, initial().vector, CONFIG)) for name in NAMES]
    weights = [metrics.samples for _, metrics in learned]
    mean = np.average([vector.astype(np.float64) for vector, _ in learned], axis=0, weights=weights)
    model = trainer._reader.model(four.federation.source, initial().manifest)
    assert np.abs(model - mean).max() < 1e-5


@BOTH
def test_another_model_than_the_rule_makes_is_never_attested_and_is_found(four: Four, protection: Protection) -> None:
    coordinator, hospitals = boss(four, protection), counters(four)
    four.until(Phase.UNMASK if protection == Protection.MASKED else Phase.FROZEN, coordinator, *hospitals)
    while protection == Protection.MASKED and len(four.current.revealed) < 3:
        for hospital in hospitals:
            step(hospital)
    other = initial().vector + np.float32(0.5)
    four.propose(digest(other), four.seal_model(other))
    rest(*hospitals, auditor(four))
    assert four.current.attestations == {}
    assert four.refusals("auditor")[0].startswith("ModelDigestMismatch")
    if protection == Protection.MASKED:
        assert all(four.refusals(name)[0].startswith("ModelDigestMismatch") for name in NAMES)
    assert {finding.name for finding in audit(four).findings} == {"ModelDigestMismatch"}


def reports_other_totals(world: Four) -> list[str]:
    """Replace the auditor's report by one with another number; return the names of an audit's findings."""
    vault, account = world.consortium.vault, world.consortium.auditor.account
    document = parse_document(vault.get(world.current.attestations[account], 2**20), "report")
    totals: Any = document["totals"]
    totals["lanes"][0]["sum"][0] += 1
    lie = vault.put(write_document(document))
    entries = [
        replace(entry, record=replace(entry.record, report_digest=lie))
        if isinstance(entry.record, ModelAttested) and entry.record.sender == account
        else entry
        for entry in world.consortium.operator.replay()
    ]
    key = AuditKey(account, Keyring(world.consortium.auditor.keys))
    made = Audit(world.consortium.operator.anchor, vault, key, endorser())
    return [finding.name for finding in made.run(entries, lambda _done, _of: None)[0].findings]


@BOTH
def test_a_report_with_another_total_is_found(four: Four, protection: Protection) -> None:
    rest(boss(four, protection), auditor(four), *counters(four))
    assert reports_other_totals(four) == ["TotalsMismatch"]


def adding(world: Four, place: int, amount: int) -> Callable[[Core, bytes, PrivateKey], Blob]:
    def reseal(core: Core, body: bytes, _key: PrivateKey) -> Blob:
        words = np.frombuffer(body, "<u8").copy()
        words[place : place + 1 or None] += np.uint64(amount % 2**64)
        return seal(core, masked_recipients(world.current, world.federation.book), words.tobytes())

    return reseal


@pytest.mark.parametrize(
    ("place", "amount", "what"),
    [(0, 2**22, "counts"), (1, -1 - 2**22, "counts"), (4, 2**50, "scores"), (-3, 1, "correct"), (-1, 5, "loss")],
)
def test_a_masked_sum_out_of_its_range_names_the_lane_and_makes_no_model(
    four: Four, place: int, amount: int, what: str
) -> None:
    party = four.party("beta")
    outbox = ForgingOutbox(party.folder / "outbox", Kind.MASKED, party.keys[1], adding(four, place, amount))
    liar = Hospital(replace(party.ports(four.consortium.vault), outbox=outbox), count("beta"))
    ended = four.until(Phase.ABORTED, boss(four), liar, *counters(four, "alpha", "gamma", "delta"), auditor(four))
    sentence = f"SumOutOfBounds: The sum of 4 hospitals has a {what} of"
    assert ended.reason.startswith(sentence)
    assert any(note.startswith(f"Round 1 made no model. {sentence}") for note in audit(four).notes)


def test_a_sealed_update_out_of_its_range_is_left_out_and_named(four: Four) -> None:
    coordinator = boss(four, Protection.SEALED)
    four.until(Phase.OPEN, coordinator)
    packed = PLAN.pack({lane: np.array(numbers, np.int64) for lane, numbers in entered("beta").items()})
    packed[2] = 2**20 + 1
    words = np.concatenate([packed, np.array([14, 0, 14, 0], np.int64)])
    party = four.party("beta")
    send(four, party, sealed(four, party, to_bytes(words)))
    others = counters(four, "alpha", "gamma", "delta")
    rest(coordinator, *others, auditor(four))
    assert four.phases() == ["FINAL"]
    [reason] = four.reported("coordinator", Event.HOSPITAL_LEFT_OUT)
    assert reason == "ClaimOutOfBounds: the update of beta was refused"
    assert sums(audit(four).totals[1]) == totals_of("alpha", "gamma", "delta")


def open_with_other_terms(world: Four, words: int) -> None:
    """Open a round of lanes whose terms have another number of words."""
    coordinator, ledger = boss(world), world.consortium.coordinator.ledger
    while not world.federation.openings:
        coordinator.step()
    federation, now = world.federation, world.clock.now
    config = world.consortium.vault.put(SUM.to_bytes())
    terms = Terms(Protection.MASKED, 3, 4, 3, words, config, 60, now + 120, now + 240)
    roster = tuple(sorted(world.account(name) for name in NAMES))
    ledger.append(RoundOpened(ledger.account, 1, terms, roster, federation.model_digest))


@pytest.mark.parametrize("words", [4, 6, initial().vector.size])
def test_terms_with_another_number_of_words_get_no_update(four: Four, words: int) -> None:
    open_with_other_terms(four, words)
    rest(*counters(four))
    for name in NAMES:
        assert four.refusals(name)[0].startswith(f"WordsMismatch: The terms of round 1 say {words} words")
    assert four.current.advertised == {}
    assert [finding.name for finding in audit(four).findings] == ["WordsMismatch"]


def test_a_hospital_that_learned_weights_sends_nothing_into_a_sum(four: Four) -> None:
    hospitals = [*counters(four, "alpha", "beta", "gamma"), four.hospital("delta")]
    coordinator = boss(four)
    four.until(Phase.MASK, coordinator, *hospitals)
    rest(coordinator, *hospitals)
    assert four.refusals("delta")[0].startswith("EncodingError: The update could not be read: it has trained weights")
    assert four.account("delta") not in four.current.commitments


# --- Promises ----------------------------------------------------------------------------------------------------


def restless_count(name: str) -> Train:
    """Return a count that never gives the same twice, as if the folder changed."""
    calls = [0]

    def train(job: TrainingJob) -> LaneValues:
        calls[0] += 1
        learned = count(name)(job)
        assert isinstance(learned, LaneValues)
        changed = learned.packed.copy()
        changed[1] += calls[0] + int.from_bytes(np.random.default_rng().bytes(1), "big")
        return LaneValues(changed, learned.rows)

    return train


def fused_beta(world: Four, fuse: Fuse, train: Train) -> Hospital:
    return Hospital(fused(world.party("beta").ports(world.consortium.vault), fuse), train)


@pytest.mark.parametrize(
    "moment", range(2 * len(WRITES)), ids=[f"{n} {what}" for n, what in enumerate(moments(WRITES))]
)
def test_a_hospital_that_stops_anywhere_sends_the_same_bytes_again(four: Four, moment: int) -> None:
    others: list[Agent] = [boss(four), auditor(four), *counters(four, "alpha", "gamma", "delta")]
    with pytest.raises(PowerCut):
        rest(*others, fused_beta(four, Fuse(moment), restless_count("beta")))
    journal = four.party("beta").ports(four.consortium.vault).journal
    key = f"update/{four.current.context.hex()}"
    promised = journal.get(key)
    again = fused_beta(four, Fuse(), restless_count("beta"))
    rest(*others, again)
    rest(*others, again)  # the training that began last has ended
    assert four.phases() == ["FINAL"]
    assert promised in {None, journal.get(key)}
    assert four.account("beta") in four.current.hospitals
    assert audit(four).findings == []


def test_lanes_whose_shares_were_revealed_are_never_masked_again(four: Four) -> None:
    rest(boss(four), auditor(four), *counters(four))
    again = boss(four, rounds=2)
    rest(again, *counters(four))
    assert four.phases()[0] == "FINAL"
    assert four.current.number == 2
    assert four.current.commitments == {}
    for name in NAMES:
        assert four.reported(name, Event.UPDATE_WITHHELD)[0].startswith("UpdateSpent: This update is the same as in")


# --- What people read -------------------------------------------------------------------------------------------


def test_text_and_json_name_the_lanes_their_totals_and_what_they_reveal(four: Four, tmp_path: Path) -> None:
    rest(boss(four), auditor(four), *counters(four))
    party = four.consortium.auditor
    key = AuditKey(party.account, Keyring(party.keys))
    made = Audit(four.consortium.operator.anchor, four.consortium.vault, key, endorser())
    report, federation = made.run(four.consortium.operator.replay(), lambda _done, _of: None)
    audited = Audited(report, federation, 1, 0.5)
    numbers = " ".join(map(str, totals_of(*NAMES)["counts"]))
    line = f"counts: {numbers}. How many of each kind the hospitals have."
    assert f"    {line}" in to_text(audited).split("\n")
    assert "Claimed" not in to_text(audited)
    story = explain(audited, 1)
    assert "It also gave everybody totals of all hospitals." in story
    assert "How many of each kind the hospitals have." in story
    file = tmp_path / "report.json"
    file.write_text(to_json(audited), encoding="utf-8")
    summary = read_summary(file)
    assert summary is not None
    assert sums(summary.results[1].totals) == totals_of(*NAMES)
