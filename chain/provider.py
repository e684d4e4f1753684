"""How JSON-RPC travels over the internet: `requests`, with TLS and the proxies of the environment.

Invariant: as wire.py's: what goes wrong leaves here as `Broken`, within the time for one answer. A redirect is not
followed, and no more of an answer is unpacked than is read.

Source: requests and urllib3 (adapters, pools). web3's HTTPProvider reads answers of any size, for any time.
"""

from __future__ import annotations

from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.exceptions import TimeoutError as PoolTimeout

from chain.deadline import Deadline, TimedSocket
from chain.wire import ANSWER_CAP, HEADERS, LOST, NO_JSON_RPC, Broken, Response, TooMuch


class Provider:
    """A transport over a session of `requests`."""

    def __init__(self, url: str, *, trust_env: bool) -> None:
        self._url = url
        self._deadline = Deadline()
        self._session = requests.Session()
        self._session.trust_env = trust_env  # a proxy for the internet does not serve this machine
        adapter = _TimedAdapter(self._deadline)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def post(self, body: bytes, timeout_s: float) -> Response:
        """Return what comes back within `timeout_s`, or raise Broken."""
        self._deadline.start(timeout_s)
        try:
            with self._session.post(
                self._url, data=body, headers=HEADERS, timeout=timeout_s, stream=True, allow_redirects=False
            ) as response:
                received: bytes = response.raw.read(ANSWER_CAP + 1, decode_content=True)
        except (requests.Timeout, ReadTimeoutError, PoolTimeout, TimeoutError) as error:
            raise Broken(f"no answer within {timeout_s:g} s") from error
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            raise Broken(_why(error, timeout_s)) from error
        if len(received) > ANSWER_CAP:
            raise TooMuch(f"its answer has more than {ANSWER_CAP} bytes")
        return Response(response.status_code, response.headers.get("Retry-After", ""), received)


class _TimedAdapter(HTTPAdapter):
    """Opens connections whose reads end at the deadline."""

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
    """Return a pool of connections like those of `pool`, with timed sockets."""
    inner: Any = pool.ConnectionCls

    class Connection(inner):  # type: ignore[misc]
        def connect(self) -> None:
            super().connect()
            self.sock: Any = TimedSocket(self.sock, deadline)

    class Pool(pool):  # type: ignore[misc, valid-type]
        ConnectionCls = Connection

    return Pool


def _why(error: Exception, timeout_s: float) -> str:
    """Return what to say; a timeout during the body comes wrapped."""
    if isinstance(error.__context__, TimeoutError) or "timed out" in str(error):
        return f"no answer within {timeout_s:g} s"
    return LOST if isinstance(error, requests.ConnectionError | HTTPError | OSError) else NO_JSON_RPC
