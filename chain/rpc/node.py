"""A connection to an Ethereum node.

Invariant: every failure of the connection is raised as ChainUnavailable or WrongChain, with a sentence that says what
to do. A `NodeRefusal` is an answer that refuses one request; it never leaves the package `chain`.

Source: JSON-RPC of Ethereum (execution-apis).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn, TypeVar

from chain.rpc.lines import Lines, NodeSettings, result_of
from chain.rpc.refusal import NodeRefusal
from chain.rpc.shapes import quantity
from chain.rpc.transport import NO_JSON_RPC, Broken, Call
from fl.protocol.errors import ChainUnavailable, WrongChain

__all__ = ("HEADER_ONLY", "NEWS", "NOT_TAKEN", "Answer", "Node", "NodeRefusal", "NodeSettings", "connect")

HEADER_ONLY = False
"""Last parameter of eth_getBlockByNumber: transactions as hashes."""

NEWS = "hemaledger_news"
"""A method of the embedded chain (block_feed.py): [number, contracts, milliseconds] -> {last, newest, logs}."""

NOT_TAKEN = -32003
"""The embedded chain refuses a transaction because of its sender ("transaction rejected" in EIP-1474)."""


T = TypeVar("T")
Answer = Callable[[], Any]
"""Returns a result or raises NodeRefusal."""


class Node:
    """JSON-RPC over HTTP with one persistent connection per thread and URL.

    With several URLs, a request that one does not answer is asked of the next. Every request may be asked twice: it
    reads, or it sends a transaction that is signed already.
    """

    def __init__(self, settings: NodeSettings) -> None:
        self.settings = settings
        self._lines = Lines(settings)
        self._tells: bool | None = None
        self.pending = "pending"
        """The block tag that includes waiting transactions; `latest` on a node that has no such block."""

    @property
    def using(self) -> str:
        """Return the URL that answered this thread last, or the one that will be asked."""
        return self._lines.current.url

    def change(self, why: str) -> bool:
        """Leave this URL for another one because of what it answered; False if no other is ready."""
        return self._lines.change(why)

    def note_read(self, block: int) -> None:
        """Note the newest block that was read: another URL must have it before it is used."""
        self._lines.note_read(block)

    def note_head(self, head: int) -> None:
        """Note the newest block; a node that gets no new one for long is left for one that has more."""
        self._lines.note_head(head)

    def attempt(self, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON
        """Return the result of one request.

        Raises:
            NodeRefusal: the node answered with an error.
            ChainUnavailable: it did not answer in time.
        """
        return self._lines.ask(lambda wire, left_s: result_of(wire.one((method, params), left_s)))

    def lacks_pending(self, refusal: NodeRefusal) -> bool:
        """Return whether a node refused the tag `pending`; from then on `latest` stands for it."""
        lacks = self.pending == "pending" and not refusal.data and "pending" in refusal.message.lower()
        if lacks:
            self.pending = "latest"
        return lacks

    def news(self, block: int, contracts: Sequence[str], wait_ms: int) -> Any:  # noqa: ANN401 - JSON
        """Return the embedded chain's answer to NEWS; raise NodeRefusal for another node, which is asked only once."""
        if self._tells is False:
            raise NodeRefusal({"message": "it is not the embedded chain"})
        try:
            answer = self.attempt(NEWS, hex(block), list(contracts), wait_ms)
        except NodeRefusal:
            self._tells = False
            raise
        self._tells = True
        return answer

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

        A node that does not answer batches, or only small ones, gets what it takes.

        Raises:
            ChainUnavailable: the node did not answer in time.
        """
        answers: list[Answer] = []
        while len(answers) < len(calls):
            part = calls[len(answers) : len(answers) + self._lines.current.most_calls]
            responses = self._many(part) if len(part) > 1 else None
            if responses is not None:
                answers += [
                    _settled(partial(self._of_batch, call, response))
                    for call, response in zip(part, responses, strict=True)
                ]
            elif self._lines.current.most_calls == 1 or len(part) == 1:
                answers += [_settled(partial(self.attempt, method, *params)) for method, params in part]
        return answers

    def _many(self, calls: Sequence[Call]) -> list[dict[str, Any]] | None:
        """Return the answers to a batch; None if this node takes only smaller ones, which is noted."""
        try:
            responses = self._lines.ask(lambda wire, left_s: wire.many(calls, left_s))
        except NodeRefusal:
            responses = None
        if responses is None:
            self._lines.current.most_calls = len(calls) // 2
        return responses

    def _of_batch(self, call: Call, response: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        try:
            return result_of(response)
        except Broken as error:
            raise self.unavailable(str(error)) from error
        except NodeRefusal as refusal:
            if not refusal.busy:
                raise
        return self.attempt(call[0], *call[1])

    def check_chain(self) -> int:
        """Return the node's chain id, or raise WrongChain if the settings name another one."""
        actual = self.number("eth_chainId")
        expected = self.settings.chain_id
        if expected is not None and actual != expected:
            raise WrongChain(self.using, f"its chain id is {actual}, not {expected}")
        return actual

    def unavailable(self, why: str) -> ChainUnavailable:
        """Return the error that says this node cannot be used, and why; the next request goes to another URL."""
        return self._lines.unavailable(why)


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
