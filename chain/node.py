"""A connection to an Ethereum node.

Invariant: whatever goes wrong on the wire leaves here as ChainUnavailable or WrongChain with a sentence that says what
to do; an answer that refuses one request is a `NodeRefusal`, which never leaves the package `chain`.

Source: JSON-RPC of Ethereum (execution-apis); web3's HTTPProvider carries it.
Not here: what the requests mean (sender.py, ledger.py).
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from eth_typing import URI
from web3 import HTTPProvider
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from fl.protocol.errors import ChainUnavailable, WrongChain

HEADER_ONLY = False
"""Last parameter of eth_getBlockByNumber: transactions as hashes."""

Call = tuple[str, Sequence[Any]]
"""Method and parameters."""


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
        return self._result(self._exchange(lambda provider: provider.make_request(RPCEndpoint(method), list(params))))

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
            raise self.unavailable("what listens there does not speak JSON-RPC") from error

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Return the results of several such requests, made in one exchange."""
        wire = [(RPCEndpoint(method), list(params)) for method, params in calls]
        responses = self._exchange(lambda provider: provider.make_batch_request(wire))
        if not isinstance(responses, list) or len(responses) != len(calls):
            raise self.unavailable("it does not answer batches")
        try:
            return [self._result(response) for response in responses]
        except NodeRefusal as error:
            raise self.unavailable(error.message) from error

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

    def _exchange(self, send: Any) -> Any:  # noqa: ANN401 - JSON
        try:
            return send(self._provider())
        except requests.Timeout as error:
            raise self.unavailable(f"no answer within {self.settings.timeout_s:g} s") from error
        except requests.ConnectionError as error:
            raise self.unavailable("the connection was refused or broke") from error
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else "an error"
            raise self.unavailable(f"what listens there answered HTTP {status}") from error
        except (requests.RequestException, Web3Exception, ValueError, TypeError, KeyError) as error:
            raise self.unavailable("what listens there does not speak JSON-RPC") from error

    def _provider(self) -> HTTPProvider:
        provider: HTTPProvider | None = getattr(self._local, "provider", None)
        if provider is None:
            session = requests.Session()
            session.trust_env = not _is_loopback(self.settings.url)  # a proxy for the internet does not serve us
            provider = HTTPProvider(
                URI(self.settings.url),
                request_kwargs={"timeout": self.settings.timeout_s},
                session=session,
                exception_retry_configuration=None,
            )
            self._local.provider = provider
        return provider

    def _result(self, response: Any) -> Any:  # noqa: ANN401 - JSON
        if not isinstance(response, dict):
            raise self.unavailable("what listens there does not speak JSON-RPC")
        if response.get("error") is not None:
            error = response["error"]
            raise NodeRefusal(error if isinstance(error, dict) else {"message": str(error)})
        if "result" not in response:
            raise self.unavailable("what listens there does not speak JSON-RPC")
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


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


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
