"""Asks the chosen server, then the next: a circuit breaker for each server, and a second question if the first is slow.

Invariant: one question gets one answer or one error in time. A server that failed `FAILURES` times in a row gets no
question until it has said again how it is. Each server has threads of its own, so one that hangs delays no other.
Nothing of a question is stored.

Source: M. Nygard, Release It!, "Circuit Breaker"; J. Dean and L. A. Barroso, "The Tail at Scale", 2013 (hedging).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from fl.protocol.errors import ServersSilent, TamperedError, UnavailableError
from fl.roles.serving.routing import Choice, Health, Server, Wish, ranked

FAILURES = 3
POLL_S = 2.0
"""Between two questions about a server's state."""
AT_ONCE = 8
"""Questions that one server has at the same time; one more is asked elsewhere, or waits if all have so many."""
HEALTH_S = 3.0
"""How long the router waits for servers to say how they are."""
T = TypeVar("T")
DATA_FAULTS = (UnavailableError, TamperedError)
"""After these another server is asked; other errors are about the question itself."""


class Connection(Protocol):
    """The way to one server."""

    def health(self) -> Health:
        """Return how the server is now; raise UnavailableError if it does not say."""


@dataclass(frozen=True)
class Waits:
    """How long the router waits, in seconds."""

    second_s: float = 0.4
    """Before it asks a second server as well."""
    wished_s: float = 3.0
    """The same, if a person chose the first one."""
    whole_s: float = 12.0
    """For an answer of any server."""


@dataclass(frozen=True)
class Routed(Generic[T]):
    """An answer, and who gave it."""

    answer: T
    choice: Choice


@dataclass
class _State:
    """What is known about one server."""

    health: Health | None = None
    failures: int = 0
    asked: int = 0
    """Questions that it has not answered yet."""
    polled: Future[None] | None = None


@dataclass
class Router:
    """All servers of a site. Threads may share it."""

    servers: Sequence[Server]
    connections: Mapping[str, Connection]
    """By name."""
    clock: Callable[[], float]
    """Seconds that only grow."""
    waits: Waits = Waits()
    _states: dict[str, _State] = field(init=False)
    _pools: dict[str, ThreadPoolExecutor] = field(init=False)
    _polls: ThreadPoolExecutor = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _freed: threading.Condition = field(init=False)
    """Notified when a server has answered, under `_lock`."""
    _stop: threading.Event = field(init=False, default_factory=threading.Event)

    def __post_init__(self) -> None:
        """Know nothing about any server yet."""
        self._freed = threading.Condition(self._lock)
        self._states = {server.name: _State() for server in self.servers}
        self._pools = {name: ThreadPoolExecutor(AT_ONCE, thread_name_prefix="route") for name in self._states}
        self._polls = ThreadPoolExecutor(max(1, len(self._states)), thread_name_prefix="route-health")

    def poll(self) -> None:
        """Ask every server how it is, all at the same time; one that does not say it in time counts as silent."""
        for name, state in self._states.items():
            if state.polled is None or state.polled.done():
                state.polled = self._polls.submit(self._poll_one, name)
        asked = {state.polled: state for state in self._states.values() if state.polled is not None}
        for late in wait(asked, HEALTH_S).not_done:
            asked[late].health = None

    def watch(self) -> None:
        """Ask again every `POLL_S` seconds, in the background, until `close`."""
        threading.Thread(target=self._watch, name="route-health", daemon=True).start()

    def close(self) -> None:
        self._stop.set()
        for pool in (*self._pools.values(), self._polls):
            pool.shutdown(wait=False, cancel_futures=True)

    def choices(self, wish: Wish) -> tuple[Choice, ...]:
        """Return the servers for a question, the best first."""
        health = {name: state.health for name, state in self._states.items() if state.health is not None}
        shut = {name for name, state in self._states.items() if state.failures >= FAILURES}
        return ranked(self.servers, wish, health, shut)

    def ask(self, wish: Wish, ask: Callable[[Server], T]) -> Routed[T]:
        """Return the first answer; `ask` puts the question to one server. If all have too many questions, wait for one.

        Raises:
            ServersSilent: no server answered in time.
            Any other error that `ask` raises about the question itself.
        """
        waiting, full = list(self.choices(wish)), list[Choice]()
        running: dict[Future[T], Choice] = {}
        second_s = self.waits.wished_s if wish.server else self.waits.second_s
        ends = self.clock() + self.waits.whole_s
        while (waiting or running or full) and (left := ends - self.clock()) > 0.0:
            if waiting:
                choice = waiting.pop(0)
                if begun := self._begin(choice.server, ask):
                    running[begun] = choice
                else:
                    full.append(choice)
            elif not running:
                self._wait_for_room(full, left)
                waiting, full = full, []
            if not running:
                continue
            done, _ = wait(running, min(second_s, left) if waiting else left, FIRST_COMPLETED)
            for future in done:
                choice = running.pop(future)
                with suppress(*DATA_FAULTS):
                    answer = self._judged(future, choice)
                    _forget(running)
                    return Routed(answer, choice)
        _forget(running)
        raise ServersSilent(len(self.servers))

    def _begin(self, server: Server, ask: Callable[[Server], T]) -> Future[T] | None:
        """Begin a question, or return None if the server has too many."""
        state = self._states[server.name]
        with self._lock:
            if state.asked >= AT_ONCE:
                return None
            state.asked += 1
        future = self._pools[server.name].submit(ask, server)
        future.add_done_callback(lambda _: self._end(state))
        return future

    def _end(self, state: _State) -> None:
        with self._freed:
            state.asked -= 1
            self._freed.notify_all()

    def _wait_for_room(self, full: Sequence[Choice], seconds: float) -> None:
        """Wait until one of these servers can take a question, at most so long."""
        states = [self._states[choice.server.name] for choice in full]
        with self._freed:
            self._freed.wait_for(lambda: any(state.asked < AT_ONCE for state in states), seconds)

    def _judged(self, future: Future[T], choice: Choice) -> T:
        """Return a server's answer, and count its failures."""
        state = self._states[choice.server.name]
        try:
            answer = future.result()
        except DATA_FAULTS:
            state.failures += 1
            raise
        state.failures = 0
        return answer

    def _poll_one(self, name: str) -> None:
        state = self._states[name]
        try:
            state.health = self.connections[name].health()
        except DATA_FAULTS:
            state.health = None
        else:
            state.failures = 0

    def _watch(self) -> None:
        while not self._stop.is_set():
            self.poll()
            self._stop.wait(POLL_S)


def _forget(running: Mapping[Future[T], Choice]) -> None:
    """Drop questions that nobody waits for; those under way end by their own time limit."""
    for future in running:
        future.cancel()
