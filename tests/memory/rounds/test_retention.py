"""Old updates may go under a record that an auditor and a coordinator stated; any other missing file is a finding."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fl.protocol.errors import RetentionRefused, SettingInvalid
from fl.protocol.names import NO_DIGEST, Digest, StatementKind
from fl.protocol.records import StatementMade
from fl.replay.retention import RetentionRecord
from scripts.wiring.retention import accept, checked_offer, record_offer
from tests.support.federation import memory_folder
from tests.support.masked_world import Four, rest
from tests.support.world import audit

ROUNDS, KEPT = 3, 1


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Four]:
    """Run three masked rounds."""
    with memory_folder(tmp_path) as folder:
        four = Four(folder)
        rest(four.boss(ROUNDS), four.auditor(), *four.hospitals("alpha", "beta", "gamma", "delta"))
        assert four.phases() == ["FINAL"] * ROUNDS
        yield four


def offered(four: Four, keep: int = KEPT) -> tuple[RetentionRecord, Digest]:
    ledger = four.consortium.auditor.ledger
    return record_offer(ledger, four.consortium.vault, audit(four), four.federation, keep)


def collected(four: Four) -> RetentionRecord:
    """Let an auditor offer, and the coordinator accept and delete."""
    offered(four)
    record, digest = checked_offer(four.federation, four.consortium.vault, KEPT)
    accept(four.consortium.coordinator.ledger, record, digest)
    assert all(four.consortium.vault.delete(each) for _, each in record.files)
    return record


def state(four: Four, record: RetentionRecord, *who: str) -> None:
    """Put a record that breaks a rule on the ledger, as dishonest members could."""
    digest = four.consortium.vault.put(record.to_bytes())
    for name in who:
        ledger = four.party(name).ledger
        ledger.append(StatementMade(ledger.account, record.through, StatementKind.RETENTION, digest, ""))


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
    with pytest.raises(RetentionRefused, match="which is in its window"):
        checked_offer(old.federation, old.consortium.vault, KEPT)
    old.consortium.vault.delete(newest)
    assert sorted(finding.name for finding in audit(old).findings) == ["RetentionRefused", "VaultMissing"]


def test_a_record_without_a_report_is_refused(old: Four) -> None:
    record, _ = offered(old)
    state(old, replace(record, report=NO_DIGEST), "auditor")
    with pytest.raises(RetentionRefused, match="report of its audit is missing"):
        checked_offer(old.federation, old.consortium.vault, KEPT)


def test_a_record_of_another_file_than_an_update_is_refused(old: Four) -> None:
    record, _ = offered(old)
    config = old.federation.rounds[0].terms.config_digest
    state(old, replace(record, files=((1, config),)), "auditor")
    with pytest.raises(RetentionRefused, match="not an update of round 1"):
        checked_offer(old.federation, old.consortium.vault, KEPT)


def test_a_coordinator_refuses_a_shorter_window_than_its_own(old: Four) -> None:
    offered(old)
    with pytest.raises(RetentionRefused, match="wants to keep 2"):
        checked_offer(old.federation, old.consortium.vault, 2)


def test_nothing_is_offered_after_an_audit_with_findings(old: Four) -> None:
    old.consortium.vault.delete(next(iter(old.current.commitments.values())))
    with pytest.raises(SettingInvalid, match="nothing may be deleted"):
        offered(old)
