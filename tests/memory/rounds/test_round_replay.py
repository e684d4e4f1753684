"""One round replayed with a hospital's key: what is checked, what is not, and which step reports a fault."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.audit.narrative import SEEN, CheckOutcome, Explained, Results, explain
from fl.audit.rounds import Bench, audit_round, obstacle
from fl.protocol.audit import AuditStep
from fl.protocol.codec import parse_document, write_document
from fl.protocol.errors import EncodingError
from fl.protocol.names import Digest, Protection
from fl.protocol.records import ModelAttested
from fl.protocol.rounds.round import Round
from fl.replay.ledger_view import Keyring, LedgerView
from scripts.output.report import Audited, to_json
from tests.support.federation import Party, endorser
from tests.support.site_federation import RealWorld, masked_world, real_world
from webui.federation.saved_report import read_summary


@dataclass
class Seen:
    """A finished federation with a vault of its own, as one member sees it."""

    world: RealWorld
    party: Party

    @property
    def bench(self) -> Bench:
        key = AuditKey(self.party.account, Keyring(self.party.keys))
        return Bench(self.world.consortium.vault, key, endorser())

    def round(self, number: int) -> Round:
        return self.world._federation().round(number)

    def replay(self, number: int) -> Results:
        return Results.of(audit_round(self.world._federation(), number, self.bench), number)

    def reported(self, number: int) -> Explained:
        return explain(self.world._federation(), number, self.replay(number))

    def flip(self, digest: Digest) -> None:
        path = self.world.consortium.vault.path(digest)
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


@pytest.fixture
def masked(tmp_path: Path) -> Seen:
    world = masked_world(tmp_path)
    return Seen(world, world.consortium.hospitals[1])


@pytest.fixture
def sealed(tmp_path: Path) -> Seen:
    world = real_world(tmp_path)
    return Seen(world, world.consortium.hospitals[1])


@pytest.mark.parametrize("number", [1, 2])
def test_a_hospital_replays_a_masked_round_with_its_own_key_and_every_step_is_right(masked: Seen, number: int) -> None:
    reported = masked.reported(number)
    assert [passage.step for passage in reported.passages] == list(AuditStep)
    assert {passage.outcome for passage in reported.passages} == {CheckOutcome.RIGHT}
    assert reported.results.notes == ()
    assert reported.seen == SEEN[True]
    samples = sum(100 + len(party.name) for party in masked.world.consortium.hospitals)
    assert reported.results.sums["samples"] == samples
    assert reported.results.sums["accuracy"] == 3 * 80 / samples


def test_a_hospital_cannot_sum_a_sealed_round_and_is_told_why(sealed: Seen) -> None:
    why = "its updates are sealed to the coordinator and the auditors, so no hospital can open them"
    assert obstacle(sealed.world._federation(), 2, sealed.bench) == why
    reported = sealed.reported(2)
    assert reported.results.notes == (f"Round 2 was not summed again: {why}.",)
    outcomes = {passage.step: passage.outcome for passage in reported.passages}
    assert outcomes.pop(AuditStep.SUM) == outcomes.pop(AuditStep.REPORTS) == CheckOutcome.OPEN
    assert set(outcomes.values()) == {CheckOutcome.RIGHT}
    assert reported.seen == SEEN[False]


def test_an_auditor_can_sum_it(sealed: Seen) -> None:
    auditor = Seen(sealed.world, sealed.world.consortium.auditor)
    assert obstacle(auditor.world._federation(), 2, auditor.bench) == ""
    assert {passage.outcome for passage in auditor.reported(2).passages} == {CheckOutcome.RIGHT}


def test_a_key_that_came_later_or_is_lost_is_a_reason_and_no_finding(masked: Seen) -> None:
    late = masked.world.consortium.join("late", masked.party.role)
    for party, why in (
        (late, "the hospital had no key in this federation at that time"),
        (replace(masked.party, keys={}), "the key that the hospital had at that time is missing on this machine"),
    ):
        seen = Seen(masked.world, party)
        assert obstacle(LedgerView(masked.world.ledger).refresh(), 1, seen.bench) == why
        found = seen.replay(1)
        assert found.findings == ()
        assert found.notes == (f"Round 1 was neither summed again nor opened: {why}.",)


FILES: list[tuple[AuditStep, Callable[[Round], Digest]]] = [
    (AuditStep.TERMS, lambda found: found.terms.config_digest),
    (AuditStep.SETUP, lambda found: next(iter(found.dealt.values())).bundle_digest),
    (AuditStep.UPDATES, lambda found: next(iter(found.commitments.values()))),
    (AuditStep.ANSWERS, lambda found: next(iter(found.revealed.values())).digest),
    (AuditStep.MODEL, lambda found: found.proposal.envelope_digest if found.proposal else Digest(b"")),
    (AuditStep.REPORTS, lambda found: next(digest for digest in found.attestations.values() if any(digest))),
]


@pytest.mark.parametrize(("step", "digest_of"), FILES, ids=[step for step, _ in FILES])
def test_a_changed_file_is_told_in_the_step_that_it_belongs_to(
    masked: Seen, step: AuditStep, digest_of: Callable[[Round], Digest]
) -> None:
    masked.flip(digest_of(masked.round(2)))
    reported = masked.reported(2)
    wrong = [passage.step for passage in reported.passages if passage.outcome == CheckOutcome.WRONG]
    assert step in wrong
    names = {found.name for found in reported.passages[list(AuditStep).index(step)].findings}
    assert names == {"HashMismatch"} | ({"TooFewReveals"} if step == AuditStep.ANSWERS else set())
    assert reported.verdict.startswith("Something is wrong")


def test_a_report_that_states_other_sums_is_found(tmp_path: Path) -> None:
    world = masked_world(tmp_path)
    vault, number = world.consortium.vault, 2
    current = world._federation().round(number)
    auditor = world.consortium.auditor.account
    document = parse_document(vault.get(current.attestations[auditor], 2**20), "report")
    training = document["training"]
    assert isinstance(training, dict)
    lie = vault.put(write_document({**document, "training": {**training, "samples": 12}}))
    entries = [
        replace(entry, record=replace(entry.record, report_digest=lie))
        if isinstance(entry.record, ModelAttested) and (entry.record.sender, entry.record.round) == (auditor, number)
        else entry
        for entry in world.ledger.replay()
    ]
    key = AuditKey(auditor, Keyring(world.consortium.auditor.keys))
    audit = Audit(world.ledger.anchor, vault, key, endorser())
    [finding] = audit.run(entries, lambda _done, _of: None)[0].findings
    assert (finding.name, finding.round, finding.step) == ("ReportMismatch", number, AuditStep.REPORTS)
    assert "samples 12" in finding.sentence


@pytest.mark.parametrize("protection", [Protection.MASKED, Protection.SEALED])
def test_what_an_audit_wrote_down_is_told_the_same_as_what_it_found(tmp_path: Path, protection: Protection) -> None:
    world = real_world(tmp_path, protection)
    party = world.consortium.auditor
    key = AuditKey(party.account, Keyring(party.keys))
    made = Audit(world.ledger.anchor, world.consortium.vault, key, endorser())
    report, federation = made.run(world.ledger.replay(), lambda _done, _of: None)
    file = tmp_path / "report.json"
    file.write_text(to_json(Audited(report, federation, 1, 0.5)), encoding="utf-8")
    summary = read_summary(file)
    assert summary is not None
    assert summary.results == {number: Results.of(report, number) for number in (1, 2)}
    assert {passage.outcome for passage in explain(federation, 2, summary.results[2]).passages} == {CheckOutcome.RIGHT}


def test_a_report_of_an_earlier_version_says_of_no_step_that_it_was_right(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    finding = {"name": "HashMismatch", "round": 1, "subject": "x", "sentence": "y"}
    old = {"checks": {"files": 3}, "checked_at": 5, "findings": [finding], "notes": [], "rounds": [{"number": 1}]}
    file.write_text(json.dumps(old), encoding="utf-8")
    summary = read_summary(file)
    assert summary is not None
    assert summary.results[1].passed == frozenset()
    assert [each.name for each in summary.results[1].findings] == ["HashMismatch"]


def pipe(path: Path) -> None:
    os.mkfifo(path)


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)


@pytest.mark.parametrize("make", [Path.mkdir, pipe, huge])
def test_what_is_no_report_is_neither_waited_for_nor_read(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "audit.json")
    with pytest.raises(EncodingError):
        read_summary(tmp_path / "audit.json")
