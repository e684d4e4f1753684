"""Trustees over the in-memory ledger: ceremonies, approvals, and what must not open."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fl.crypto.capsule import Capsule
from fl.crypto.dkg import deal
from fl.crypto.encrypted_keystore import HeldShare
from fl.events import Event
from fl.protocol.errors import (
    DeadlinePassed,
    KeyExpired,
    KeystoreUnreadable,
    NotReleased,
    PolicyNotApproved,
    QuorumNotReached,
    RequestClosed,
    RevokedSender,
    StaleCommittee,
)
from fl.protocol.keys.ceremony import CeremonyPhase
from fl.protocol.keys.requests import RequestPhase
from fl.protocol.names import CeremonyKind, Digest, KeyUse, Purpose, Refusal, Role
from fl.protocol.records import CeremonyAborted, CeremonyStarted, DecryptionApproved, MemberRevoked
from fl.replay.committees import committee_keys, setting_of
from fl.replay.ledger_view import LedgerView
from fl.roles.requester.model_release import Releases, held_by
from fl.roles.runner import Agent
from fl.roles.trustee.agent import Trustee
from fl.roles.trustee.dealer import Dealer
from fl.storage.shares import FolderShares
from tests.support.clinic import TEXT, USE, Clinic, audit, model_file, phases, three_trustees
from tests.support.federation import PASSWORD, Clock, Party, found, memory_connect, memory_folder, settle


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with memory_folder(tmp_path) as place:
        yield place


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def clinic(folder: Path, clock: Clock) -> Clinic:
    """Return three trustees, of whom two open; they went through their ceremony."""
    made = three_trustees(folder, clock)
    made.start(CeremonyKind.GENERATE, made.parties)
    settle(*made.trustees)
    return made


def test_a_ceremony_gives_everybody_a_share_and_nobody_the_key(clinic: Clinic) -> None:
    ceremony = clinic.federation.threshold.ceremony(USE)
    assert ceremony is not None
    assert ceremony.phase == CeremonyPhase.DONE
    assert len(ceremony.confirmed) == len(clinic.trustees)
    committee = committee_keys(clinic.federation.threshold, USE, 1)
    assert [trustee.held(USE).seat.index for trustee in clinic.trustees] != [1, 1, 1]
    assert committee.threshold == 2
    assert committee.key.to_bytes() == ceremony.public_key


def test_two_of_three_open_and_one_does_not(clinic: Clinic) -> None:
    file, capsule = clinic.record()
    number = clinic.ask(capsule)
    clinic.trustees[0].approve(number)
    with pytest.raises(QuorumNotReached):
        clinic.open(number, file, capsule)
    clinic.trustees[2].approve(number)
    assert clinic.open(number, file, capsule) == TEXT
    request = clinic.federation.threshold.request(number)
    clinic.requester.fulfil(request)
    assert clinic.federation.threshold.request(number).phase == RequestPhase.FULFILLED


def test_a_refusal_leaves_two_and_two_refusals_close_the_request(clinic: Clinic) -> None:
    file, capsule = clinic.record()
    number = clinic.ask(capsule)
    clinic.trustees[0].refuse(number, Refusal.JUDGEMENT)
    clinic.trustees[1].approve(number)
    clinic.trustees[2].approve(number)
    assert clinic.open(number, file, capsule) == TEXT
    second = clinic.ask(capsule)
    clinic.trustees[0].refuse(second, Refusal.JUDGEMENT)
    clinic.trustees[1].refuse(second, Refusal.REQUESTER)
    with pytest.raises(RequestClosed):
        clinic.trustees[2].approve(second)


def test_without_consent_nothing_is_computed(clinic: Clinic) -> None:
    _, capsule = clinic.record(frozenset({Purpose.TREATMENT}))
    number = clinic.ask(capsule, Purpose.RESEARCH)
    with pytest.raises(PolicyNotApproved, match="consent"):
        clinic.trustees[0].approve(number)
    assert not clinic.federation.threshold.request(number).approvals


def test_a_revoked_trustee_approves_nothing_more(clinic: Clinic) -> None:
    file, capsule = clinic.record()
    number = clinic.ask(capsule)
    operator = clinic.consortium.operator
    operator.append(MemberRevoked(operator.account, clinic.parties[0].account, "left the hospital"))
    with pytest.raises(Exception, match="revoked"):
        clinic.trustees[0].approve(number)
    for trustee in clinic.trustees[1:]:
        trustee.approve(number)
    assert clinic.open(number, file, capsule) == TEXT


def test_after_a_refresh_old_shares_are_gone_and_old_records_open(clinic: Clinic) -> None:
    file, capsule = clinic.record()
    asked_before = clinic.ask(capsule)
    clinic.start(CeremonyKind.REFRESH, clinic.parties)
    settle(*clinic.trustees)
    with pytest.raises(StaleCommittee):
        clinic.trustees[0].approve(asked_before)
    for trustee, party in zip(clinic.trustees, clinic.parties, strict=True):
        assert trustee.held(USE).seat.epoch == 2
        with pytest.raises(KeystoreUnreadable):
            party.safe.shares.get(USE, 1)
    number = clinic.ask(capsule)
    for trustee in clinic.trustees[:2]:
        trustee.approve(number)
    assert clinic.open(number, file, capsule) == TEXT


def test_after_a_reshare_the_new_committee_opens_old_records_and_the_old_one_nothing(clinic: Clinic) -> None:
    file, capsule = clinic.record()
    operator = clinic.consortium.operator
    operator.append(MemberRevoked(operator.account, clinic.parties[0].account, "left the hospital"))
    old = clinic.trustees[0]
    for name in ("dora", "emil"):
        clinic.add(name)
    clinic.start(CeremonyKind.RESHARE, clinic.parties[1:], threshold=3)
    settle(*clinic.trustees[1:])
    number = clinic.ask(capsule)
    with pytest.raises(RevokedSender):
        old.approve(number)
    for trustee in clinic.trustees[2:4]:
        trustee.approve(number)
    with pytest.raises(QuorumNotReached):
        clinic.open(number, file, capsule)
    clinic.trustees[4].approve(number)
    assert clinic.open(number, file, capsule) == TEXT


def test_an_audit_computes_the_ceremony_again_and_names_a_changed_answer(clinic: Clinic) -> None:
    _, capsule = clinic.record()
    number = clinic.ask(capsule)
    clinic.trustees[0].approve(number)
    report = audit(clinic)
    assert report.clean
    assert report.checks["ceremonies"] == 1
    approval = clinic.federation.threshold.request(number).approvals[clinic.parties[0].account]
    name = approval.digest.hex()
    path = clinic.folder / "vault" / name[:2] / name
    kept = path.read_bytes()
    path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    assert [(found.name, found.subject) for found in audit(clinic).findings] == [
        ("HashMismatch", f"answer of ada to request {number}")
    ]


def test_a_wrong_answer_is_named_and_left_out(clinic: Clinic) -> None:
    file, capsule = clinic.record()
    number = clinic.ask(capsule)
    liar, party = clinic.trustees[0], clinic.parties[0]
    held = liar.held(USE)
    party.safe.shares.put(HeldShare(held.seat, held.share + 1))
    for trustee in clinic.trustees[:2]:
        trustee.approve(number)
    with pytest.raises(QuorumNotReached):
        clinic.open(number, file, capsule)
    clinic.trustees[2].approve(number)
    assert clinic.open(number, file, capsule) == TEXT
    assert clinic.requester.open(clinic.federation, number).wrong == (party.account,)


def test_a_dealer_makes_a_key_that_says_so(folder: Path, clock: Clock) -> None:
    clinic = three_trustees(folder, clock)
    clinic.start(CeremonyKind.DEALER, clinic.parties)
    operator = Party("operator", Role.OPERATOR, clinic.consortium.operator, folder / "operator", {}, now=clock)
    settle(Dealer(operator.ports(clinic.consortium.vault), USE), *clinic.trustees)
    assert clinic.federation.threshold.committee(USE).origin == CeremonyKind.DEALER
    file, capsule = clinic.record()
    number = clinic.ask(capsule)
    for trustee in clinic.trustees[:2]:
        trustee.approve(number)
    assert clinic.open(number, file, capsule) == TEXT


def test_a_trustee_that_slept_gets_its_share_afterwards(folder: Path, clock: Clock) -> None:
    clinic = three_trustees(folder, clock)
    clinic.start(CeremonyKind.DEALER, clinic.parties)
    operator = Party("operator", Role.OPERATOR, clinic.consortium.operator, folder / "operator", {}, now=clock)
    awake: tuple[Agent, ...] = (Dealer(operator.ports(clinic.consortium.vault), USE), *clinic.trustees[:2])
    settle(*awake)
    clock.now += 61
    settle(*awake)
    assert clinic.federation.threshold.in_force(USE) is not None
    settle(clinic.trustees[2])
    assert clinic.trustees[2].held(USE).seat.epoch == 1


def test_two_dealers_go_on_when_the_third_never_deals(folder: Path, clock: Clock) -> None:
    clinic = three_trustees(folder, clock)
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    for _ in range(4):
        settle(*clinic.trustees[:2])
        clock.now += 61
    settle(*clinic.trustees)
    ceremony = clinic.federation.threshold.ceremony(USE)
    assert ceremony is not None
    assert ceremony.phase == CeremonyPhase.DONE
    assert len(ceremony.dealers) == 2
    assert clinic.trustees[2].held(USE)


def test_a_model_is_held_back_until_enough_trustees_release_it(folder: Path, clock: Clock) -> None:
    clinic = three_trustees(folder, clock)
    operator, receivers = clinic.consortium.operator, tuple(sorted(party.account for party in clinic.parties))
    expires = clock.now + 10**7
    operator.append(
        CeremonyStarted(operator.account, KeyUse.MODEL, 1, CeremonyKind.GENERATE, 2, receivers, receivers, 60, expires)
    )
    plan = clinic.consortium.plan(2)
    coordinator, auditor, hospitals = clinic.consortium.agents(replace(plan, config=replace(plan.config, release=True)))
    settle(coordinator, auditor, *hospitals)
    assert phases(clinic) == []  # nobody holds K_MODEL yet
    settle(*clinic.trustees)
    settle(coordinator, auditor, *hospitals)
    final = clinic.federation.final_round
    assert final is not None
    assert phases(clinic) == ["FINAL"]  # round 2 waits
    view = LedgerView(clinic.hospital.ledger)
    view.refresh()
    with pytest.raises(NotReleased):
        Releases(view, clinic.requester)(final, model_file(clinic, final))
    for trustee in clinic.trustees[:2]:
        trustee.approve(1)
    settle(coordinator, auditor, *hospitals)
    assert phases(clinic) == ["FINAL", "FINAL"]
    assert clinic.federation.threshold.request(1).phase == RequestPhase.FULFILLED
    assert clinic.federation.threshold.request(2).phase == RequestPhase.OPEN


def test_a_trustee_that_agreed_beforehand_releases_models_by_itself(folder: Path, clock: Clock) -> None:
    clinic = three_trustees(folder, clock)
    ready = [Trustee(party.ports(clinic.consortium.vault), party.safe, release_models=True) for party in clinic.parties]
    operator, receivers = clinic.consortium.operator, tuple(sorted(party.account for party in clinic.parties))
    start = CeremonyStarted(
        operator.account, KeyUse.MODEL, 1, CeremonyKind.GENERATE, 2, receivers, receivers, 60, clock.now + 10**7
    )
    operator.append(start)
    plan = clinic.consortium.plan(2)
    coordinator, auditor, hospitals = clinic.consortium.agents(replace(plan, config=replace(plan.config, release=True)))
    settle(coordinator, auditor, *hospitals, *ready)
    assert coordinator.done
    assert all(request.phase == RequestPhase.FULFILLED for request in clinic.federation.threshold.requests)
    assert audit(clinic).clean


def test_a_release_that_the_ledger_takes_no_more_does_not_end_the_trustee(folder: Path, clock: Clock) -> None:
    """Whoever asks with a short deadline must not be able to stop who answers by itself, behind the chain's clock."""
    clinic = Clinic(folder, found(folder, memory_connect(clock), now=clock), clock, [], [])
    party = clinic.consortium.join("ada", Role.TRUSTEE)
    clinic.parties.append(party)
    clinic.add("ben")
    ports = replace(party.ports(clinic.consortium.vault), now=lambda: clock.now - 10)
    ada = Trustee(ports, party.safe, release_models=True)
    operator, receivers = clinic.consortium.operator, tuple(sorted(each.account for each in clinic.parties))
    operator.append(
        CeremonyStarted(
            operator.account, KeyUse.MODEL, 1, CeremonyKind.GENERATE, 2, receivers, receivers, 60, clock.now + 10**7
        )
    )
    plan = clinic.consortium.plan(1)
    coordinator, auditor, hospitals = clinic.consortium.agents(replace(plan, config=replace(plan.config, release=True)))
    settle(ada, *clinic.trustees)
    settle(coordinator, auditor, *hospitals)
    clock.now = clinic.federation.threshold.request(1).record.deadline + 5
    settle(ada)
    assert [what for what, _ in party.events].count(Event.REQUEST_NOT_ANSWERED) == 1
    assert clinic.federation.threshold.request(1).approvals == {}


