"""JSON-RPC over the internet: a web3 provider over `requests`, with TLS and proxies.

Invariant: every failure is raised as `Broken`, within the time for one answer. Redirects are not followed, and only the
bytes that are read are decompressed.

Source: web3 (providers), requests and urllib3 (adapters, pools). web3's own HTTPProvider limits neither size nor time
nor the JSON that it accepts.
"""

from __future__ import annotations

import itertools
import os
import ssl
from collections.abc import Sequence
from typing import Any, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.exceptions import TimeoutError as PoolTimeout
from web3.exceptions import BadResponseFormat
from web3.providers import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from chain.accounts import keep_recursion_limit
from chain.rpc import transport as wire
from chain.rpc.deadline import Deadline, TimedSocket
from chain.rpc.own_ca import file_of
from chain.rpc.transport import HEADERS, LOST, NO_JSON_RPC, Broken, Call, Response, TooMuch
from fl.protocol.strict_json import JsonValue

keep_recursion_limit()  # web3 imports eth_account
PATIENCE_S = 10.0
CA_VARIABLE = "HEMALEDGER_RPC_CA"
"""The environment variable with the file of the CAs (PEM) that may sign the node's certificate, instead of the public
ones."""
MOST_CAUSES = 16


class Provider(JSONBaseProvider):
    """A `Wire`, and a provider for `Web3`; used by one thread at a time."""

    def __init__(self, url: str, *, trust_env: bool, ca: str = "") -> None:
        super().__init__()
        self.timeout_s = PATIENCE_S
        """How long the next answer may take."""
        self._url = url
        self._ca = ca
        self._sent = 0
        self._deadline = Deadline()
        self._session = requests.Session()
        self._session.trust_env = trust_env  # False: no proxy for connections to this machine
        adapter = _TimedAdapter(self._deadline)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def one(self, call: Call, timeout_s: float) -> dict[str, JsonValue]:
        self.timeout_s = timeout_s
        return cast("dict[str, JsonValue]", self.make_request(RPCEndpoint(call[0]), list(call[1])))

    def many(self, calls: Sequence[Call], timeout_s: float) -> list[dict[str, JsonValue]] | None:
        self.timeout_s = timeout_s
        try:
            answers = self.make_batch_request([(RPCEndpoint(method), list(params)) for method, params in calls])
        except BadResponseFormat:
            return None
        return cast("list[dict[str, JsonValue]]", answers)

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:  # noqa: ANN401 - as web3 has it
        """Return the answer to a request, or raise Broken."""
        numbers = self._numbers(1)
        answer = self._exchange(self.encode_rpc_request(method, params))
        return cast("RPCResponse", wire.answer_to(numbers[0], answer))

    def make_batch_request(self, requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
        """Return the answers to a batch in its order; raise BadResponseFormat for a wrong list, or Broken."""
        numbers = self._numbers(len(requests))
        answers = wire.answers_to(numbers, self._exchange(self.encode_batch_rpc_request(requests)))
        if answers is None:
            raise BadResponseFormat("the node did not answer the batch")
        return cast("list[RPCResponse]", answers)

    def _numbers(self, amount: int) -> range:
        """Return the ids that web3 will give the next requests."""
        numbers = range(self._sent + 1, self._sent + 1 + amount)
        self._sent += amount
        self.request_counter = itertools.count(numbers.start)
        return numbers

    def _exchange(self, body: bytes) -> JsonValue:
        return wire.read(self._post(body, self.timeout_s))

    def _post(self, body: bytes, timeout_s: float) -> Response:
        """Return the response that comes within `timeout_s`, or raise Broken."""
        self._deadline.start(timeout_s)
        try:
            with self._session.post(
                self._url,
                data=body,
                headers=HEADERS,
                timeout=timeout_s,
                stream=True,
                allow_redirects=False,
                verify=os.environ.get(CA_VARIABLE) or (file_of(self._ca) if self._ca else None),
            ) as response:
                received: bytes = response.raw.read(wire.ANSWER_CAP + 1, decode_content=True)
        except (requests.Timeout, ReadTimeoutError, PoolTimeout, TimeoutError):
            raise Broken(f"no answer within {timeout_s:g} s") from None
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            # Not "from error": the library's words contain the URL, which can have a key in its path.
            raise Broken(_why(error, timeout_s)) from None
        if len(received) > wire.ANSWER_CAP:
            raise TooMuch(f"its answer is larger than {wire.ANSWER_CAP} bytes")
        return Response(
            response.status_code, response.headers.get("Retry-After", ""), received, response.headers.get("Date", "")
        )


class _TimedAdapter(HTTPAdapter):
    """Opens connections that stop reading at the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **more: Any) -> None:  # noqa: ANN401 - as requests has it
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = self._pools()

    def proxy_manager_for(self, *args: Any, **more: Any) -> Any:  # noqa: ANN401 - as requests has it
        manager = super().proxy_manager_for(*args, **more)
        manager.pool_classes_by_scheme = self._pools()
        return manager

    def _pools(self) -> dict[str, type[HTTPConnectionPool]]:
        return {
            "http": _timed(HTTPConnectionPool, self._deadline),
            "https": _timed(HTTPSConnectionPool, self._deadline),
        }


def _timed(pool: type[HTTPConnectionPool], deadline: Deadline) -> type[HTTPConnectionPool]:
    """Return a subclass of `pool` whose connections use timed sockets."""
    inner: Any = pool.ConnectionCls

    class Connection(inner):  # type: ignore[misc]
        def connect(self) -> None:
            super().connect()
            self.sock: Any = TimedSocket(self.sock, deadline)

    class Pool(pool):  # type: ignore[misc, valid-type]
        ConnectionCls = Connection

    return Pool


def _why(error: Exception, timeout_s: float) -> str:
    """Return the sentence for an error; urllib3 wraps a timeout while the body is read."""
    causes = _causes(error)
    if any(isinstance(each, TimeoutError) for each in causes) or "timed out" in str(error):
        return f"no answer within {timeout_s:g} s"
    for each in causes:
        if isinstance(each, ssl.SSLCertVerificationError):
            return _untrusted(each)
    if isinstance(error, OSError) and _bad_ca_file():
        return f"the file of trusted CAs is missing or holds no certificate in PEM; check the path in {CA_VARIABLE}"
    if any(isinstance(each, ssl.SSLError) for each in causes):
        return "what listens there does not speak TLS as https needs it; check whether its URL begins with http://"
    return LOST if isinstance(error, requests.ConnectionError | HTTPError | OSError) else NO_JSON_RPC


def _bad_ca_file() -> bool:
    """Return whether CA_VARIABLE names a file that cannot be used."""
    path = os.environ.get(CA_VARIABLE)
    try:
        return bool(path) and not ssl.create_default_context(cafile=path)
    except OSError:
        return True


def _untrusted(error: ssl.SSLCertVerificationError) -> str:
    """Return what is wrong with a certificate, and how to trust a CA of one's own."""
    return (
        f"its TLS certificate is not trusted here: {error.verify_message.rstrip('.')}. If a CA of your own signed it, "
        f"set {CA_VARIABLE} to the file with the certificate of this CA, in PEM, or ask for an invitation that names it"
    )


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and those that led to it; requests and urllib3 wrap them in arguments too."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(found) < MOST_CAUSES:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and each not in found:
            found.append(each)
            waiting += [each.__context__, each.__cause__, getattr(each, "reason", None), *each.args]
    return found
