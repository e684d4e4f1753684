"""How JSON-RPC travels over the internet: web3's HTTPProvider, with TLS and the proxies of the environment.

Invariant: as wire.py's: what goes wrong leaves here as `Broken`.

Source: web3's HTTPProvider. To the embedded chain on the same machine it would take longer than the chain itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import requests
from eth_typing import URI
from web3 import HTTPProvider
from web3.exceptions import Web3Exception
from web3.types import RPCEndpoint

from chain.wire import NO_JSON_RPC, Broken, Call


class Provider:
    """A wire over web3's HTTPProvider."""

    def __init__(self, url: str, timeout_s: float, *, trust_env: bool) -> None:
        self._timeout_s = timeout_s
        session = requests.Session()
        session.trust_env = trust_env  # a proxy for the internet does not serve this machine
        self._provider = HTTPProvider(
            URI(url), request_kwargs={"timeout": timeout_s}, session=session, exception_retry_configuration=None
        )

    def one(self, call: Call) -> Any:  # noqa: ANN401 - JSON
        """Return the answer to a request, or raise Broken."""
        method, params = call
        return self._exchange(lambda provider: provider.make_request(RPCEndpoint(method), list(params)))

    def many(self, calls: Sequence[Call]) -> Any:  # noqa: ANN401 - JSON
        """Return the answers to a batch in its order, or what came instead of a list; or raise Broken."""
        wire = [(RPCEndpoint(method), list(params)) for method, params in calls]
        return self._exchange(lambda provider: provider.make_batch_request(wire))

    def _exchange(self, send: Any) -> Any:  # noqa: ANN401 - JSON
        try:
            return send(self._provider)
        except requests.Timeout as error:
            raise Broken(f"no answer within {self._timeout_s:g} s") from error
        except requests.ConnectionError as error:
            raise Broken("the connection was refused or broke") from error
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else "an error"
            raise Broken(f"what listens there answered HTTP {status}") from error
        except (requests.RequestException, Web3Exception, ValueError, TypeError, KeyError) as error:
            raise Broken(NO_JSON_RPC) from error