def test_an_audit_names_approvals_against_the_patients_consent(clinic: Clinic) -> None:
    _, capsule = clinic.record(frozenset({Purpose.TREATMENT}))
    number = clinic.ask(capsule, Purpose.RESEARCH)
    assert audit(clinic).clean  # asking is no fault of the trustees
    for party in clinic.parties[:2]:
        party.ledger.append(DecryptionApproved(party.account, number, Digest(bytes(32))))
    assert [(each.name, each.subject) for each in audit(clinic).findings] == [
        ("PolicyNotApproved", f"capsule of request {number}")
    ]


@pytest.mark.parametrize(("later", "error"), [(3601, DeadlinePassed), (10**7 + 1, KeyExpired)])
def test_too_late_nothing_is_computed_and_nothing_leaves(clinic: Clinic, later: int, error: type[Exception]) -> None:
    _, capsule = clinic.record()
    number = clinic.ask(capsule)
    before = sorted((clinic.folder / "vault").rglob("*"))
    clinic.clock.now += later
    with pytest.raises(error):
        clinic.trustees[0].approve(number)
    assert sorted((clinic.folder / "vault").rglob("*")) == before


def test_a_trustee_that_missed_two_ceremonies_makes_up_for_its_share(clinic: Clinic) -> None:
    file, capsule = clinic.record()
    awake, asleep = clinic.trustees[:2], clinic.trustees[2]
    clinic.start(CeremonyKind.REFRESH, clinic.parties)
    for _ in range(4):
        settle(*awake)
        clinic.clock.now += 61
    operator = clinic.consortium.operator
    clinic.start(CeremonyKind.REFRESH, clinic.parties)
    operator.append(CeremonyAborted(operator.account, USE, 3, "a mistake"))
    settle(asleep)
    number = clinic.ask(capsule)
    asleep.approve(number)
    awake[0].approve(number)
    assert clinic.open(number, file, capsule) == TEXT


