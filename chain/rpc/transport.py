"""Calls, answers and errors of JSON-RPC, for every kind of connection.

Invariant: every failure is raised as `Broken` with a sentence, within the time for one answer. An answer is JSON that
the strict reader accepted; nothing else is known about it.

Source: JSON-RPC 2.0 (batches); RFC 6585 (429), RFC 9110 (503, Retry-After, Date).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Protocol

from chain.rpc.refusal import NodeRefusal
from fl.protocol import strict_json
from fl.protocol.errors import EncodingError
from fl.protocol.strict_json import JsonValue

Call = tuple[str, Sequence[Any]]
"""Method and parameters."""
HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
NO_JSON_RPC = "what listens there does not speak JSON-RPC"
LOST = "the connection was refused or broke"
LONGEST_PAUSE_S = 300.0
"""A node that asks for a longer pause is asked again after this one."""
ANSWER_CAP = 32 * 1024 * 1024
"""The largest answer in bytes; for logs, the reader then asks for smaller ranges (log_ranges.py)."""


class Broken(Exception):
    """No valid JSON-RPC answer came; the message says why."""


class TooMuch(Broken):
    """The answer is larger than ANSWER_CAP."""


class RateLimited(Broken):
    """The node asks for a pause (HTTP 429 or 503)."""

    def __init__(self, pause_s: float) -> None:
        super().__init__("it asks for fewer requests")
        self.pause_s = pause_s


class Refused(Broken):
    """The node answered with an HTTP error, without a JSON-RPC error."""

    def __init__(self, status: int) -> None:
        super().__init__(f"what listens there answered HTTP {status}")
        self.status = status


@dataclass(frozen=True)
class Response:
    """An HTTP response."""

    status: int
    retry_after: str
    """The header of this name, or nothing; so is `date`."""
    body: bytes
    date: str = ""


class Wire(Protocol):
    """JSON-RPC over one connection; used by one thread at a time."""

    def one(self, call: Call, timeout_s: float) -> dict[str, JsonValue]:
        """Return the answer to a request, or raise Broken."""

    def many(self, calls: Sequence[Call], timeout_s: float) -> list[dict[str, JsonValue]] | None:
        """Return the answers to a batch in its order; None if the node does not answer batches. Raises Broken."""


def read(response: Response) -> JsonValue:
    """Return the JSON of a response, or raise Broken."""
    if response.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        raise RateLimited(_pause(response.retry_after, response.date))
    try:
        answer = strict_json.loads(response.body, "node's answer", ANSWER_CAP)
    except EncodingError as error:
        raise (Broken(NO_JSON_RPC) if response.status == HTTPStatus.OK else Refused(response.status)) from error
    if response.status != HTTPStatus.OK and not _has_error(answer):
        raise Refused(response.status)
    return answer


def answer_to(number: int, answer: JsonValue) -> dict[str, JsonValue]:
    """Return the answer to the request with that id, or raise Broken."""
    if isinstance(answer, dict) and answer.get("id") in (number, None):
        return answer
    raise Broken(NO_JSON_RPC)


def answers_to(numbers: Sequence[int], answers: JsonValue) -> list[dict[str, JsonValue]] | None:
    """Return the answers to the requests with those ids, in order; None if some are missing or wrong.

    Raises:
        NodeRefusal: the node is busy.
    """
    if isinstance(answers, dict) and isinstance(error := answers.get("error"), dict):
        refusal = NodeRefusal(error)
        if refusal.busy:
            raise refusal
    if not isinstance(answers, list):
        return None
    by_id = {str(answer.get("id")): answer for answer in answers if isinstance(answer, dict)}
    wanted = [str(number) for number in numbers]
    if len(answers) != len(wanted) or sorted(by_id) != sorted(wanted):
        return None
    return [by_id[number] for number in wanted]


def _has_error(answer: JsonValue) -> bool:
    return isinstance(answer, dict) and answer.get("error") is not None


def _pause(retry_after: str, date: str) -> float:
    """Return the seconds that Retry-After names, one if it names nothing; at most LONGEST_PAUSE_S.

    A date counts from the answer's own date, because clocks differ; without that, from this machine's clock.
    """
    if retry_after.isascii() and retry_after.isdigit():
        return float(min(int(retry_after[:9]), LONGEST_PAUSE_S))
    try:
        until = parsedate_to_datetime(retry_after).timestamp()
        since = parsedate_to_datetime(date).timestamp() if date else time.time()
    except (ValueError, TypeError, OverflowError):
        return 1.0
    return min(max(until - since, 0.0), LONGEST_PAUSE_S)
