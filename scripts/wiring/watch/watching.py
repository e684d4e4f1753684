"""Watches one agent's process: its log, its metrics, its health, and the silence of a round.

Invariant: watching never changes what the agent does. A fault of the watching itself is reported and ends nothing.

Source: docs/monitoring.md.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from chain.ledger import EthereumLedger, newest_block
from chain.rpc.node import Node, NodeSettings
from fl.events import Event, Notify
from fl.protocol.errors import HemaledgerError, TrainingStopped, UnavailableError
from fl.protocol.federation import Federation
from fl.protocol.names import NO_DIGEST
from fl.protocol.ports import Ledger, Vault
from fl.replay.batched_ledger import BatchedLedger
from fl.roles.coordinator.clock import SKEW_S, TimedLedger
from fl.storage.sign_board import open_board
from scripts.wiring.clock import now
from scripts.wiring.joining import own_version
from scripts.wiring.watch.log import Speaker, writer
from scripts.wiring.watch.metrics import Figures, Heads
from scripts.wiring.watch.options import WatchOptions
from scripts.wiring.watch.port import Answer, WatchPort
from scripts.wiring.watch.probes import EVERY_S, OK, Probe, Probes, clock_probe
from scripts.wiring.watch.seen import Seen
from scripts.wiring.watch.signs import SignWriter
from scripts.wiring.watch.silence import Silence

if TYPE_CHECKING:
    from fl.roles.runner import Agent
    from scripts.wiring.home import Home, MemberHome

TICK_S = 1.0


class Passed(Protocol):
    """How far a training is (fl.training.local.checkpoint.Progress)."""

    @property
    def epoch(self) -> int:
        """Return how many passes over the images are done."""

    @property
    def epochs(self) -> int:
        """Return how many there will be."""


@dataclass
class Watching:
    """One agent's process as others see it; `running` starts what listens."""

    speaker: Speaker
    options: WatchOptions
    home: Home
    gives_signs: bool = True
    """Whether it writes the member's signs of life; the keeper of the log does not, as the member's agent does."""
    stop: threading.Event = field(default_factory=threading.Event)
    agent: Agent | None = None

    def __post_init__(self) -> None:
        self.seen = Seen(time.time)
        self._write = writer(self.speaker, self.options.log_format, time.time)
        self._silence = Silence(self.options.quiet_after)
        self._heads: Heads | None = None
        self._signs: SignWriter | None = None
        self._store: Vault | None = None
        self._clock_said = OK
        self._looked = -EVERY_S
        self.probes = Probes(time.monotonic, self._parts())

    @classmethod
    def of(cls, home: Home, member: MemberHome, options: WatchOptions) -> Watching:
        return cls(Speaker(member.name, member.role.name.lower()), options, home)

    def notify(self, what: Event, facts: Mapping[str, object]) -> None:
        """Report an event: a line in the log, a count in the metrics."""
        self.seen.saw(what)
        self._write(what, facts)

    def pass_through(self, noting: Callable[[Notify], Notify]) -> None:
        """Let somebody else note every event, too, before it is written."""
        self._write = noting(self._write)

    def ask_to_stop(self) -> None:
        """Let the agent end after the step that runs; a signal's handler calls this."""
        self.seen.stopping = True
        self.stop.set()

    def passed(self, progress: Passed) -> None:
        """Note a pass of a training over the images.

        Raises:
            TrainingStopped: somebody asked this process to end.
        """
        self.seen.trained(progress.epoch, progress.epochs)
        if self.stop.is_set() and progress.epoch < progress.epochs:
            raise TrainingStopped(progress.epoch, progress.epochs)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve the metrics, if wanted, and look out for silence; report an error that ends the process."""
        port = self._open_port()
        threading.Thread(target=self._keep_watch, name="watch", daemon=True).start()
        try:
            yield
        except HemaledgerError as error:
            if self.options.log_format == "json":  # for a person, the command prints it
                self.notify(Event.ENDED, {"reason": str(error), "exit code": error.exit_code})
            raise
        finally:
            self.stop.set()
            if port is not None:
                port.close()

    def federation(self) -> Federation | None:
        """Return what the agent has read of the ledger, or None before it is connected."""
        return self.agent.view.federation if self.agent is not None else None

    def _open_port(self) -> WatchPort | None:
        if (address := self.options.address) is None:
            return None
        from prometheus_client import CONTENT_TYPE_LATEST

        figures = Figures(self.speaker, own_version(), self.seen, self.probes, self.federation, lambda: self._heads)
        figures.disk = partial(_room, self.home)
        pages = {
            "/metrics": lambda: Answer(200, CONTENT_TYPE_LATEST, figures.text()),
            "/healthz": lambda: Answer.of({"status": "ok"}),
            "/readyz": self._readiness,
        }
        port = WatchPort(*address, pages)
        self.notify(Event.WATCHED, {"metrics": f"{port.address}/metrics"})
        return port

    def _readiness(self) -> Answer:
        parts = self.probes.results()
        ready = self.probes.ready and not self.seen.stopping
        return Answer.of({"status": "ready" if ready else "not ready", **parts}, well=ready)

    @property
    def _connected(self) -> bool:
        return self.agent is not None

    def _keep_watch(self) -> None:
        """Look around every second until the process ends."""
        said = ""
        while not self.stop.wait(TICK_S if self._connected else TICK_S / 10):
            try:
                self._look_around()
            except Exception as error:  # noqa: BLE001 - whatever fails here, the agent and the next look go on
                if (why := str(error) or type(error).__name__) != said:
                    self.notify(Event.ALARM, {"reason": f"the watch over this agent failed: {why}"})
                said = why

    def _look_around(self) -> None:
        """Say what is new; every EVERY_S seconds, look at chain, vault and clock, too, and give a sign of life."""
        if not self._connected:
            return
        federation = self.federation()
        if federation is not None:
            for what, facts in self._silence.news(federation, self.seen.waits, time.time()):
                self.notify(what, facts)
        if time.monotonic() - self._looked >= EVERY_S:
            self._looked = time.monotonic()
            self.look()
            if federation is not None and self.gives_signs:
                self._sign(federation)

    def look(self) -> None:
        """Look at chain, vault and clock; say that the clock is wrong, even while the agent has nothing to do."""
        self.probes.look()
        clock = self.probes.results().get("clock", OK)
        if clock not in (OK, self._clock_said):
            self.notify(Event.ALARM, {"reason": clock})
        self._clock_said = clock

    def _sign(self, federation: Federation) -> None:
        """Write a sign of life if one is due; a fault counts, and the next look tries again."""
        try:
            if self._signs is None:
                deployment = self.home.deployment
                board = open_board(deployment.vault, self.home.folder, deployment.anchor.consortium)
                self._signs = SignWriter(board, own_version())
            if self.ledger.account in federation.book.members:
                self._signs.write(self.ledger, federation, self.seen.waits_kind, now())
        except HemaledgerError as error:
            self.seen.vault_failed(error)

    def _parts(self) -> dict[str, Probe]:
        return {
            "chain": self._chain,
            "vault": self._vault,
            "clock": clock_probe(now, self._head_time, self._time, SKEW_S),
        }

    def _chain(self) -> None:
        ledger = self.ledger
        self._heads = Heads(*ledger.newest_block(), ledger.read_to)

    def _vault(self) -> None:
        if self._store is None:
            self._store = self.home.vault
        self._store.has(NO_DIGEST)

    def _time(self) -> object:
        ledger = self._chain_ledger
        return ledger.clock() if isinstance(ledger, TimedLedger) else None

    @property
    def _chain_ledger(self) -> Ledger | None:
        """Return the agent's ledger without batches, None before it is connected."""
        ledger = self.agent.view.ledger if self.agent is not None else None
        return ledger.inner if isinstance(ledger, BatchedLedger) else ledger

    def _head_time(self) -> int:
        return self._heads.newest_at if self._heads is not None else 0

    @property
    def ledger(self) -> EthereumLedger:
        """Return the agent's own ledger, or raise ChainUnavailable before it is connected."""
        ledger = self._chain_ledger
        inner = ledger.inner if isinstance(ledger, TimedLedger) else ledger
        if not isinstance(inner, EthereumLedger):
            raise _not_connected(self.home)
        return inner


@dataclass
class ChainWatching(Watching):
    """The process of the embedded chain; it has no agent, no vault and no signs of life."""

    url: str = ""
    """Where the chain answers; empty before it does."""

    @property
    def _connected(self) -> bool:
        return bool(self.url)

    def _parts(self) -> dict[str, Probe]:
        return {"chain": self._node}

    def _node(self) -> None:
        number, at = newest_block(Node(NodeSettings(self.url)))
        self._heads = Heads(number, at, number)
        self.seen.step_ended()


def _not_connected(home: Home) -> UnavailableError:
    from fl.protocol.errors import ChainUnavailable

    return ChainUnavailable(home.deployment.url, "it did not answer yet")


def _room(home: Home) -> tuple[int, int] | None:
    try:
        usage = shutil.disk_usage(home.folder)
    except OSError:
        return None
    return usage.free, usage.total
