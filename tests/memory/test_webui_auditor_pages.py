"""An auditor's page of one round: what was checked, a replay on demand, and the ledger's word on a digest."""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.audit.narrative import Results
from fl.protocol.audit import AuditStep, Finding
from fl.protocol.codec import write_document
from fl.protocol.names import Protection
from fl.replay.ledger_view import Keyring
from scripts.output.report import Audited, to_json, to_text
from tests.support.federation import endorser
from tests.support.site_federation import RealTown
from tests.support.site_services import sha
from tests.support.site_town import INES, MAYA, NOOR, Town, words
from webui.config import Limit, Limits
from webui.errors import ReplayRunning
from webui.usecases.replays import Replays

PAGE, REPLAY = "/auditor/rounds/2", "/auditor/rounds/2/replay"


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


@pytest.fixture
def masked(tmp_path: Path) -> RealTown:
    return RealTown(tmp_path, Protection.MASKED)


def test_a_round_that_no_audit_covers_says_so(masked: RealTown) -> None:
    page = masked.visitor(NOOR).text(PAGE)
    assert "The last audit ran before this round" in page
    assert page.count("Not checked:") == len(AuditStep)
    masked.world.report.unlink()
    assert "No audit has run yet" in masked.visitor(NOOR).text(PAGE)


def test_the_times_of_a_round_have_the_form_of_all_times_of_the_site(masked: RealTown) -> None:
    page = masked.visitor(NOOR).text(PAGE)
    assert re.search(r"On \d+ \w{3} \d{4}, \d\d:\d\d UTC, \S+ opened the round", page)
    assert not re.search(r"\d{4}-\d\d-\d\d", page)


def test_a_masked_round_is_replayed_with_the_hospitals_own_key(masked: RealTown) -> None:
    auditor = masked.visitor(NOOR)
    assert "Replay this round" in auditor.text(PAGE)
    answer = auditor.post(REPLAY, page=PAGE)
    assert (answer.status_code, answer.location) == (302, PAGE)
    page = auditor.text(PAGE)
    for fact in (
        "This site has checked round 2",
        "every step was checked",
        "fit their dealers' Feldman commitments",
        "summed again and without the masks",
        "The sum counts 314 training images",
        "Their images have a total weight of 314 .",
        "If all 3 hospitals are honest, this many images weigh at most 314, and the mean loss",
        "It does not reveal the numbers of a single hospital",
        "Nobody, the coordinator included, could see one hospital's update",
    ):
        assert fact in page
    assert "Not checked" not in page


def test_a_sealed_round_says_why_this_site_cannot_sum_it(tmp_path: Path) -> None:
    auditor = RealTown(tmp_path, Protection.SEALED).visitor(NOOR)
    page = auditor.text(PAGE)
    assert "This site cannot compute the sum of this round again: " in page
    assert "again: its updates are sealed to the coordinator and the auditors" in page
    auditor.post(REPLAY, page=PAGE)
    page = auditor.text(PAGE)
    assert "Round 2 was not summed again" in page
    assert "some steps of this round were not checked" in page
    assert "The coordinator and the auditors could read each hospital's update" in page


def test_what_is_wrong_in_a_replayed_round_is_shown_and_an_alarm(
    masked: RealTown, caplog: pytest.LogCaptureFixture
) -> None:
    current = masked.world._federation().round(2)
    path = masked.world.consortium.vault.path(next(iter(current.commitments.values())))
    path.unlink()
    path.write_bytes(b"another file")
    auditor = masked.visitor(NOOR)
    with caplog.at_level(logging.CRITICAL):
        auditor.post(REPLAY, page=PAGE)
    assert "ALARM HashMismatch" in caplog.text
    page = auditor.text(PAGE)
    assert "Something is wrong in this round: do not trust its model." in page
    assert "Checked, and wrong" in page
    assert "A file is not the recorded one , masked update of" in page
    assert "HashMismatch" not in page


@pytest.mark.parametrize(
    "document",
    [
        b"not a report",
        write_document({"metrics": {"auroc": 10**400, "f1": 1}, "training": {"samples": True}}),
        write_document({"metrics": [], "training": {"samples": 12}}),
        write_document({}),
    ],
)
def test_a_report_of_nonsense_breaks_no_page(
    masked: RealTown, monkeypatch: pytest.MonkeyPatch, document: bytes
) -> None:
    world = masked.world
    digest, current = world.consortium.vault.put(document), world._federation().round(2)
    attestations = dict.fromkeys(current.attestations, digest)
    federation = replace(world._federation(), rounds=(replace(current, attestations=attestations),))
    monkeypatch.setattr(world.reader, "federation", lambda: federation)
    auditor = masked.visitor(NOOR)
    assert "The sum counts" not in auditor.text(PAGE)
    assert auditor.get("/auditor/").status_code == 200


def test_every_digest_of_a_round_leads_to_what_the_ledger_says_of_it(masked: RealTown) -> None:
    auditor = masked.visitor(NOOR)
    current = masked.world._federation().round(2)
    for digest, what in (
        (current.terms.config_digest, "Round configuration"),
        (next(iter(current.commitments.values())), "Masked update"),
        (current.previous_model, "Global model (weights)"),
    ):
        link = f"/auditor/file?digest={digest.hex()}"
        assert link in auditor.get(PAGE).text
        page = auditor.text(link)
        assert "The ledger records this file" in page
        assert what in page


