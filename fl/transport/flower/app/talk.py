"""Asks an agent on this machine, through its Unix socket: one line of JSON there, one line back.

Invariant: an answer is bounded in size and in time. Only the standard library is used; the agent's end is
fl/transport/flower/call_socket.py.

A question has `ask` (status, join, open or follow), `round` (0 if it names none) and `seconds` (how long the agent may
wait before it answers). Source: RFC 8259 (JSON).
"""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass
from typing import Any

CAP = 64 * 1024
"""Bytes of one line."""
WAIT_S = 20
"""How long an agent waits at most before it answers that nothing happened yet."""
SLACK_S = 15
"""How much longer an answer may take before the agent counts as away."""
PAUSE_S = 1.0
"""Between two tries to reach an agent that is away."""


class AgentAwayError(Exception):
    """No agent answers on this socket."""


@dataclass(frozen=True)
class Agent:
    """The way to one agent of this machine."""

    path: str
    """Of its socket."""

    def ask(self, what: str, number: int = 0, seconds: int = 0) -> dict[str, Any]:
        """Return the agent's answer.

        Raises:
            AgentAwayError: the agent does not run, or its answer cannot be read.
        """
        question = json.dumps({"ask": what, "round": number, "seconds": min(seconds, WAIT_S)}).encode() + b"\n"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.settimeout(seconds + SLACK_S)
                line.connect(self.path)
                line.sendall(question)
                answer = json.loads(_line(line, time.monotonic() + seconds + SLACK_S))
        except (OSError, ValueError) as error:
            raise AgentAwayError(f"no agent answers on {self.path}") from error
        if not isinstance(answer, dict):
            raise AgentAwayError(f"the agent on {self.path} speaks another language")
        return answer

    def until_ended(self, what: str, number: int, ends: float, patience_s: float) -> dict[str, Any]:
        """Ask until the round has ended, and return the last answer.

        Args:
            what: join or follow.
            number: The round.
            ends: When to give up, by time.monotonic().
            patience_s: How long the agent may be away; the caller learns of it afterwards.

        Raises:
            AgentAwayError: the agent was away for too long.
        """
        answer: dict[str, Any] = {}
        away_since: float | None = None
        while time.monotonic() < ends:
            try:
                answer = self.ask(what, number, WAIT_S)
                away_since = None
            except AgentAwayError:
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since >= patience_s:
                    raise
                time.sleep(PAUSE_S)
                continue
            if answer.get("state") in ("final", "aborted", "refused", "none"):
                break
        return answer


def text(answer: dict[str, Any], field: str) -> str:
    """Return a field as text that a log can show, without control characters; "" if it is missing."""
    value = answer.get(field)
    return "".join(sign if sign.isprintable() else " " for sign in str(value)) if value is not None else ""


def whole(answer: dict[str, Any], field: str) -> int:
    """Return a field as an integer; 0 if it is something else."""
    value = answer.get(field)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _line(line: socket.socket, ends: float) -> bytes:
    data = bytearray()
    while not data.endswith(b"\n"):
        part = line.recv(4096)
        if not part or len(data) > CAP or time.monotonic() > ends:
            raise ValueError("no whole line")
        data += part
    return bytes(data)
