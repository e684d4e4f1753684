"""Asks the URLs of one chain, with one persistent connection per thread and URL.

Invariant: a request that one URL does not answer is asked of the next one that does not rest. Every request may be
asked twice: it reads, or it sends a transaction that is signed already. A URL of several is used only after it showed
that it serves the same chain and has what was read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeVar

from chain.rpc.endpoints import FAR_BEHIND, Endpoint, Moved, endpoints_of
from chain.rpc.refusal import NodeRefusal
from chain.rpc.shapes import quantity
from chain.rpc.transport import NO_JSON_RPC, Broken, RateLimited, Refused, TooMuch, Wire
from chain.rpc.wires import wire_to
from fl.protocol.errors import ChainUnavailable, HemaledgerError, WrongChain

CLIENT_ERRORS = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY)
"""With these statuses, providers refuse one request; other statuses concern every request."""
FIRST_PAUSE_S = 0.25

T = TypeVar("T")
Ask = Callable[[Wire, float], T]
"""Asks one URL and waits at most so many seconds; raises Broken or NodeRefusal."""


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
    others: tuple[str, ...] = field(default=(), repr=False)
    """Further URLs of the same chain, used when those before them fail."""
    moved: Moved | None = field(default=None, repr=False, compare=False)
    """Is told once when another URL is used."""

    @property
    def urls(self) -> tuple[str, ...]:
        return (self.url, *self.others)


class _OtherChain(Broken):
    """The node serves another chain than the one that was asked for."""


class Lines:
    """The connections to a chain's URLs; safe to use from several threads."""

    def __init__(self, settings: NodeSettings) -> None:
        self.settings = settings
        self._local = threading.local()
        self._endpoints = endpoints_of(settings.urls)

    @property
    def several(self) -> bool:
        return self._endpoints.several

    @property
    def current(self) -> Endpoint:
        """Return the URL that this thread asked last, or the one that it will ask."""
        found: Endpoint | None = getattr(self._local, "endpoint", None)
        return self._endpoints.first() if found is None else found

    def unavailable(self, why: str) -> ChainUnavailable:
        """Return the error that says why the current URL cannot be used; the next request goes to another one."""
        current = self.current
        if self.several:
            self._endpoints.leave(current, why)
        return ChainUnavailable(current.url, why)

    def ask(self, question: Ask[T]) -> T:
        """Ask until a URL answers.

        Raises:
            NodeRefusal: it answered with an error.
            ChainUnavailable: none answered in time. Each has the time for one answer.
            WrongChain: the last one serves another chain.
        """
        tried: list[Endpoint] = []
        patience = _Patience(self.settings.timeout_s)
        while True:
            endpoint = self._local.endpoint = self._endpoints.first(tried)
            try:
                answer = self._of(endpoint, question, patience.left_s)
            except (Broken, NodeRefusal) as error:
                failure, wanted_s = patience.judge(error)
            else:
                self._endpoints.answered(endpoint, self.settings.moved)
                return answer
            tried.append(endpoint)
            if self.several:
                self._endpoints.leave(endpoint, str(failure), wanted_s)
            if self._endpoints.others_left(tried):
                patience = _Patience(self.settings.timeout_s)
            elif wanted_s and patience.sleep(wanted_s):
                tried.clear()
            else:
                if wanted_s:
                    self._endpoints.leave(endpoint, str(failure), wanted_s)
                raise self._given_up(failure) from failure

    def change(self, why: str) -> bool:
        """Leave the current URL because of what it answered; False if no other one is ready."""
        if not self._endpoints.others_ready((self.current,)):
            return False
        self._endpoints.leave(self.current, why)
        return True

    def note_read(self, block: int) -> None:
        """Note the newest block that was read: a URL must have it before it is used."""
        self._endpoints.note_read(block)

    def note_head(self, head: int) -> None:
        """Note the newest block of the current URL; if no new one came for long, leave it for one that has more."""
        if not self._endpoints.stalled(head):
            return
        current = self.current
        for other in self._endpoints.others(current):
            try:
                found = self._quantity(other, "eth_blockNumber", self.settings.timeout_s)
            except (Broken, NodeRefusal):
                continue
            if found >= head + FAR_BEHIND:
                self._endpoints.leave(current, f"it is behind: it has block {head}, and another node {found}")
                return

    def _of(self, endpoint: Endpoint, question: Ask[T], left_s: float) -> T:
        """Ask one URL; one of several is checked before it is used."""
        if not self.several:
            if (rest_s := endpoint.rests_until - time.monotonic()) > left_s:
                raise RateLimited(rest_s)
            return question(self._wire(endpoint), left_s)
        if not endpoint.fit:
            self._check_fit(endpoint, left_s)
            endpoint.fit = True
        return question(self._wire(endpoint), left_s)

    def _check_fit(self, endpoint: Endpoint, left_s: float) -> None:
        """Raise Broken unless a URL serves the same chain and has what was read."""
        known = self._endpoints
        chain_id = self._quantity(endpoint, "eth_chainId", left_s)
        expected = self.settings.chain_id or known.chain_id
        if expected not in (None, chain_id):
            raise _OtherChain(f"its chain id is {chain_id}, not {expected}")
        known.chain_id = known.chain_id or chain_id
        head = self._quantity(endpoint, "eth_blockNumber", left_s)
        if head < known.read_to:
            raise Broken(f"it is behind: its newest block is {head}, and block {known.read_to} was read")

    def _quantity(self, endpoint: Endpoint, method: str, left_s: float) -> int:
        """Return the number that one URL answers, or raise Broken or NodeRefusal."""
        try:
            return quantity(result_of(self._wire(endpoint).one((method, []), left_s)))
        except ValueError as error:
            raise Broken(NO_JSON_RPC) from error

    def _wire(self, endpoint: Endpoint) -> Wire:
        wires: dict[str, Wire] = self._local.__dict__.setdefault("wires", {})
        if endpoint.url not in wires:
            wires[endpoint.url] = wire_to(endpoint.url, self.settings.ca)
        return wires[endpoint.url]

    def _given_up(self, failure: Broken) -> HemaledgerError:
        if isinstance(failure, _OtherChain):
            return WrongChain(self.current.url, str(failure))
        return ChainUnavailable(self.current.url, self._endpoints.reasons() if self.several else str(failure))


