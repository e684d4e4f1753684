"""How JSON-RPC travels to a node: over one kept-alive connection to this machine, through web3 elsewhere.

Invariant: what goes wrong on the way leaves here as `Broken` with a sentence, within the time for one answer. An answer
is JSON that the strict reader took; nothing else is known of it.

Source: JSON-RPC 2.0 (batches); RFC 9110 (429, Retry-After).
Not here: the internet with its proxies and TLS (http.py); what an answer means (node.py).
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import select
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any, Protocol, cast
from urllib.parse import SplitResult, urlsplit

from chain.rpc.deadline import Deadline, TimedSocket
from fl.protocol import strict_json
from fl.protocol.errors import EncodingError
from fl.protocol.strict_json import JsonValue

Call = tuple[str, Sequence[Any]]
"""Method and parameters."""
HEADERS = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
NO_JSON_RPC = "what listens there does not speak JSON-RPC"
LOST = "the connection was refused or broke"
ANSWER_CAP = 32 * 1024 * 1024
"""No answer has more bytes; for logs, smaller ranges are asked for then (log_ranges.py)."""


class Broken(Exception):
    """No answer came, or none that is JSON-RPC; the message says why."""


class TooMuch(Broken):
    """The answer is larger than what is read."""


class RateLimited(Broken):
    """The node asks for a pause (HTTP 429 or 503)."""

    def __init__(self, pause_s: float) -> None:
        super().__init__("it asks for fewer requests")
        self.pause_s = pause_s


class Refused(Broken):
    """The node answered with another HTTP status than 200, without saying why as JSON-RPC does."""

    def __init__(self, status: int) -> None:
        super().__init__(f"what listens there answered HTTP {status}")
        self.status = status


@dataclass(frozen=True)
class Response:
    """What came over HTTP."""

    status: int
    retry_after: str
    body: bytes


class Wire(Protocol):
    """JSON-RPC over one connection; used by one thread at a time."""

    def one(self, call: Call, timeout_s: float) -> dict[str, JsonValue]:
        """Return the answer to a request, or raise Broken."""

    def many(self, calls: Sequence[Call], timeout_s: float) -> list[dict[str, JsonValue]] | None:
        """Return the answers to a batch in its order; None: this is no node for batches. Raises Broken."""


def read(response: Response) -> JsonValue:
    """Return the JSON that came, or raise Broken."""
    if response.status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        raise RateLimited(_pause(response.retry_after))
    try:
        answer = strict_json.loads(response.body, "node's answer", ANSWER_CAP)
    except EncodingError as error:
        raise (Broken(NO_JSON_RPC) if response.status == HTTPStatus.OK else Refused(response.status)) from error
    if response.status != HTTPStatus.OK and not _has_error(answer):
        raise Refused(response.status)
    return answer


def answer_to(number: int, answer: JsonValue) -> dict[str, JsonValue]:
    """Return the answer to the request of that number, or raise Broken."""
    if isinstance(answer, dict) and answer.get("id") in (number, None):
        return answer
    raise Broken(NO_JSON_RPC)


def answers_to(numbers: Sequence[int], answers: JsonValue) -> list[dict[str, JsonValue]] | None:
    """Return the answers to the requests of those numbers in their order; None when it is another list, or none."""
    if not isinstance(answers, list):
        return None
    found = {str(answer.get("id")): answer for answer in answers if isinstance(answer, dict)}
    wanted = [str(number) for number in numbers]
    if len(answers) != len(wanted) or sorted(found) != sorted(wanted):
        return None
    return [found[number] for number in wanted]


def connect(url: str) -> Wire:
    """Return a wire to `url`; nothing is sent yet. Raises Broken for what is no HTTP URL."""
    try:
        place = urlsplit(url)
        usable = place.scheme in ("http", "https") and place.hostname and place.port != 0
    except ValueError as error:
        raise Broken("it is no URL of the form http://HOST:PORT") from error
    if not usable:
        raise Broken("it is no URL of the form http://HOST:PORT")
    if place.scheme == "http" and is_loopback(place) and not (place.username or place.query):
        return Direct(place)
    from chain.rpc.http import Provider  # noqa: PLC0415  # the embedded chain needs no web3

    return Provider(url, trust_env=not is_loopback(place))


class Direct:
    """Plain HTTP to this machine; a proxy for the internet does not serve it."""

    def __init__(self, place: SplitResult) -> None:
        self._path = place.path or "/"
        self._ids = itertools.count(1)
        self._deadline = Deadline()
        self._connection = _TimedConnection(place, self._deadline)

    def one(self, call: Call, timeout_s: float) -> dict[str, JsonValue]:
        message = self._message(call)
        return answer_to(message["id"], self._exchange(message, timeout_s))

    def many(self, calls: Sequence[Call], timeout_s: float) -> list[dict[str, JsonValue]] | None:
        messages = [self._message(call) for call in calls]
        return answers_to([message["id"] for message in messages], self._exchange(messages, timeout_s))

    def _message(self, call: Call) -> dict[str, Any]:
        method, params = call
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}

    def _exchange(self, message: object, timeout_s: float) -> JsonValue:
        return read(self._post(json.dumps(message).encode(), timeout_s))

    def _post(self, body: bytes, timeout_s: float) -> Response:
        """Return what comes back within `timeout_s`, or raise Broken."""
        self._deadline.start(timeout_s)
        try:
            self._refresh()
            self._connection.timeout = timeout_s
            self._connection.request("POST", self._path, body, HEADERS)
            response = self._connection.getresponse()
            received = response.read(ANSWER_CAP + 1)
        except TimeoutError as error:
            self._connection.close()
            raise Broken(f"no answer within {timeout_s:g} s") from error
        except (HTTPException, OSError, ValueError) as error:
            self._connection.close()
            raise Broken(LOST if isinstance(error, OSError) else NO_JSON_RPC) from error
        if not response.isclosed():  # bytes of this answer are left on the connection
            self._connection.close()
        if len(received) > ANSWER_CAP:
            raise TooMuch(f"its answer has more than {ANSWER_CAP} bytes")
        return Response(response.status, response.getheader("Retry-After", ""), received)

    def _refresh(self) -> None:
        """Drop the connection when the other side closed it since the last answer; the next request opens another."""
        if self._connection.sock is not None:
            poll = select.poll()
            poll.register(self._connection.sock.fileno(), select.POLLIN)
            if poll.poll(0):
                self._connection.close()


class _TimedConnection(HTTPConnection):
    def __init__(self, place: SplitResult, deadline: Deadline) -> None:
        super().__init__(place.hostname or "", place.port)
        self._deadline = deadline

    def connect(self) -> None:
        super().connect()
        self.sock = cast("Any", TimedSocket(self.sock, self._deadline))


def is_loopback(place: SplitResult) -> bool:
    """Return whether a URL is of this machine."""
    host = place.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _has_error(answer: JsonValue) -> bool:
    return isinstance(answer, dict) and answer.get("error") is not None


def _pause(retry_after: str) -> float:
    """Return the seconds that Retry-After names; one where it names a date or nothing."""
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 1.0
