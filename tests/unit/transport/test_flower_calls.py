"""An agent's socket for Flower's calls: what it takes, what it refuses, and what becomes of it."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fl.protocol.codec import JsonValue
from fl.protocol.errors import EncodingError, SettingInvalid
from fl.transport.flower.app.talk import Agent, AgentAwayError, text, whole
from fl.transport.flower.call_socket import AT_ONCE, MODE, QUESTION_CAP, CallSocket, parse_question

FINAL: dict[str, JsonValue] = {"state": "final", "round": 3}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "call.sock"


def echo(what: str, number: int, seconds: float) -> dict[str, JsonValue]:
    return {"state": "open", "asked": what, "round": number, "seconds": seconds}


def test_an_agent_answers_what_it_was_asked(path: Path) -> None:
    with CallSocket(path, echo):
        assert Agent(str(path)).ask("follow", 3, 7) == {"state": "open", "asked": "follow", "round": 3, "seconds": 7}


def test_only_owner_and_group_may_call(path: Path) -> None:
    with CallSocket(path, echo):
        assert path.stat().st_mode & 0o777 == MODE == 0o660


def test_the_socket_of_a_killed_process_is_replaced_and_a_file_of_somebody_is_not(path: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
    with CallSocket(path, echo):
        assert Agent(str(path)).ask("status")
    assert not path.exists()
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    with pytest.raises(SettingInvalid):
        CallSocket(file, echo)
    assert file.read_text() == "mine"


def test_a_path_that_no_socket_can_have_is_refused_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match="too long"):
        CallSocket(tmp_path / ("x" * 100), echo)
    with pytest.raises(SettingInvalid, match="No such file"):
        CallSocket(tmp_path / "gone" / "s", echo)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"[]\n",
        b'{"ask":"stop","round":1,"seconds":1}\n',
        b'{"ask":"join","round":-1,"seconds":1}\n',
        b'{"ask":"join","round":true,"seconds":1}\n',
        b'{"ask":"join","round":1,"seconds":-1}\n',
        b'{"ask":"join","round":99999999999999,"seconds":1}\n',
        b'{"ask":"join","ask":"open","round":1,"seconds":1}\n',
        b'{"ask":"join","round":1}\n',
    ],
)
def test_a_question_that_asks_for_something_else_is_malformed(data: bytes) -> None:
    with pytest.raises(EncodingError):
        parse_question(data)


def test_nobody_waits_longer_than_the_agent_allows() -> None:
    assert parse_question(b'{"ask":"join","round":1,"seconds":86400}\n') == ("join", 1, 20.0)


@pytest.mark.parametrize("data", [b"{}\n", b"x" * (QUESTION_CAP + 1), b'{"ask":"join"'])
def test_a_caller_that_talks_nonsense_gets_no_answer_and_the_next_one_does(path: Path, data: bytes) -> None:
    with CallSocket(path, echo):
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(path))
            line.sendall(data)
            line.shutdown(socket.SHUT_WR)
            assert _rest(line) == b""
        assert Agent(str(path)).ask("status")["state"] == "open"


def test_more_callers_than_there_is_room_for_are_sent_away(path: Path) -> None:
    with CallSocket(path, echo):
        silent = [socket.socket(socket.AF_UNIX) for _ in range(AT_ONCE + 1)]
        for line in silent:
            line.connect(str(path))
        assert _rest(silent[-1]) == b""
        for line in silent:
            line.close()


def _rest(line: socket.socket) -> bytes:
    """Return what comes until the other end closes; one that breaks the connection says nothing."""
    try:
        return line.recv(1)
    except ConnectionError:
        return b""


def test_answers_that_are_ready_are_given_when_the_agent_stops(path: Path) -> None:
    asked, ready = threading.Event(), threading.Event()

    def slow(_what: str, _number: int, _seconds: float) -> dict[str, JsonValue]:
        asked.set()
        ready.wait(60)
        return FINAL

    answers: list[object] = []
    caller = threading.Thread(target=lambda: answers.append(Agent(str(path)).ask("join", 3, 60)))
    with CallSocket(path, slow):
        caller.start()
        asked.wait(60)
        ready.set()
    caller.join(60)
    assert answers == [FINAL]


@pytest.fixture
def foreign(path: Path) -> Iterator[list[bytes]]:
    """Serve the lines of a list, one a connection; then nothing."""
    lines: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            while lines:
                line, _ = listener.accept()
                with line:
                    line.recv(4096)
                    line.sendall(lines.pop(0))

        thread = threading.Thread(target=serve, daemon=True)
        lines.append(b"")
        thread.start()
        yield lines


@pytest.mark.parametrize("data", [b"", b"{", b"[1]\n", b"\xff\n", b'"x"\n'])
def test_an_answer_that_cannot_be_read_counts_as_an_agent_that_is_away(
    path: Path, foreign: list[bytes], data: bytes
) -> None:
    foreign[0] = data
    with pytest.raises(AgentAwayError):
        Agent(str(path)).ask("status")


def test_a_call_waits_for_an_agent_that_is_started_again(path: Path) -> None:
    answers: Iterator[dict[str, JsonValue]] = iter([{"state": "open", "round": 3}, FINAL])
    started = threading.Event()

    def run() -> None:
        with CallSocket(path, lambda _what, _number, _seconds: next(answers)):
            started.wait(60)

    agent = threading.Thread(target=run)
    agent.start()
    assert Agent(str(path)).until_ended("join", 3, time.monotonic() + 90, 60) == FINAL
    started.set()
    agent.join(60)


def test_an_agent_that_never_comes_is_away(path: Path) -> None:
    with pytest.raises(AgentAwayError):
        Agent(str(path)).until_ended("join", 3, time.monotonic() + 30, 0)


def test_a_log_shows_no_control_characters_of_an_answer() -> None:
    assert text({"name": "al\x1b[2Jpha\n"}, "name") == "al [2Jpha "
    assert text({}, "name") == ""
    assert [whole({"n": value}, "n") for value in (3, True, "3", None)] == [3, 0, 0, 0]


def test_a_question_is_one_line_of_json() -> None:
    line = json.dumps({"ask": "open", "round": 0, "seconds": 0}).encode() + b"\n"
    assert parse_question(line) == ("open", 0, 0.0)
