"""What one process says of itself: its options, its log, its health, its clock and its stop."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
import requests

from fl.events import Event
from fl.protocol import errors
from fl.protocol.errors import (
    ChainUnavailable,
    ClockWrong,
    PortInUse,
    SettingInvalid,
    StorageFull,
    TrainingStopped,
    VaultMissing,
)
from fl.protocol.names import Digest
from fl.replay.signs_of_life import REASONS
from scripts.wiring.home import Home
from scripts.wiring.watch.log import ERRORS, WARNINGS, Speaker, line_of, object_of
from scripts.wiring.watch.options import WatchOptions
from scripts.wiring.watch.port import Answer, WatchPort
from scripts.wiring.watch.probes import NOT_YET, OK, STALE_S, Probes, clock_probe
from scripts.wiring.watch.seen import KINDS, VAULT_KINDS, Seen
from scripts.wiring.watch.watching import Watching

ALPHA = Speaker("alpha", "hospital")
AT = 1_796_000_000.25


def watching(tmp_path: Path, log_format: str = "text") -> Watching:
    return Watching(ALPHA, WatchOptions(log_format), Home(tmp_path))


@pytest.mark.parametrize(
    ("given", "means"),
    [
        (None, None),
        ("9464", ("127.0.0.1", 9464)),
        (":9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:0", ("0.0.0.0", 0)),  # noqa: S104 - what a person may ask for
        ("[::1]:9464", ("::1", 9464)),
    ],
)
def test_an_address_of_metrics_is_this_machine_unless_it_says_more(given: str | None, means: object) -> None:
    assert WatchOptions(metrics=given).address == means


@pytest.mark.parametrize("given", ["localhost", "host:", "host:x", "host:65536", "host:²"])
def test_an_address_without_a_port_is_refused(given: str) -> None:
    with pytest.raises(SettingInvalid, match="ADDRESS:PORT"):
        _ = WatchOptions(metrics=given).address


def test_a_json_line_is_one_object_whatever_a_reason_says() -> None:
    line = object_of(ALPHA, Event.ROUND_ABORTED, {"round": 3, "reason": 'BelowThreshold: a\n{"level": "info"}'}, AT)
    assert "\n" not in line
    read = json.loads(line)
    assert (read["time"], read["level"], read["round"]) == ("2026-11-30T00:53:20.250Z", "warning", 3)
    assert (read["role"], read["member"], read["event"]) == ("hospital", "alpha", "round_aborted")
    assert "BelowThreshold" not in read["facts"]["reason"]


def test_a_line_for_people_has_the_date_and_no_line_break() -> None:
    said = line_of("alpha", Event.WAITING, {"reason": "a\nb"}, AT)
    assert said.startswith("2026-11-30 00:53:20 UTC alpha: waiting (reason a")
    assert "\n" not in said


def test_every_level_is_that_of_an_event() -> None:
    assert not WARNINGS & ERRORS


def test_the_words_for_faults_are_those_of_errors_and_of_signs() -> None:
    for name in (*KINDS, *VAULT_KINDS):
        assert hasattr(errors, name), name
    assert set(KINDS.values()) <= set(REASONS)


def test_faults_are_counted_by_kind_and_end_with_the_next_good_step() -> None:
    seen = Seen(time.time)
    for fault in (VaultMissing(Digest(bytes(32))), StorageFull("x", "full"), ChainUnavailable("http://a", "no")):
        seen.failed(fault)
    assert seen.copy()[1] == {"missing": 1, "full": 1}
    assert (seen.chain_errors, seen.retries, seen.waits_kind) == (1, 3, "chain")
    seen.step_ended()
    assert (seen.waits, seen.waits_kind) == ("", "")


def test_a_look_that_hangs_counts_as_a_failure() -> None:
    clock = [0.0]
    probes = Probes(lambda: clock[0], {"chain": lambda: None})
    assert probes.results() == {"chain": NOT_YET}
    probes.look()
    assert probes.ready
    clock[0] = STALE_S + 1
    assert "no answer for" in probes.results()["chain"]


@pytest.mark.parametrize(("block_at", "wrong"), [(1000, False), (1100, False), (1000 + 1200, True)])
def test_a_clock_that_is_behind_the_newest_block_is_seen(block_at: int, *, wrong: bool) -> None:
    probes = Probes(lambda: 0.0, {"clock": clock_probe(lambda: 1000, lambda: block_at, lambda: None, 120)})
    probes.look()
    assert (probes.results()["clock"] != OK) == wrong


def test_an_agent_says_once_that_its_clock_is_20_minutes_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = watching(tmp_path, "json")

    def wrong() -> None:
        raise ClockWrong("20 minutes", "ahead of")

    agent.probes = Probes(lambda: 0.0, {"clock": wrong})
    agent.look()
    agent.look()
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["event"] == "alarm"
    assert "20 minutes ahead of" in json.loads(line)["message"]


@dataclass
class Pass:
    epoch: int
    epochs: int


def test_a_training_ends_after_the_pass_in_which_somebody_asked_to_stop(tmp_path: Path) -> None:
    agent = watching(tmp_path)
    agent.passed(Pass(1, 3))
    agent.ask_to_stop()
    with pytest.raises(TrainingStopped, match="pass 2 of 3"):
        agent.passed(Pass(2, 3))
    agent.passed(Pass(3, 3))
    assert agent.seen.epoch == 3


def asked(port: WatchPort, path: str, method: str = "GET") -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, port.address + path, timeout=30)


def test_the_port_answers_only_its_pages_and_only_questions() -> None:
    port = WatchPort("127.0.0.1", 0, {"/healthz": lambda: Answer.of({"status": "ok"})})
    try:
        assert asked(port, "/healthz").json() == {"status": "ok"}
        assert asked(port, "/healthz?x=1", "HEAD").status_code == 200
        assert asked(port, "/../etc/passwd").status_code == 404
        assert asked(port, "/healthz", "POST").status_code == 501
        with pytest.raises(PortInUse):
            WatchPort("127.0.0.1", int(port.address.rpartition(":")[2]), {})
    finally:
        port.close()


def test_an_address_that_this_machine_does_not_have_is_named() -> None:
    with pytest.raises(SettingInvalid, match=r"192\.0\.2\.1"):
        WatchPort("192.0.2.1", 0, cast("dict[str, object]", {}))  # type: ignore[arg-type]