def test_a_model_that_two_rounds_name_is_told_twice(masked: RealTown) -> None:
    configuration = masked.world._federation().round(1).terms.config_digest
    page = masked.visitor(NOOR).get(f"/auditor/file?digest={configuration.hex()}").text
    assert page.count("/auditor/rounds/1") == page.count("/auditor/rounds/2") == 1


@pytest.mark.parametrize(
    ("given", "status"),
    [("", 400), ("12", 400), ("g" * 64, 400), ("ab" * 33, 400), ("0x" + "ab" * 32, 200), (" " + "AB" * 32 + " ", 200)],
)
def test_a_digest_is_64_hexadecimal_digits(town: Town, given: str, status: int) -> None:
    answer = town.visitor(NOOR).get(f"/auditor/file?digest={given}")
    assert answer.status_code == status
    assert ("does not record this file" in words(answer)) == (status == 200)


def test_the_list_says_what_the_last_audit_found_in_each_round(town: Town) -> None:
    finding = Finding("HashMismatch", 5, "Harbour", "Another digest.", AuditStep.SUM)
    town.federation.findings_of_last_audit = (finding,)
    page = town.visitor(NOOR).get("/auditor/").text
    assert page.count("The last audit checked this round and found no problem.") == 5
    assert page.count("The last audit found a problem in this round.") == 1
    assert page.count("No audit covers this round yet.") == 1


def test_a_replay_needs_a_token_and_an_auditor(town: Town) -> None:
    path = "/auditor/rounds/7/replay"
    assert town.visitor(NOOR).post_bare(path).status_code == 400
    for email in (MAYA, INES):
        visitor = town.visitor(email)
        assert visitor.post_bare(path, csrf_token=visitor.token("/")).status_code == 403
    assert town.site.replays.of(7) is None
    assert town.visitor(NOOR).get(path).status_code == 405
    assert town.visitor(NOOR).post("/auditor/rounds/99/replay", page="/auditor/rounds/7").status_code == 404


def test_replays_are_counted(tmp_path: Path) -> None:
    town = Town(tmp_path, limits=Limits(replays=Limit(2, 3600)))
    auditor = town.visitor(NOOR)
    codes = [auditor.post("/auditor/rounds/7/replay", page="/auditor/rounds/7").status_code for _ in range(3)]
    assert codes == [302, 302, 429]


def test_a_replay_without_the_chain_is_no_result(town: Town) -> None:
    auditor = town.visitor(NOOR)
    token = auditor.token("/auditor/rounds/7")
    town.federation.stop_chain()
    assert auditor.post_bare("/auditor/rounds/7/replay", csrf_token=token).status_code == 503
    assert town.site.replays.of(7) is None


def test_there_is_one_replay_at_a_time_and_its_end_frees_the_next(town: Town) -> None:
    began, go_on = threading.Event(), threading.Event()
    audits = town.federation.services.audits

    class Slow:
        def replay(self, number: int) -> Results:
            began.set()
            assert go_on.wait(30)
            return audits.replay(number)

    replays = Replays(Slow(), town.federation.clock)  # type: ignore[arg-type]
    first = threading.Thread(target=replays.run, args=(7,))
    first.start()
    assert began.wait(30)
    with pytest.raises(ReplayRunning):
        replays.run(6)
    go_on.set()
    first.join(30)
    assert replays.run(6).at == town.federation.clock.now
    assert replays.of(7) is not None


def test_a_file_is_found_by_the_digest_of_its_bytes(town: Town) -> None:
    page = town.visitor(NOOR).text(f"/auditor/file?digest={sha(town.federation.recorded_file).hex()}")
    assert "Global model (sealed) of round 7" in page


def test_a_sealed_round_shows_what_each_hospital_claimed_by_the_last_audit(tmp_path: Path) -> None:
    town = RealTown(tmp_path, Protection.SEALED)
    world, consortium = town.world, town.world.consortium
    key = AuditKey(consortium.auditor.account, Keyring(consortium.auditor.keys))
    audit = Audit(consortium.operator.anchor, consortium.vault, key, endorser())
    report, federation = audit.run(consortium.operator.replay(), lambda _done, _of: None)
    audited = Audited(report, federation, 1_800_000_000, 1.0)
    world.report.write_text(to_json(audited), encoding="utf-8")
    page = town.visitor(NOOR).text(PAGE)
    assert "If all 3 hospitals are honest, this many images weigh at most 314, and the mean loss is at most 32" in page
    assert "Each hospital claims its own numbers" in page
    for name, samples, accuracy in (("alpha", 105, "76.2 %"), ("beta", 104, "76.9 %"), ("gamma", 105, "76.2 %")):
        assert f"{name} {samples} {samples} {accuracy}" in page
    text = to_text(audited)
    assert "Claimed (round 2, all together): 314 images, weight 314 of at most 314" in text
    assert "Claimed (round 2, beta): 104 images, weight 104, 0.769 right in training, loss 0.500" in text