def test_a_dealer_of_garbage_is_left_out_and_stops_nobody(folder: Path, clock: Clock) -> None:
    clinic = three_trustees(folder, clock)
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    ports = clinic.parties[0].ports(clinic.consortium.vault)
    ceremony = clinic.federation.threshold.ceremony(USE)
    assert ceremony is not None
    made = deal(setting_of(clinic.federation.threshold, ceremony), clinic.parties[0].account)
    garbage = ports.outbox.put(b"garbage")
    ports.journal.once(f"dealing/{ceremony.context.hex()}", made.proof + garbage + made.commitments)
    settle(*clinic.trustees)
    done = clinic.federation.threshold.ceremony(USE)
    assert done is not None
    assert done.phase == CeremonyPhase.DONE
    assert clinic.parties[0].account not in done.dealers
    assert clinic.trustees[0].held(USE)  # who dealt wrongly still receives
    assert audit(clinic).clean


def test_an_erased_share_is_overwritten_where_it_lay(clinic: Clinic) -> None:
    folder = clinic.parties[0].folder / "shares"
    kept = folder.parent / "link"
    kept.hardlink_to(folder / "records-1.json")
    FolderShares(folder, PASSWORD).erase(USE, 1)
    assert not (folder / "records-1.json").exists()
    assert set(kept.read_bytes()) == {0}


