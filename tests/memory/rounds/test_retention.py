"""Old updates may go under a record that an auditor and a coordinator stated; any other missing file is a finding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fl.protocol.audit import AuditStep
from fl.protocol.errors import RetentionRefused, SettingInvalid
from fl.protocol.names import NO_DIGEST, Digest, Role, StatementKind
from fl.protocol.records import StatementMade, UpdateCommitted
from fl.replay.retention import RetentionRecord, check_record, offers_of
from scripts.wiring.retention import accept, checked_offer, record_offer
from tests.support.federation import memory_folder, settle
from tests.support.masked_world import Four, rest
from tests.support.world import World, after_the_commit_deadline, audit, opened

ROUNDS, KEPT = 3, 1


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Four]:
    """Run three masked rounds."""
    with memory_folder(tmp_path) as folder:
        four = Four(folder)
        rest(four.boss(ROUNDS), four.auditor(), *four.hospitals("alpha", "beta", "gamma", "delta"))
        assert four.phases() == ["FINAL"] * ROUNDS
        yield four


def offered(four: World, keep: int = KEPT) -> tuple[RetentionRecord, Digest]:
    ledger = four.consortium.auditor.ledger
    return record_offer(ledger, four.consortium.vault, audit(four), four.federation, keep)


def collected(four: World) -> RetentionRecord:
    """Let an auditor offer, and the coordinator accept and delete."""
    offered(four)
    record, digest = checked_offer(four.federation, four.consortium.vault, KEPT)
    accept(four.consortium.coordinator.ledger, record, digest)
    assert all(four.consortium.vault.delete(each) for _, each in record.files)
    return record


def state(four: World, record: RetentionRecord, *who: str) -> None:
    """Put a record that breaks a rule on the ledger, as dishonest members could."""
    digest = four.consortium.vault.put(record.to_bytes())
    for name in who:
        ledger = four.party(name).ledger
        ledger.append(StatementMade(ledger.account, record.through, StatementKind.RETENTION, digest, ""))


def refusal(world: World) -> str:
    """Return why the newest record of all is refused."""
    with pytest.raises(RetentionRefused) as refused:
        check_record(world.federation, world.consortium.vault, *offers_of(world.federation)[0])
    return str(refused.value)


def commit_again(world: World, digest: Digest) -> None:
    """Let alpha commit to an old file in a new round, which the others finish."""
    coordinator = opened(world)
    alpha = world.party("alpha")
    alpha.ledger.append(UpdateCommitted(alpha.account, world.current.number, digest))
    settle(*world.hospitals("beta", "gamma"))
    after_the_commit_deadline(world)
    while not world.current.ended:
        settle(world.auditor())
        coordinator.step()
    assert world.phases()[-1] == "FINAL"
    assert world.current.commitments[alpha.account] == digest


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Run two sealed rounds of three hospitals."""
    with memory_folder(tmp_path) as folder:
        world = World(folder)
        world.run(2)
        yield world


def test_a_deleted_file_that_a_hospital_commits_again_does_not_hide_the_new_round(world: World) -> None:
    collected(world)
    digest = world.federation.rounds[0].commitments[world.party("alpha").account]
    commit_again(world, digest)
    report = audit(world)
    assert report.findings == []
    assert AuditStep.SUM in report.passed[3]
    assert not any(note.startswith("Round 3: 1 update was deleted") for note in report.notes)


def test_a_record_of_a_file_that_a_kept_round_commits_again_is_refused(world: World) -> None:
    digest = world.federation.rounds[0].commitments[world.party("alpha").account]
    offered(world)
    commit_again(world, digest)
    with pytest.raises(RetentionRefused, match="round 3 has the same file"):
        checked_offer(world.federation, world.consortium.vault, KEPT)
    record, _ = offered(world, 1)
    assert (1, digest) not in record.files, "a new offer leaves it out"
    checked_offer(world.federation, world.consortium.vault, KEPT)
    state(world, replace(record, files=((1, digest), *record.files)), "auditor")
    assert "round 3 has the same file" in refusal(world)