class _Patience:
    """The time for one URL's answer, and the pauses in it."""

    def __init__(self, timeout_s: float) -> None:
        self._until = time.monotonic() + timeout_s
        self._pause_s = FIRST_PAUSE_S
        self.left_s = timeout_s

    def judge(self, error: Broken | NodeRefusal) -> tuple[Broken, float]:
        """Return what failed and for how long to wait before asking again; 0: asking again does not help.

        Raises:
            NodeRefusal: the error is an answer to this one request.
        """
        if isinstance(error, NodeRefusal):
            if not error.busy:
                raise error
            return Broken(error.message), self._pause_s
        if isinstance(error, RateLimited):
            return error, max(error.pause_s, self._pause_s)
        if isinstance(error, TooMuch) or (isinstance(error, Refused) and error.status in CLIENT_ERRORS):
            raise NodeRefusal({"message": str(error)}) from error
        return error, 0.0

    def sleep(self, seconds: float) -> bool:
        """Wait, and wait twice as long the next time; False if the time is not enough for that."""
        self.left_s = self._until - time.monotonic() - seconds
        if self.left_s <= 0:
            return False
        time.sleep(seconds)
        self._pause_s *= 2
        return True


def result_of(response: Any) -> Any:  # noqa: ANN401 - JSON
    """Return the result in an answer, or raise NodeRefusal or Broken."""
    if not isinstance(response, dict):
        raise Broken(NO_JSON_RPC)
    if response.get("error") is not None:
        error = response["error"]
        raise NodeRefusal(error if isinstance(error, dict) else {"message": str(error)})
    if "result" not in response:
        raise Broken(NO_JSON_RPC)
    return response["result"]