def test_nobody_releases_a_model_before_its_round_is_final_or_takes_a_release_back(folder: Path, clock: Clock) -> None:
    clinic = three_trustees(folder, clock)
    operator, receivers = clinic.consortium.operator, tuple(sorted(party.account for party in clinic.parties))
    start = CeremonyStarted(
        operator.account, KeyUse.MODEL, 1, CeremonyKind.GENERATE, 2, receivers, receivers, 60, clock.now + 10**7
    )
    operator.append(start)
    settle(*clinic.trustees)
    plan = clinic.consortium.plan(1)
    coordinator, auditor, hospitals = clinic.consortium.agents(replace(plan, config=replace(plan.config, release=True)))
    settle(coordinator, *hospitals)  # nobody attests
    proposed = clinic.federation.rounds[-1]
    assert proposed.phase.name == "PROPOSED"
    envelope = model_file(clinic, proposed)
    capsule = Capsule.of(envelope, held_by(clinic.federation), b"")
    early = clinic.requester.ask(clinic.federation, capsule, Purpose.RELEASE, clock.now + 3600)
    with pytest.raises(PolicyNotApproved, match="round"):
        clinic.trustees[0].approve(early)
    settle(coordinator, auditor, *hospitals)
    asked = len(clinic.federation.threshold.requests)
    for trustee in clinic.trustees[:2]:
        trustee.approve(asked)
    settle(coordinator)
    clinic.requester.ask(clinic.federation, capsule, Purpose.RELEASE, clock.now + 366 * 86_400)
    view = LedgerView(clinic.hospital.ledger)
    view.refresh()
    assert Releases(view, clinic.requester)(clinic.federation.rounds[-1], envelope)