def test_a_second_auditor_blocks_no_deletion(world: World) -> None:
    second = world.join("second auditor", Role.AUDITOR)
    record, digest = offered(world)
    for wrong in (digest, world.consortium.vault.put(b"garbage"), NO_DIGEST):
        second.ledger.append(StatementMade(second.account, 1, StatementKind.RETENTION, wrong, ""))
    assert checked_offer(world.federation, world.consortium.vault, KEPT) == (record, digest)
    accept(world.consortium.coordinator.ledger, record, digest)
    assert all(world.consortium.vault.delete(each) for _, each in record.files)
    assert audit(world).findings == []


def test_a_record_counts_though_another_auditor_stated_its_digest_first(world: World) -> None:
    second = world.join("second auditor", Role.AUDITOR)
    record, _ = offered(world)
    early = replace(record, keep_rounds=record.keep_rounds + 1, files=record.files[:0])
    early_digest = world.consortium.vault.put(early.to_bytes())
    second.ledger.append(StatementMade(second.account, 0, StatementKind.RETENTION, early_digest, ""))
    state(world, early, "auditor")
    assert checked_offer(world.federation, world.consortium.vault, KEPT) == (early, early_digest)
    accept(world.consortium.coordinator.ledger, early, early_digest)
    assert audit(world).findings == []


def test_an_audit_after_the_deletion_is_clean_and_names_record_and_report(old: Four) -> None:
    record = collected(old)
    assert {number for number, _ in record.files} == {1, 2}, "the newest round is the window"
    assert len(record.files) == 8
    report = audit(old)
    assert report.findings == []
    assert report.checks["aggregates"] == 1, "round 3 is still summed again"
    notes = [note for note in report.notes if "deleted under the retention record" in note]
    assert len(notes) == 2
    assert record.report.hex() in notes[0]
    assert "4 updates were deleted" in notes[0]


def test_rounds_go_on_after_the_deletion_and_a_second_one_covers_only_what_was_summed(old: Four) -> None:
    collected(old)
    rest(old.boss(ROUNDS + 1), old.auditor(), *old.hospitals("alpha", "beta", "gamma", "delta"))
    assert old.phases() == ["FINAL"] * (ROUNDS + 1)
    assert {number for number, _ in collected(old).files} == {3}
    assert audit(old).findings == []


def test_a_file_that_no_record_names_stays_an_alarm(old: Four) -> None:
    collected(old)
    old.consortium.vault.delete(next(iter(old.current.commitments.values())))
    assert [finding.name for finding in audit(old).findings] == ["VaultMissing"]


def test_an_offer_alone_allows_nothing(old: Four) -> None:
    record, _ = offered(old)
    old.consortium.vault.delete(record.files[0][1])
    assert [finding.name for finding in audit(old).findings] == ["VaultMissing"]


def test_a_record_of_a_file_in_its_window_is_refused_and_found(old: Four) -> None:
    record, _ = offered(old)
    newest = next(iter(old.current.commitments.values()))
    state(old, replace(record, files=((ROUNDS, newest),)), "auditor", "coordinator")
    assert "which is in its window" in refusal(old)
    old.consortium.vault.delete(newest)
    assert sorted(finding.name for finding in audit(old).findings) == ["RetentionRefused", "VaultMissing"]


def test_a_record_without_a_report_is_refused(old: Four) -> None:
    record, _ = offered(old)
    state(old, replace(record, report=NO_DIGEST), "auditor")
    assert "report of its audit is missing" in refusal(old)


def test_a_record_of_another_file_than_an_update_is_refused(old: Four) -> None:
    record, _ = offered(old)
    config = old.federation.rounds[0].terms.config_digest
    state(old, replace(record, files=((1, config),)), "auditor")
    assert "not an update of round 1" in refusal(old)


def test_a_coordinator_refuses_a_shorter_window_than_its_own(old: Four) -> None:
    offered(old)
    with pytest.raises(RetentionRefused, match="wants to keep 2"):
        checked_offer(old.federation, old.consortium.vault, 2)


def test_nothing_is_offered_after_an_audit_with_findings(old: Four) -> None:
    old.consortium.vault.delete(next(iter(old.current.commitments.values())))
    with pytest.raises(SettingInvalid, match="nothing may be deleted"):
        offered(old)
