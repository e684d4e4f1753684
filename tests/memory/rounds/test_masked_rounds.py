"""Masked rounds over the in-memory ledger: exact, private, resilient, and whatever is wrong is named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.crypto.share_delivery import SEALED_BYTES
from fl.events import Event
from fl.protocol.audit import Report
from fl.protocol.errors import EquivocationDetected, HemaledgerError, RosterUntrusted, SetMismatch
from fl.protocol.names import NO_DIGEST, Address, Blob, Digest, Protection
from fl.protocol.records import ModelAttested, PhaseClosed, SharesChecked
from fl.protocol.rounds.round import Phase, Round
from fl.replay.ledger_view import Keyring
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Plan
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.background_training import TrainingJob
from fl.roles.hospital.trusted_peers import TrustedPeers
from fl.storage.vault import FolderVault
from fl.training.aggregation.quantise import Vector
from tests.support.federation import (
    CONFIG,
    Clock,
    Consortium,
    endorser,
    found,
    initial,
    memory_connect,
    memory_folder,
    nudge,
    run_all,
    settle,
)

STEP_S = 60


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with memory_folder(tmp_path) as place:
        yield place


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def four(folder: Path, clock: Clock) -> Consortium:
    """Return four hospitals, of whom three suffice."""
    return found(folder, memory_connect(clock), hospitals=4, now=clock)


def masked(consortium: Consortium, rounds: int = 1) -> Plan:
    plan = replace(
        consortium.plan(rounds), protection=Protection.MASKED, step_timeout_s=STEP_S, min_commitments=3, attestations=0
    )
    return replace(plan, min_hospitals=len(consortium.hospitals))


def agents(consortium: Consortium, rounds: int = 1) -> tuple[Coordinator, list[Hospital]]:
    coordinator, _, hospitals = consortium.agents(masked(consortium, rounds))
    return coordinator, hospitals


def audit(consortium: Consortium) -> Report:
    party, ledger = consortium.auditor, consortium.operator
    key = AuditKey(party.account, Keyring(party.keys))
    made = Audit(ledger.anchor, consortium.vault, key, endorser())
    return made.run(ledger.replay(), lambda _done, _of: None)[0]


def rest(*everybody: Coordinator | Hospital) -> None:
    """Step until nobody has anything to do, waiting for trainings that run in threads of their own."""
    for _ in range(20):
        settle(*everybody)
        for agent in everybody:
            if isinstance(agent, Hospital):
                agent.finish_training()
        if not any(agent.step() for agent in everybody):
            return
    raise AssertionError("the round never came to rest")


def mean_of(names: list[str], number: int = 1) -> Vector:
    """Return what the model must be: the weighted mean of those hospitals, in exact integer steps of the quantiser."""
    start = initial().vector
    learned = [nudge(name)(TrainingJob(number, start, CONFIG)) for name in names]
    weights = [metrics.samples for _, metrics in learned]
    mean = np.average([vector.astype(np.float64) for vector, _ in learned], axis=0, weights=weights)
    return np.asarray(mean, dtype=np.float64)


def model_of(coordinator: Coordinator) -> Vector:
    federation = coordinator.view.refresh()
    return coordinator._reader.model(federation.source, initial().manifest)


def test_a_masked_federation_in_threads_is_final_and_audited(folder: Path) -> None:
    consortium = found(folder, memory_connect())
    coordinator, auditor, hospitals = consortium.agents(masked(consortium, 2))
    run_all(coordinator, [auditor, *hospitals])
    report = audit(consortium)
    assert report.findings == []
    assert report.checks["aggregates"] == 2
    federation = coordinator.view.refresh()
    assert [found_.phase for found_ in federation.rounds] == [Phase.FINAL, Phase.FINAL]
    assert all(len(found_.attestations) >= 3 for found_ in federation.rounds)


@pytest.mark.parametrize("bits", [32, 64])
def test_masked_and_sealed_rounds_give_the_same_model_to_the_last_bit(folder: Path, clock: Clock, bits: int) -> None:
    digests = []
    for protection in (Protection.MASKED, Protection.SEALED):
        consortium = found(folder / protection.name, memory_connect(clock), now=clock)
        plan = replace(consortium.plan(1), protection=protection)
        plan = replace(plan, config=replace(plan.config, word_bits=bits))
        coordinator, auditor, hospitals = consortium.agents(plan)
        for _ in range(20):
            settle(coordinator, auditor, *hospitals)
            for hospital in hospitals:
                hospital.finish_training()
        digests.append(coordinator.view.refresh().model_digest)
        report = audit(consortium)
        assert (report.findings, report.checks["aggregates"]) == ([], 1)
        error = np.abs(model_of(coordinator) - mean_of(["alpha", "beta", "gamma"])).max()
        assert error < {32: 3e-6, 64: 6e-8}[bits]  # 6e-8: half a step of float32 below 1
        assert bits == 64 or error > 6e-8
    assert digests[0] == digests[1]


@pytest.mark.parametrize("phase", [Phase.ADVERTISE, Phase.SHARE, Phase.COMPLAIN, Phase.MASK, Phase.AGREE, Phase.UNMASK])
def test_one_of_four_may_vanish_in_any_phase(four: Consortium, clock: Clock, phase: Phase) -> None:
    coordinator, (gone, *others) = agents(four)
    lost = four.hospitals[0]
    for _ in range(400):
        current = _current(coordinator)
        if current is not None and current.phase == Phase.FINAL:
            break
        present = current is None or current.phase < phase
        active: list[Hospital] = [gone, *others] if present else others
        acted = [hospital.step() for hospital in active]
        for hospital in others:
            hospital.finish_training()
        if not any([*acted, coordinator.step()]) and not present:
            clock.now += STEP_S + 1 if phase != Phase.MASK else 121
    current = coordinator.view.refresh().rounds[-1]
    assert current.phase == Phase.FINAL
    survivors = [party.name for party in four.hospitals if party.account in current.hospitals]
    assert (lost.name in survivors) == (phase in (Phase.AGREE, Phase.UNMASK))
    assert np.abs(model_of(coordinator) - mean_of(survivors)).max() < 1e-5
    assert audit(four).findings == []


def test_below_the_threshold_the_round_is_aborted_and_the_model_stands(four: Consortium, clock: Clock) -> None:
    coordinator, (_, _, *present) = agents(four)
    before = None
    for _ in range(200):
        current = _current(coordinator)
        if current is not None and current.ended:
            break
        acted = [hospital.step() for hospital in present]
        if not any([coordinator.step(), *acted]):
            clock.now += STEP_S + 1
        before = before or (coordinator.view.federation.openings and coordinator.view.federation.model_digest)
    federation = coordinator.view.refresh()
    assert federation.rounds[0].phase == Phase.ABORTED
    assert federation.rounds[0].reason.startswith("BelowThreshold")
    assert federation.model_digest == before


class CarelessOutbox(FolderVault):
    """Keeps a file of shares with one bit of its first parcel flipped: a dealer that seals rubbish."""

    def put(self, data: Blob) -> Digest:
        if len(data) == 2 + 3 * SEALED_BYTES:
            data = bytearray(data)
            data[2 + SEALED_BYTES - 1] ^= 1
        return super().put(data)


def test_a_dealer_of_wrong_shares_is_named_and_left_out(four: Consortium) -> None:
    coordinator, (_, *others) = agents(four)
    dealer = four.hospitals[0]
    ports = replace(dealer.ports(four.vault), outbox=CarelessOutbox(dealer.folder / "outbox"))
    rest(coordinator, Hospital(ports, nudge(dealer.name)), *others)
    final = coordinator.view.refresh().rounds[-1]
    assert final.phase == Phase.FINAL
    assert final.hospitals == tuple(sorted(party.account for party in four.hospitals[1:]))
    complaints = [record.complaints for record in final.checked.values() if record.complaints]
    assert [found_[:20] for found_ in complaints] == [dealer.account]
    assert audit(four).findings == []


def test_a_false_complainer_is_left_out(four: Consortium) -> None:
    coordinator, hospitals = agents(four)
    _until(coordinator, hospitals, Phase.COMPLAIN)
    liar, victim = four.hospitals[0], four.hospitals[1]
    liar.ledger.append(SharesChecked(liar.account, 1, victim.account + os.urandom(97)))
    rest(coordinator, *hospitals[1:])
    final = coordinator.view.refresh().rounds[-1]
    assert final.phase == Phase.FINAL
    assert liar.account not in final.sharers
    assert victim.account in final.hospitals


def test_a_coordinator_that_ignores_a_complaint_gets_no_updates(four: Consortium) -> None:
    coordinator, hospitals = agents(four)
    _until(coordinator, hospitals, Phase.COMPLAIN)
    liar = four.hospitals[0]
    liar.ledger.append(SharesChecked(liar.account, 1, four.hospitals[1].account + os.urandom(97)))
    settle(*hospitals[1:])
    everybody = tuple(sorted(party.account for party in four.hospitals))
    boss = four.coordinator
    boss.ledger.append(PhaseClosed(boss.account, 1, Phase.COMPLAIN, everybody))
    for hospital in hospitals[1:]:
        hospital.finish_training()
    settle(*hospitals[1:])
    for party in four.hospitals[1:]:
        reported = [facts["reason"] for what, facts in party.events if what == Event.ROUND_REFUSED]
        assert reported == [f"SetMismatch: {SetMismatch(liar.account)}"]
    assert coordinator.view.refresh().rounds[-1].commitments == {}


def test_a_hospital_that_comes_back_with_an_older_state_signs_no_second_set(four: Consortium) -> None:
    coordinator, hospitals = agents(four)
    _until(coordinator, hospitals, Phase.AGREE)
    first = four.hospitals[0]
    current = coordinator.view.refresh().rounds[-1]
    first.ports(four.vault).journal.once(f"set/{current.context.hex()}", b"\7" * 32)
    with pytest.raises(EquivocationDetected):
        hospitals[0].step()


def test_a_hospital_that_does_not_trust_the_roster_sends_nothing(four: Consortium) -> None:
    coordinator, hospitals = agents(four)
    party = four.hospitals[0]
    wary = Hospital(
        party.ports(four.vault), nudge(party.name), TrustedPeers(frozenset({Address(bytes(20))}), at_least=1)
    )
    _until(coordinator, hospitals[1:], Phase.ADVERTISE)
    settle(wary)
    reported = [facts["reason"] for what, facts in party.events if what == Event.ROUND_REFUSED]
    assert reported == [f"RosterUntrusted: {RosterUntrusted(0, 1)}"]
    assert party.account not in coordinator.view.refresh().rounds[-1].advertised


def test_secrets_are_erased_when_the_round_ends(four: Consortium) -> None:
    coordinator, hospitals = agents(four)
    rest(coordinator, *hospitals)
    current = coordinator.view.refresh().rounds[-1]
    assert current.phase == Phase.FINAL
    for party in four.hospitals:
        assert party.ports(four.vault).journal.get(f"keys/{current.context.hex()}") is None


def test_what_lies_in_the_vault_looks_like_noise(four: Consortium) -> None:
    """Even opened, a masked update tells nothing: its words are spread over the whole ring."""
    coordinator, hospitals = agents(four)
    rest(coordinator, *hospitals)
    current = coordinator.view.refresh().rounds[-1]
    ((_, body),) = coordinator._reader.masked(current, current.hospitals[0])
    words = np.frombuffer(body, "<u4")
    assert abs(words.mean() / 2**32 - 0.5) < 0.02
    assert len(np.unique(words >> 24)) == 256


def test_hospitals_attest_and_a_wrong_model_is_never_final(four: Consortium) -> None:
    coordinator, hospitals = agents(four)
    _until(coordinator, hospitals, Phase.UNMASK)
    settle(*hospitals)
    current = coordinator.view.refresh().rounds[-1]
    assert len(current.revealed) == 4
    party = four.hospitals[0]
    with pytest.raises(HemaledgerError):
        party.ledger.append(ModelAttested(party.account, 1, NO_DIGEST, NO_DIGEST))


def _until(coordinator: Coordinator, hospitals: list[Hospital], phase: Phase) -> Round:
    for _ in range(200):
        current = _current(coordinator)
        if current is not None and current.phase == phase:
            return current
        coordinator.step()
        current = _current(coordinator)
        if current is not None and current.phase == phase:
            return current
        for hospital in hospitals:
            hospital.step()
            hospital.finish_training()
    raise AssertionError(f"{phase.name} was never reached")


def _current(coordinator: Coordinator) -> Round | None:
    rounds = coordinator.view.refresh().rounds
    return rounds[-1] if rounds else None
