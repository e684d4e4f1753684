"""Wide rounds over the in-memory ledger: one group key for all files, and a drawn few who sum again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.crypto.envelope import seal
from fl.crypto.envelope_form import Parts
from fl.crypto.group import scalar_bytes
from fl.crypto.hpke_keys import PrivateKey
from fl.events import Event
from fl.protocol.audit import Report
from fl.protocol.errors import GroupKeyUnusable, NotDrawn, RecipientNotFound
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import NO_DIGEST, Digest, Protection, Role
from fl.protocol.records import ModelAttested, WideOpening
from fl.protocol.rounds.replayers import drawn, hospitals_needed, needed_of
from fl.protocol.rounds.round import Phase, Round
from fl.replay.attendance import waiting
from fl.replay.expected_files import model_files, update_files
from fl.replay.file_reader import FileReader
from fl.replay.group_key import GroupKeys, Opening, draw, expected_key_file, group_key
from fl.replay.ledger_view import Keyring, LedgerView
from fl.replay.round_documents import digest_of
from fl.roles.coordinator.plan import Plan, WidePlan
from fl.roles.hospital.agent import Hospital
from tests.support.federation import (
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

TWELVE, DRAWN = 12, 4
WIDE = WidePlan(above=3, replayers=DRAWN)


@pytest.fixture
def twelve(tmp_path: Path) -> Iterator[Consortium]:
    with memory_folder(tmp_path) as folder:
        clock = Clock()
        yield found(folder, memory_connect(clock), hospitals=TWELVE, now=clock)


def plan_of(consortium: Consortium, rounds: int = 1) -> Plan:
    plan = replace(consortium.plan(rounds), protection=Protection.MASKED, step_timeout_s=60, min_commitments=7)
    return replace(plan, wide=WIDE)


def play(consortium: Consortium, rounds: int = 1) -> Round:
    coordinator, auditor, hospitals = consortium.agents(plan_of(consortium, rounds))
    settle(coordinator, auditor, *hospitals)
    return newest(consortium)


def newest(consortium: Consortium) -> Round:
    return LedgerView(consortium.operator).refresh().rounds[-1]


def audited(consortium: Consortium) -> Report:
    party, ledger = consortium.auditor, consortium.operator
    made = Audit(ledger.anchor, consortium.vault, AuditKey(party.account, Keyring(party.keys)), endorser())
    return made.run(ledger.replay(), lambda _done, _of: None)[0]


def named_in(consortium: Consortium, digest: Digest) -> set[bytes]:
    return {*Parts.of(consortium.vault.get(digest, 1 << 30)).wraps}


def test_all_files_of_a_wide_round_are_sealed_to_one_key(twelve: Consortium) -> None:
    current = play(twelve)
    assert current.phase == Phase.FINAL
    assert current.proposal is not None
    key = group_key(current)
    assert key is not None
    files = [*current.commitments.values(), *(each.digest for each in current.revealed.values())]
    assert len(files) == 2 * TWELVE
    for digest in (*files, current.proposal.envelope_digest):
        assert named_in(twelve, digest) == {key.key_id}


def test_the_parts_of_a_wide_round_are_sealed_to_its_key_too(twelve: Consortium) -> None:
    coordinator, auditor, hospitals = twelve.agents(replace(plan_of(twelve), part_bytes=32 * 1024))
    settle(coordinator, auditor, *hospitals)
    current = newest(twelve)
    assert (current.phase, len(current.hospitals)) == (Phase.FINAL, TWELVE)
    key, vault = group_key(current), twelve.vault
    assert key is not None
    parts = [part for hospital in current.hospitals for part in update_files(current, hospital, vault)]
    parts += model_files(current, initial().vector.size, vault)
    assert len(parts) == 3 * (TWELVE + 1)
    assert all(named_in(twelve, part.expected.digest) == {key.key_id} for part in parts)
    assert audited(twelve).findings == []


def test_the_group_key_is_sealed_to_exactly_those_who_read_models(twelve: Consortium) -> None:
    current = play(twelve)
    assert current.wide is not None
    readers = {current.keys[party.account].key_id for party in (*twelve.hospitals, twelve.auditor, twelve.coordinator)}
    assert named_in(twelve, current.wide.key_files[0]) == readers
    assert len(current.wide.key_files) == 1


def test_only_the_drawn_hospitals_sum_again_and_the_others_compare_the_model(twelve: Consortium) -> None:
    current = play(twelve)
    chosen = drawn(current)
    assert len(chosen) == DRAWN
    assert {who for who in current.attestations if who != twelve.auditor.account} <= chosen
    assert current.terms.attestations == 1 + needed_of(DRAWN) == 4
    assert hospitals_needed(current) == needed_of(DRAWN)
    checked = [party for party in twelve.hospitals if Event.MODEL_CHECKED in {what for what, _ in party.events}]
    assert {party.account for party in checked} >= {*current.hospitals} - chosen
    assert audited(twelve).findings == []


def test_the_attestation_of_a_hospital_that_was_not_drawn_is_refused(twelve: Consortium) -> None:
    coordinator, _, hospitals = twelve.agents(plan_of(twelve))
    settle(coordinator, *hospitals)
    current = newest(twelve)
    assert current.phase == Phase.PROPOSED
    idle = next(party for party in twelve.hospitals if party.account not in drawn(current))
    with pytest.raises(NotDrawn):
        idle.ledger.append(ModelAttested(idle.account, current.number, digest_of(current), NO_DIGEST))
    assert {*waiting(LedgerView(twelve.operator).refresh()).who} == {twelve.auditor.account}


def test_a_newcomer_gets_the_model_of_a_wide_round_and_takes_part_in_the_next_one(twelve: Consortium) -> None:
    play(twelve)
    late = twelve.join("late", Role.HOSPITAL)
    coordinator, auditor, hospitals = twelve.agents(plan_of(twelve, 2))
    settle(coordinator, auditor, *hospitals, Hospital(late.ports(twelve.vault), nudge("late")))
    current = newest(twelve)
    assert (current.number, current.phase) == (2, Phase.FINAL)
    assert late.account in current.hospitals
    report = audited(twelve)
    assert report.findings == []
    assert "coordinator granted the model of round 1 to late, who came later." in report.notes


def test_a_hospital_refuses_a_round_whose_key_file_holds_another_key(twelve: Consortium) -> None:
    current = play(twelve)
    assert current.wide is not None
    wrong = scalar_bytes(PrivateKey.generate(1).secret.private_numbers().private_value)
    party = twelve.hospitals[0]
    file = seal(expected_key_file(current, 0).core, [party.keys[1].member_key], wrong)
    forged = replace(current, wide=replace(current.wide, key_files=(twelve.vault.put(file),)))
    with pytest.raises(GroupKeyUnusable):
        FileReader(party.account, twelve.vault, Keyring(party.keys)).check_group(forged)
    other = twelve.hospitals[1]
    with pytest.raises(RecipientNotFound):
        FileReader(other.account, twelve.vault, Keyring(other.keys)).check_group(forged)


def test_an_audit_finds_a_group_key_that_is_gone(twelve: Consortium) -> None:
    current = play(twelve)
    assert current.wide is not None
    twelve.vault.path(current.wide.key_files[0]).unlink()
    report = audited(twelve)
    assert "VaultMissing" in {finding.name for finding in report.findings if finding.subject == "group key"}


def test_each_of_2500_readers_finds_the_group_key_in_one_of_three_files(twelve: Consortium) -> None:
    current = play(twelve)
    assert current.wide is not None
    mine = twelve.hospitals[0].keys[1]
    crowd = [MemberKey(1, PrivateKey.generate(1).public_key) for _ in range(2499)]
    epoch = current.keys[current.opener].epoch
    opening = Opening(current.anchor, current.opener, epoch, current.number, current.previous_model)
    made = draw(opening, [mine.member_key, *crowd])
    files = tuple(twelve.vault.put(file) for file in made.files)
    assert [len(named_in(twelve, each)) for each in files] == [1024, 1024, 452]
    wide = replace(current.wide, group_key=made.public_key, key_files=files)
    assert isinstance(current.opened.record, WideOpening)
    assert GroupKeys(twelve.vault).of(replace(current, wide=wide), lambda: mine).public_key == made.public_key
