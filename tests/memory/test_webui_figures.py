"""Figures, request ids and the log as JSON: what an operator's programs read, and that it names nobody."""

from __future__ import annotations

import json
import logging
import re
import sys
from pathlib import Path

import pytest

from scripts.server.log import JsonLines, log_as_json
from tests.support.api import Program
from tests.support.site_town import MAYA, OMAR, PASSWORD, Town, cell
from webui.http.request_ids import LOG
from webui.store.models import SiteRole
from webui.store.new_accounts import NewAccount

OTTO = "otto@clinic.example"


@pytest.fixture
def town(tmp_path: Path) -> Town:
    town = Town(tmp_path)
    town.members[OTTO] = town.site.accounts.create(NewAccount(SiteRole.OPERATOR, OTTO, "Otto Brandt", PASSWORD))
    return town


def figures(town: Town) -> dict[str, float]:
    """Return each figure with its labels, as Prometheus reads them."""
    text = town.app.test_client().get("/metrics").text
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}


def test_the_figures_count_requests_predictions_and_the_last_look_at_the_model(town: Town) -> None:
    maya = town.visitor(MAYA)
    assert maya.check(cell()).status_code == 302
    assert maya.check(b"no picture").status_code == 400
    town.visitor().get("/nowhere")
    found = figures(town)
    assert found['hemaledger_predictions_total{outcome="answered"}'] == 1
    assert found['hemaledger_predictions_total{outcome="image-unreadable"}'] == 1
    assert found['hemaledger_requests_total{endpoint="checks.new",method="POST",status="302"}'] == 1
    assert found['hemaledger_requests_total{endpoint="none",method="GET",status="404"}'] == 1
    assert found['hemaledger_request_seconds_count{endpoint="checks.new"}'] >= 2
    assert found['hemaledger_part_ok{part="database"}'] == 1
    assert found['hemaledger_busy{work="checks"}'] == 0
    assert found["hemaledger_model_checked_timestamp_seconds"] == town.federation.clock()


def test_a_silent_chain_is_a_figure(town: Town) -> None:
    town.federation.stop_chain()
    assert figures(town)['hemaledger_part_ok{part="chain"}'] == 0


def test_no_figure_names_a_person_a_record_or_an_address(town: Town) -> None:
    maya = town.visitor(MAYA)
    location = maya.check(cell()).location
    maya.get(location)
    text = town.app.test_client().get("/metrics").text
    for secret in ("Maya", MAYA, location, "192.0.2.1"):
        assert secret not in text


def test_others_need_a_token_of_the_operator(town: Town) -> None:
    far = town.app.test_client()
    far.environ_base["REMOTE_ADDR"] = "198.51.100.7"
    statuses = [far.get("/metrics").status_code]
    statuses += [far.get("/metrics", headers=Program(town, email).headers).status_code for email in (MAYA, OTTO)]
    assert statuses == [401, 403, 200]


def test_behind_a_tls_proxy_nobody_counts_as_this_machine(tmp_path: Path) -> None:
    town = Town(tmp_path, secure_cookies=True)
    assert town.app.test_client().get("/metrics").status_code == 401


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("ward-7.scan_0042", True),
        ("short", False),
        ("x" * 65, False),
        ("two words here", False),
        ("<script>alert", False),
    ],
)
def test_a_plain_request_id_is_kept_and_any_other_replaced(town: Town, given: str, taken: bool) -> None:
    answer = town.app.test_client().get("/nowhere", headers={"X-Request-ID": given})
    returned = answer.headers["X-Request-ID"]
    assert (returned == given) is taken
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", returned)


def test_the_log_has_one_json_line_per_request_without_address_or_name(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    maya = town.visitor(MAYA)
    location = maya.check(cell()).location
    with caplog.at_level(logging.INFO, LOG.name):
        caplog.clear()
        answer = maya.get(location)
        other = town.visitor(OMAR).get(location)
        Program(town, MAYA).get("/me")
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records if record.name == LOG.name]
    shown = [(line["endpoint"], line["status"], line["role"]) for line in lines]
    assert shown[0] == ("checks.result", 200, "patient")
    assert shown[-2:] == [("checks.result", 404, "patient"), ("api.me", 200, "patient")]
    assert answer.headers["X-Request-ID"] != other.headers["X-Request-ID"]
    assert "Maya" not in json.dumps(lines)
    assert location not in json.dumps(lines)


def test_the_whole_log_becomes_json_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(logging.getLogger("hemaledger"), "level", logging.WARNING)
    log_as_json()
    logging.getLogger("hemaledger.site").warning("A task failed: %s", "anchoring")
    LOG.info("one request", extra={"facts": {"status": 200}})
    logging.getLogger("of.a.library").info("not for operators")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["message"] for line in lines] == ["A task failed: anchoring", "one request"]
    assert lines[1]["status"] == 200


def test_a_mistake_is_one_json_line_with_its_trace() -> None:
    try:
        int("broken\nnumber")
    except ValueError:
        record = LOG.makeRecord(LOG.name, logging.ERROR, "f", 1, "It broke", (), sys.exc_info())
    line = JsonLines().format(record)
    assert "\n" not in line
    assert "broken" in json.loads(line)["trace"]