def test_a_replayed_a_foreign_and_a_missing_answer_are_named_and_two_good_ones_open(folder: Path, clock: Clock) -> None:
    clinic = Clinic(folder, found(folder, memory_connect(clock), now=clock), clock, [], [])
    for name in ("ada", "ben", "cleo", "dora", "emil"):
        clinic.add(name)
    clinic.start(CeremonyKind.GENERATE, clinic.parties)
    settle(*clinic.trustees)
    file, capsule = clinic.record()
    first = clinic.ask(capsule)
    for trustee in clinic.trustees[:2]:
        trustee.approve(first)
    number = clinic.ask(capsule)
    earlier = clinic.federation.threshold.request(first).approvals
    ada, ben, cleo = (party.ledger for party in clinic.parties[:3])
    of_ada = earlier[ada.account].digest
    ada.append(DecryptionApproved(ada.account, number, of_ada))  # her own, of another request
    ben.append(DecryptionApproved(ben.account, number, of_ada))  # somebody else's
    cleo.append(DecryptionApproved(cleo.account, number, Digest(bytes(31) + b"\x01")))  # of no file at all
    clinic.trustees[3].approve(number)
    with pytest.raises(QuorumNotReached):
        clinic.open(number, file, capsule)
    clinic.trustees[4].approve(number)
    assert clinic.open(number, file, capsule) == TEXT
    named = clinic.requester.open(clinic.federation, number).wrong
    assert set(named) == {ada.account, ben.account, cleo.account}
