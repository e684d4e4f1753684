"""A connection to an Ethereum node.

Invariant: whatever goes wrong on the wire leaves here as ChainUnavailable or WrongChain with a sentence that says what
to do; an answer that refuses one request is a `NodeRefusal`, which never leaves the package `chain`.

Source: JSON-RPC of Ethereum (execution-apis).
Not here: how it travels (wire.py); what the requests mean (sender.py, ledger.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from chain import wire as wires
from chain.wire import NO_JSON_RPC, Broken, Call, Wire
from fl.protocol.errors import ChainUnavailable, WrongChain

HEADER_ONLY = False
"""Last parameter of eth_getBlockByNumber: transactions as hashes."""

NEWS = "hemaledger_news"
"""A method of the embedded chain (news.py): [number, contracts, milliseconds] -> {last, newest, logs}."""

Answer = Callable[[], Any]
"""Returns a result or raises NodeRefusal."""


@dataclass(frozen=True)
class NodeSettings:
    """Which node, and what it must serve."""

    url: str
    chain_id: int | None = None
    """None accepts any chain (deployment on a new one)."""
    timeout_s: float = 10.0
    """How long one answer may take."""


class NodeRefusal(Exception):
    """The node answered with an error object."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(str(error.get("message", "")))
        self.code = int(error.get("code", -32000))
        self.message = str(error.get("message", ""))
        self.data = _revert_data(error.get("data"))
        """What the contract reverted with; empty when the refusal is the node's own."""


class Node:
    """JSON-RPC over HTTP with one kept-alive connection per thread."""

    def __init__(self, settings: NodeSettings) -> None:
        self.settings = settings
        self._local = threading.local()

    def attempt(self, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON
        """Return the result of one request.

        Raises:
            NodeRefusal: the node answered with an error.
            ChainUnavailable: it did not answer.
        """
        try:
            return self._result(self._wire().one((method, params)))
        except Broken as error:
            raise self.unavailable(str(error)) from error

    def request(self, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON
        """Return the result of one request that a working node never refuses; ChainUnavailable otherwise."""
        try:
            return self.attempt(method, *params)
        except NodeRefusal as error:
            raise self.unavailable(f"it refused {method}: {error.message}") from error

    def number(self, method: str, *params: object) -> int:
        """Return the result of such a request as a number."""
        return self.parse_number(self.request(method, *params))

    def parse_number(self, text: object) -> int:
        """Return a JSON-RPC quantity, or raise ChainUnavailable."""
        try:
            return int(str(text), 16)
        except ValueError as error:
            raise self.unavailable(NO_JSON_RPC) from error

    def batch(self, *calls: Call) -> list[Any]:
        """Return the results of several such requests, made in one exchange."""
        return self.results(self.attempt_batch(*calls))

    def results(self, answers: Sequence[Answer]) -> list[Any]:
        """Return the results of answers that a working node does not refuse; ChainUnavailable otherwise."""
        try:
            return [answer() for answer in answers]
        except NodeRefusal as error:
            raise self.unavailable(error.message) from error

    def attempt_batch(self, *calls: Call) -> list[Answer]:
        """Return the answers to several requests, made in one exchange; each is called for its result.

        Raises:
            ChainUnavailable: the node did not answer, or does not answer batches. An answer raises NodeRefusal.
        """
        try:
            responses = self._wire().many(calls)
        except Broken as error:
            raise self.unavailable(str(error)) from error
        if not isinstance(responses, list) or len(responses) != len(calls):
            raise self.unavailable("it does not answer batches")
        return [partial(self._result, response) for response in responses]

    def check_chain(self) -> int:
        """Return the node's chain id, or raise WrongChain when the settings name another."""
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
            wire = self._local.wire = wires.connect(self.settings.url, self.settings.timeout_s)
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


def _revert_data(data: object) -> bytes:
    """Return the revert data from where Hardhat, anvil and geth put it."""
    if isinstance(data, dict):
        data = data.get("data")
    if not isinstance(data, str) or not data.startswith("0x"):
        return b""
    try:
        return bytes.fromhex(data[2:])
    except ValueError:
        return b""
