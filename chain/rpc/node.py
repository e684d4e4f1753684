"""A connection to an Ethereum node.

Invariant: every failure of the connection is raised as ChainUnavailable or WrongChain, with a sentence that says what
to do. A `NodeRefusal` is an answer that refuses one request; it never leaves the package `chain`.

Source: JSON-RPC of Ethereum (execution-apis).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any, NoReturn, TypeVar

from chain.rpc.shapes import data as as_bytes
from chain.rpc.shapes import quantity
from chain.rpc.transport import NO_JSON_RPC, Broken, Call, RateLimited, Refused, TooMuch, Wire
from chain.rpc.wires import wire_to
from fl.protocol.errors import ChainUnavailable, WrongChain

HEADER_ONLY = False
"""Last parameter of eth_getBlockByNumber: transactions as hashes."""

NEWS = "hemaledger_news"
"""A method of the embedded chain (block_feed.py): [number, contracts, milliseconds] -> {last, newest, logs}."""

NOT_TAKEN = -32003
"""The embedded chain refuses a transaction because of its sender ("transaction rejected" in EIP-1474)."""

BUSY_SIGNS = ("rate limit", "too many requests", "request limit", "limit exceeded", "capacity", "throttl")
CLIENT_ERRORS = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY)
"""With these statuses, providers refuse one request; other statuses concern every request."""
FIRST_PAUSE_S = 0.25
MESSAGE_CAP = 500

T = TypeVar("T")
Answer = Callable[[], Any]
"""Returns a result or raises NodeRefusal."""


@dataclass(frozen=True)
class NodeSettings:
    """Which node, and which chain it must serve."""

    url: str = field(repr=False)
    """It can have a password in it; errors name only scheme, host and port (shown_url.py)."""
    chain_id: int | None = None
    """None accepts any chain (for deployment)."""
    timeout_s: float = 10.0
    """How long one answer may take."""
    ca: str = field(default="", repr=False)
    """PEM: the CAs that may sign its certificate; empty: the public ones. HEMALEDGER_RPC_CA goes before."""


class NodeRefusal(Exception):
    """The node answered with an error object."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        code, message = error.get("code"), error.get("message")
        self.code = code if isinstance(code, int) and not isinstance(code, bool) else -32000
        self.message = message[:MESSAGE_CAP] if isinstance(message, str) else "it does not say why"
        super().__init__(self.message)
        self.data = _revert_data(error.get("data"))
        """The contract's revert data; empty if the node itself refused."""

    @property
    def busy(self) -> bool:
        """Return whether the node refused because of too many requests."""
        message = self.message.lower()
        return self.code == HTTPStatus.TOO_MANY_REQUESTS or any(sign in message for sign in BUSY_SIGNS)


