"""Two keys of one use: what was sealed to the first is opened by its own committee, until its shares expire."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fl.protocol.errors import KeyExpired, NoCommittee, NotInCommittee
from fl.protocol.keys.requests import RequestPhase
from fl.protocol.names import CeremonyKind, KeyUse
from fl.protocol.records import CeremonyStarted
from fl.replay.decryption_requests import holder_of
from tests.support.clinic import TEXT, USE, Clinic, audit, phases, three_trustees
from tests.support.federation import Clock, memory_folder, settle


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    """Yield three trustees, of whom two are to open, and no key."""
    clock = Clock()
    with memory_folder(tmp_path) as folder:
        made = three_trustees(folder, clock)
        yield made


def second_key(clinic: Clinic) -> None:
    """Let cleo and two new trustees make another key."""
    for name in ("dora", "emil"):
        clinic.add(name)
    clinic.start(CeremonyKind.GENERATE, clinic.parties[2:])
    settle(*clinic.trustees)


def test_a_record_of_the_first_key_is_opened_by_its_committee_after_a_second_key_was_made(clinic: Clinic) -> None:
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    settle(*clinic.trustees)
    file, capsule = clinic.record()
    before = clinic.ask(capsule)
    ada, ben, cleo = clinic.trustees
    ada.approve(before)
    second_key(clinic)
    assert clinic.federation.threshold.committee(USE).generation == 2
    cleo.approve(before)
    assert clinic.open(before, file, capsule) == TEXT
    after = clinic.ask(capsule)
    assert clinic.federation.threshold.request(after).epoch == 1
    with pytest.raises(NotInCommittee):
        clinic.trustees[3].approve(after)
    assert after not in [each.number for each in clinic.trustees[3].waiting()]
    ben.approve(after)
    cleo.approve(after)
    assert clinic.open(after, file, capsule) == TEXT


def test_what_is_sealed_now_goes_to_the_second_committee_alone(clinic: Clinic) -> None:
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    settle(*clinic.trustees)
    second_key(clinic)
    file, capsule = clinic.record()
    number = clinic.ask(capsule)
    with pytest.raises(NotInCommittee):
        clinic.trustees[0].approve(number)
    for trustee in clinic.trustees[2:4]:
        trustee.approve(number)
    assert clinic.open(number, file, capsule) == TEXT
    assert audit(clinic).clean


def test_a_refresh_of_the_second_key_leaves_the_first_committee_its_shares(clinic: Clinic) -> None:
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    settle(*clinic.trustees)
    file, capsule = clinic.record()
    second_key(clinic)
    clinic.start(CeremonyKind.REFRESH, clinic.parties[2:])
    settle(*clinic.trustees)
    number = clinic.ask(capsule)
    for trustee in clinic.trustees[1:3]:
        trustee.approve(number)
    assert clinic.open(number, file, capsule) == TEXT


def test_the_first_committee_is_asked_no_more_once_its_shares_expired(clinic: Clinic) -> None:
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    settle(*clinic.trustees)
    _, capsule = clinic.record()
    clinic.clock.now += 10**6
    second_key(clinic)
    clinic.clock.now += 10**7 - 10**6 + 1
    with pytest.raises(KeyExpired):
        clinic.ask(capsule)
    clinic.ask(clinic.record()[1])


def test_a_file_that_is_sealed_to_no_committees_key_is_not_asked_for(clinic: Clinic) -> None:
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    settle(*clinic.trustees)
    _, capsule = clinic.record()
    with pytest.raises(NoCommittee):
        clinic.ask(replace(capsule, key_id=bytes(16)))
    with pytest.raises(NoCommittee):
        holder_of(clinic.federation, KeyUse.MODEL, capsule)


def test_a_model_held_back_with_the_first_key_is_released_by_its_committee(clinic: Clinic) -> None:
    operator, receivers = clinic.consortium.operator, tuple(sorted(party.account for party in clinic.parties))
    start = CeremonyStarted(
        operator.account, KeyUse.MODEL, 1, CeremonyKind.GENERATE, 2, receivers, receivers, 60, clinic.clock.now + 10**7
    )
    operator.append(start)
    settle(*clinic.trustees)
    plan = clinic.consortium.plan(2)
    coordinator, auditor, hospitals = clinic.consortium.agents(replace(plan, config=replace(plan.config, release=True)))
    settle(coordinator, auditor, *hospitals)
    operator.append(replace(start, ceremony=2))
    settle(*clinic.trustees)
    clinic.clock.now += 3600 * 24  # the first request lapses; the coordinator asks once more
    settle(coordinator, auditor, *hospitals)
    asked = clinic.federation.threshold.requests
    assert [each.epoch for each in asked] == [1, 1]
    for trustee in clinic.trustees[:2]:
        trustee.approve(asked[-1].number)
    settle(coordinator, auditor, *hospitals)
    assert phases(clinic) == ["FINAL", "FINAL"]
    newest = clinic.federation.threshold.requests[-1]
    assert (newest.epoch, newest.phase) == (2, RequestPhase.OPEN)
