"""JSON-RPC to a node on this machine: plain HTTP over one persistent connection.

Invariant: every failure is raised as `Broken`, within the time for one answer.

Source: http.client; RFC 9112 (persistent connections).
"""

from __future__ import annotations

import itertools
import json
import select
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException
from typing import Any, cast
from urllib.parse import SplitResult

from chain.rpc import transport
from chain.rpc.deadline import Deadline, TimedSocket
from chain.rpc.transport import HEADERS, LOST, NO_JSON_RPC, Broken, Call, Response, TooMuch
from fl.protocol.strict_json import JsonValue


class Direct:
    """Plain HTTP to this machine, without proxies."""

    def __init__(self, place: SplitResult) -> None:
        self._path = place.path or "/"
        self._ids = itertools.count(1)
        self._deadline = Deadline()
        self._connection = _TimedConnection(place, self._deadline)

    def one(self, call: Call, timeout_s: float) -> dict[str, JsonValue]:
        message = self._message(call)
        return transport.answer_to(message["id"], self._exchange(message, timeout_s))

    def many(self, calls: Sequence[Call], timeout_s: float) -> list[dict[str, JsonValue]] | None:
        messages = [self._message(call) for call in calls]
        return transport.answers_to([message["id"] for message in messages], self._exchange(messages, timeout_s))

    def _message(self, call: Call) -> dict[str, Any]:
        method, params = call
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}

    def _exchange(self, message: object, timeout_s: float) -> JsonValue:
        return transport.read(self._post(json.dumps(message).encode(), timeout_s))

    def _post(self, body: bytes, timeout_s: float) -> Response:
        """Return the response that comes within `timeout_s`, or raise Broken."""
        self._deadline.start(timeout_s)
        try:
            self._refresh()
            self._connection.timeout = timeout_s
            self._connection.request("POST", self._path, body, HEADERS)
            response = self._connection.getresponse()
            received = response.read(transport.ANSWER_CAP + 1)
        except TimeoutError as error:
            self._connection.close()
            raise Broken(f"no answer within {timeout_s:g} s") from error
        except (HTTPException, OSError, ValueError) as error:
            self._connection.close()
            raise Broken(LOST if isinstance(error, OSError) else NO_JSON_RPC) from error
        if not response.isclosed():  # there are unread bytes on the connection
            self._connection.close()
        if len(received) > transport.ANSWER_CAP:
            raise TooMuch(f"its answer is larger than {transport.ANSWER_CAP} bytes")
        return Response(
            response.status, response.getheader("Retry-After", ""), received, response.getheader("Date", "")
        )

    def _refresh(self) -> None:
        """Close a connection that the other side has closed; the next request opens a new one."""
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