class Node:
    """JSON-RPC over HTTP with one persistent connection per thread."""

    def __init__(self, settings: NodeSettings) -> None:
        self.settings = settings
        self._local = threading.local()
        self._batches = True
        """False after the node showed that it does not answer batches."""

    def attempt(self, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON
        """Return the result of one request.

        Raises:
            NodeRefusal: the node answered with an error.
            ChainUnavailable: it did not answer in time.
        """
        return self._patiently(lambda left_s: self._result(self._wire().one((method, params), left_s)))

    def request(self, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON
        """Return the result of one request that a working node never refuses; ChainUnavailable otherwise."""
        try:
            return self.attempt(method, *params)
        except NodeRefusal as error:
            raise self.unavailable(f"it refused {method}: {error.message}") from error

    def number(self, method: str, *params: object) -> int:
        """Return the result of `request` as a number."""
        return self.parsed(quantity, self.request(method, *params))

    def parsed(self, shape: Callable[[Any], T], value: object) -> T:
        """Parse an answer with `shape` (shapes.py), or raise ChainUnavailable."""
        try:
            return shape(value)
        except ValueError as error:
            raise self.unavailable(NO_JSON_RPC) from error

    def batch(self, *calls: Call) -> list[Any]:
        """Return the results of several requests that a working node never refuses, made in one exchange."""
        return self.results(self.attempt_batch(*calls))

    def results(self, answers: Sequence[Answer]) -> list[Any]:
        """Return the results of answers that a working node does not refuse; ChainUnavailable otherwise."""
        try:
            return [answer() for answer in answers]
        except NodeRefusal as error:
            raise self.unavailable(error.message) from error

    def attempt_batch(self, *calls: Call) -> list[Answer]:
        """Make several requests in one exchange; call each returned answer to get its result or NodeRefusal.

        A node that does not answer batches gets the requests one by one.

        Raises:
            ChainUnavailable: the node did not answer in time.
        """
        responses = self._many(calls) if self._batches else None
        if responses is None:
            return [_settled(partial(self.attempt, method, *params)) for method, params in calls]
        return [
            _settled(partial(self._of_batch, call, response)) for call, response in zip(calls, responses, strict=True)
        ]

    def _many(self, calls: Sequence[Call]) -> list[dict[str, Any]] | None:
        try:
            responses = self._patiently(lambda left_s: self._wire().many(calls, left_s))
        except NodeRefusal:
            responses = None
        self._batches = responses is not None
        return responses

    def _of_batch(self, call: Call, response: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        try:
            return self._result(response)
        except NodeRefusal as refusal:
            if not refusal.busy:
                raise
        return self.attempt(call[0], *call[1])

    def _patiently(self, ask: Callable[[float], T]) -> T:
        """Ask with the remaining seconds; ask again after the pause that a busy node wants, if there is time."""
        timeout_s = self.settings.timeout_s
        deadline, left_s, pause_s = time.monotonic() + timeout_s, timeout_s, FIRST_PAUSE_S
        while True:
            try:
                return ask(left_s)
            except RateLimited as busy:
                why, wanted_s = str(busy), max(busy.pause_s, pause_s)
            except (TooMuch, Refused) as refusal:
                if isinstance(refusal, Refused) and refusal.status not in CLIENT_ERRORS:
                    raise self.unavailable(str(refusal)) from refusal
                raise NodeRefusal({"message": str(refusal)}) from refusal
            except Broken as error:
                raise self.unavailable(str(error)) from error
            except NodeRefusal as refusal:
                if not refusal.busy:
                    raise
                why, wanted_s = refusal.message, pause_s
            left_s = deadline - time.monotonic() - wanted_s
            if left_s <= 0:
                raise self.unavailable(why)
            time.sleep(wanted_s)
            pause_s *= 2

    def check_chain(self) -> int:
        """Return the node's chain id, or raise WrongChain if the settings name another one."""
        actual = self.number("eth_chainId")
        expected = self.settings.chain_id
        if expected is not None and actual != expected:
            raise WrongChain(self.settings.url, f"its chain id is {actual}, not {expected}")
        return actual

    def unavailable(self, why: str) -> ChainUnavailable:
        """Return the error that says this node cannot be used, and why."""
        return ChainUnavailable(self.settings.url, why)

    def _wire(self) -> Wire:
        wire: Wire | None = getattr(self._local, "wire", None)
        if wire is None:
            wire = self._local.wire = wire_to(self.settings.url, self.settings.ca)
        return wire

    def _result(self, response: Any) -> Any:  # noqa: ANN401 - JSON
        if not isinstance(response, dict):
            raise self.unavailable(NO_JSON_RPC)
        if response.get("error") is not None:
            error = response["error"]
            raise NodeRefusal(error if isinstance(error, dict) else {"message": str(error)})
        if "result" not in response:
            raise self.unavailable(NO_JSON_RPC)
        return response["result"]


def connect(settings: NodeSettings) -> Node:
    """Return a node that answers and serves the expected chain.

    Raises:
        ChainUnavailable: nothing answers at the URL.
        WrongChain: another chain id than `settings.chain_id`.
    """
    node = Node(settings)
    node.check_chain()
    return node


def _settled(ask: Answer) -> Answer:
    """Ask now; return a function that returns the result or raises the refusal."""
    try:
        result = ask()
    except NodeRefusal as refusal:
        return partial(_raise, refusal)
    return lambda: result


def _raise(refusal: NodeRefusal) -> NoReturn:
    raise refusal


def _revert_data(data: object) -> bytes:
    """Return the revert data from the places that Hardhat, anvil and geth use."""
    if isinstance(data, dict):
        data = data.get("data")
    try:
        return as_bytes(data)
    except ValueError:
        return b""
