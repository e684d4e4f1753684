"""The full audit from the page: progress that survives a reload, one at a time, stop, findings with evidence."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fl.protocol.audit import AuditStep, Finding, Report
from fl.protocol.errors import AuditFailed, ChainUnavailable, HashMismatch
from fl.protocol.names import Protection
from scripts.server.audit_process import AuditProcess
from tests.support.site_audits import DirectAuditor
from tests.support.site_federation import RealTown
from tests.support.site_town import INES, MAYA, NOOR, Town
from webui.errors import AuditImpossible, AuditRunning
from webui.ports.federation import Services
from webui.usecases.full_audits import AuditState, FullAudits

PAGE = "/auditor/audit/"
WAIT_S = 30.0


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


class AuditedTown(RealTown):
    """A town over a real federation whose audits are real."""

    def services(self) -> Services:
        self.auditor = DirectAuditor(self.world.consortium, self.world.report)
        return replace(super().services(), auditor=self.auditor)


def test_an_audit_goes_on_while_its_page_is_reloaded_and_ends(town: Town) -> None:
    auditor, steps = town.visitor(NOOR), town.federation.auditor
    assert "No audit has run yet" not in auditor.text(PAGE)
    assert auditor.post(f"{PAGE}start", page=PAGE).status_code == 302
    assert steps.at_step.wait(WAIT_S)
    for _ in range(2):
        page = auditor.get(PAGE).text
        assert "1 of 3 rounds and models are checked" in page
        assert '<noscript><meta http-equiv="refresh"' in page
    event = auditor.get(f"{PAGE}live")
    assert event.mimetype == "text/event-stream"
    assert "Set-Cookie" not in event.headers, "an event keeps no session alive"
    assert 'value="0.333"' in event.text
    assert "data-live-end" not in event.text
    seen = f"{PAGE}live?seen={town.site.full_audits.now().version}"
    assert "data:" not in auditor.get(seen).text
    steps.go_on.set()
    assert town.site.full_audits.wait(WAIT_S).state == AuditState.DONE
    assert "The audit is finished" in auditor.text(PAGE)
    assert "data-live-end" in auditor.get(seen).text


def test_there_is_one_audit_at_a_time(town: Town) -> None:
    auditor, steps = town.visitor(NOOR), town.federation.auditor
    assert auditor.post(f"{PAGE}start", page=PAGE).status_code == 302
    assert steps.at_step.wait(WAIT_S)
    assert town.visitor(NOOR).post(f"{PAGE}start", page=PAGE).status_code == 409
    with pytest.raises(AuditRunning):
        town.site.full_audits.start("somebody else")
    steps.go_on.set()
    town.site.full_audits.wait(WAIT_S)
    town.site.full_audits.start("the next one")
    assert town.site.full_audits.wait(WAIT_S).by == "the next one"


def test_a_stopped_audit_changes_no_result(town: Town) -> None:
    auditor, steps = town.visitor(NOOR), town.federation.auditor
    auditor.post(f"{PAGE}start", page=PAGE)
    assert steps.at_step.wait(WAIT_S)
    assert auditor.post(f"{PAGE}stop", page=PAGE).status_code == 302
    steps.go_on.set()
    assert town.site.full_audits.wait(WAIT_S).state == AuditState.STOPPED
    assert "The audit was stopped" in auditor.text(PAGE)


def test_an_audit_that_fails_says_why_and_the_next_one_can_start(town: Town) -> None:
    town.federation.auditor.error = AuditFailed("the disk is full")
    town.site.full_audits.start("Noor")
    run = town.site.full_audits.wait(WAIT_S)
    assert (run.state, "the disk is full" in run.why) == (AuditState.FAILED, True)
    assert "The audit could not be made" in town.visitor(NOOR).text(PAGE)
    town.federation.auditor.error = ZeroDivisionError("division")
    town.site.full_audits.start("Noor")
    assert town.site.full_audits.wait(WAIT_S).state == AuditState.FAILED
    assert "division" not in town.visitor(NOOR).text(PAGE)


def test_a_site_without_an_auditor_says_so(town: Town) -> None:
    audits = FullAudits(None, town.services().audits, town.federation.clock)
    assert not audits.possible
    with pytest.raises(AuditImpossible):
        audits.start("Noor")


def test_the_audit_is_for_auditors_and_the_operator(town: Town) -> None:
    for email in (MAYA, INES):
        visitor = town.visitor(email)
        for path in ("", "live", "report", "report.json"):
            assert visitor.get(PAGE + path).status_code == 403
        assert visitor.post_bare(f"{PAGE}start", csrf_token=visitor.token("/")).status_code == 403
    assert town.visitor(NOOR).post_bare(f"{PAGE}start").status_code == 400
    assert town.site.full_audits.now().state == AuditState.NONE


def test_the_report_of_a_real_audit_is_a_page_and_three_files(tmp_path: Path) -> None:
    town = AuditedTown(tmp_path, Protection.MASKED)
    auditor = town.visitor(NOOR)
    auditor.post(f"{PAGE}start", page=PAGE)
    assert town.site.full_audits.wait(120).state == AuditState.DONE
    assert town.auditor.seen[-1] == (3, 3)
    page = auditor.text(f"{PAGE}report")
    assert "rounds summed again from the hospitals' files, bit for bit" in page
    assert "None: nothing wrong was found" in page
    document = json.loads(auditor.get(f"{PAGE}report.json").data)
    assert (document["clean"], document["checks"]["aggregates"]) == (True, 2)
    assert auditor.get(f"{PAGE}report.html").data.startswith(b"<!doctype html>")
    assert auditor.get(f"{PAGE}report.pdf").data.startswith(b"%PDF-")


def test_a_finding_has_its_evidence_and_an_alarm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    town = AuditedTown(tmp_path, Protection.MASKED)
    current = town.world._federation().round(2)
    recorded = next(iter(current.commitments.values()))
    path = town.world.consortium.vault.path(recorded)
    path.unlink()
    path.write_bytes(b"another file")
    auditor = town.visitor(NOOR)
    with caplog.at_level(logging.CRITICAL):
        auditor.post(f"{PAGE}start", page=PAGE)
        town.site.full_audits.wait(120)
    assert "ALARM HashMismatch" in caplog.text
    page = auditor.get(PAGE).text
    assert "A file is not the recorded one" in page
    assert "HashMismatch" not in page
    assert f"/auditor/file?digest={recorded.hex()}" in page
    finding = json.loads(auditor.get(f"{PAGE}report.json").data)["findings"][0]
    assert finding["evidence"]["expected"] == "0x" + recorded.hex()
    assert len(auditor.get(f"{PAGE}report.pdf").data) > 1000


def test_markup_in_a_finding_is_text(town: Town) -> None:
    evil = "<b>bold</b> & <script>alert(1)</script>"
    town.federation.findings_of_last_audit = (Finding("HashMismatch", 5, evil, evil, AuditStep.SUM, (("why", evil),)),)
    auditor = town.visitor(NOOR)
    assert "<script>alert" not in auditor.get(PAGE).text
    assert auditor.get(f"{PAGE}report.pdf").status_code == 200


def test_a_finding_says_what_was_expected_and_found() -> None:
    report = Report()
    report.add_finding(HashMismatch(b"\1" * 32, b"\2" * 32), 1, "a file")
    assert dict(report.findings[0].evidence) == {"expected": "0x" + "01" * 32, "actual": "0x" + "02" * 32}


def script(tmp_path: Path, text: str) -> AuditProcess:
    path = tmp_path / "audit.py"
    path.write_text(text, encoding="utf-8")
    return AuditProcess((sys.executable, "-u", str(path)), tmp_path)


def test_the_audits_process_tells_its_progress(tmp_path: Path) -> None:
    process = script(tmp_path, "import sys\nfor n in (1, 2): print('progress', n, 2, file=sys.stderr)\nsys.exit(76)")
    seen: list[tuple[int, int]] = []
    assert process.run(lambda done, of: seen.append((done, of)), lambda: False)
    assert seen == [(1, 2), (2, 2)]


def test_the_audits_process_ends_when_it_is_stopped(tmp_path: Path) -> None:
    process = script(tmp_path, "import time\nprint('progress 1 9')\ntime.sleep(600)")
    told: list[int] = []
    assert not process.run(lambda done, _of: told.append(done), lambda: bool(told))


def test_a_process_that_fails_gives_its_last_words(tmp_path: Path) -> None:
    process = script(tmp_path, "import sys\nprint('No node answers.')\nsys.exit(75)")
    with pytest.raises(AuditFailed, match="No node answers"):
        process.run(lambda _done, _of: None, lambda: False)
    assert process.report("json") is None


def test_an_unreachable_ledger_does_not_hide_the_last_audit(town: Town) -> None:
    auditor = town.visitor(NOOR)
    town.federation.stop_chain()
    with pytest.raises(ChainUnavailable):
        town.services().audits.rounds()
    assert auditor.get(PAGE).status_code == 200
