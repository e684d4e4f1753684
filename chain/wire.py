"""How JSON-RPC travels to a node: over one kept-alive connection to this machine, through web3 elsewhere.

Invariant: what goes wrong on the way leaves here as `Broken` with a sentence; an answer is returned as it came.

Source: JSON-RPC 2.0 (batches).
Not here: the internet with its proxies and TLS (provider.py); what an answer means (node.py).
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import select
from collections.abc import Sequence
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit

Call = tuple[str, Sequence[Any]]
"""Method and parameters."""
HEADERS = {"Content-Type": "application/json"}
NO_JSON_RPC = "what listens there does not speak JSON-RPC"


class Broken(Exception):
    """No answer came, or none that is JSON-RPC; the message says why."""


class Wire(Protocol):
    """One connection; used by one thread at a time."""

    def one(self, call: Call) -> Any:  # noqa: ANN401 - JSON
        """Return the answer to a request, or raise Broken."""

    def many(self, calls: Sequence[Call]) -> Any:  # noqa: ANN401 - JSON
        """Return the answers to a batch in its order, or what came instead of a list; or raise Broken."""


def connect(url: str, timeout_s: float) -> Wire:
    """Return a wire to `url`; nothing is sent yet."""
    place = urlsplit(url)
    if place.scheme == "http" and _is_loopback(place) and not (place.username or place.query):
        return Direct(place, timeout_s)
    from chain.provider import Provider  # noqa: PLC0415  # web3 takes a second to load, the embedded chain needs none

    return Provider(url, timeout_s, trust_env=not _is_loopback(place))


class Direct:
    """Plain HTTP to this machine; a proxy for the internet does not serve it."""

    def __init__(self, place: SplitResult, timeout_s: float) -> None:
        self._path = place.path or "/"
        self._timeout_s = timeout_s
        self._connection = HTTPConnection(place.hostname or "", place.port, timeout=timeout_s)
        self._ids = itertools.count(1)

    def one(self, call: Call) -> Any:  # noqa: ANN401 - JSON
        """Return the answer to a request, or raise Broken."""
        return self._post(self._message(call))

    def many(self, calls: Sequence[Call]) -> Any:  # noqa: ANN401 - JSON
        """Return the answers to a batch in its order, or what came instead of a list; or raise Broken."""
        answers = self._post([self._message(call) for call in calls])
        try:
            return sorted(answers, key=lambda answer: answer["id"]) if isinstance(answers, list) else answers
        except (KeyError, TypeError) as error:
            raise Broken(NO_JSON_RPC) from error

    def _message(self, call: Call) -> dict[str, Any]:
        method, params = call
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}

    def _post(self, message: object) -> Any:  # noqa: ANN401 - JSON
        try:
            self._refresh()
            self._connection.request("POST", self._path, json.dumps(message).encode(), HEADERS)
            response = self._connection.getresponse()
            body = response.read()
        except TimeoutError as error:
            self._connection.close()
            raise Broken(f"no answer within {self._timeout_s:g} s") from error
        except HTTPException as error:
            self._connection.close()
            closed = isinstance(error, ConnectionError)
            raise Broken("the connection was refused or broke" if closed else NO_JSON_RPC) from error
        except OSError as error:
            self._connection.close()
            raise Broken("the connection was refused or broke") from error
        if response.status != HTTPStatus.OK:
            raise Broken(f"what listens there answered HTTP {response.status}")
        try:
            return json.loads(body)
        except ValueError as error:
            raise Broken(NO_JSON_RPC) from error

    def _refresh(self) -> None:
        """Drop the connection when the other side closed it since the last answer; the next request opens another."""
        if self._connection.sock is not None:
            poll = select.poll()
            poll.register(self._connection.sock, select.POLLIN)
            if poll.poll(0):
                self._connection.close()


def _is_loopback(place: SplitResult) -> bool:
    host = place.hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
