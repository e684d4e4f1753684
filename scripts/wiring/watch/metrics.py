"""The figures of an agent for Prometheus, computed when somebody asks.

Invariant: no figure names a person, a record or an address of the network. Labels are words of this program and the
public names of members, so their number is bounded.

Source: Prometheus, "Metric and label naming"; prometheus_client, "Custom Collectors".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fl.events import Event
from fl.protocol.federation import Federation
from fl.protocol.rounds.round import Phase
from fl.replay.attendance import Waiting, deadline_of, left_out, waiting
from scripts.wiring.watch.log import Speaker
from scripts.wiring.watch.probes import OK, Probes
from scripts.wiring.watch.seen import VAULT_KINDS, Seen

if TYPE_CHECKING:
    from prometheus_client.core import Metric

PHASES = tuple(phase.name.lower() for phase in Phase if phase != Phase.NONE)


@dataclass(frozen=True)
class Heads:
    """How far the chain is, and how far this process has read it."""

    newest: int
    newest_at: int
    """Seconds since 1970, by the chain."""
    read: int
    """-1: nothing yet."""


@dataclass(eq=False)
class Figures:
    """Where the figures of one process come from."""

    speaker: Speaker
    version: str
    seen: Seen
    probes: Probes
    federation: Callable[[], Federation | None] = lambda: None
    heads: Callable[[], Heads | None] = lambda: None
    disk: Callable[[], tuple[int, int] | None] = lambda: None
    """Free and all bytes."""
    findings: Callable[[], int | None] = lambda: None
    """How many findings of the member's monitor nobody accepted; None if it never looked."""
    _counted: dict[bytes, dict[str, str]] = field(default_factory=dict)
    """Whom each ended round left out, by its context: an ended round does not change."""

    def text(self) -> bytes:
        """Return everything in Prometheus' format."""
        from prometheus_client import CollectorRegistry, generate_latest

        registry = CollectorRegistry(auto_describe=False)
        registry.register(self)
        return generate_latest(registry)

    def collect(self) -> Iterator[Metric]:
        """Yield every figure."""
        yield from self._process()
        yield from self._chain()
        federation = self.federation()
        if federation is not None:
            yield from self._rounds(federation)

    def _process(self) -> Iterator[Metric]:
        from prometheus_client.core import InfoMetricFamily

        info = InfoMetricFamily("hemaledger_agent", "The agent and its version.")
        info.add_metric([], {"role": self.speaker.role, "member": self.speaker.member, "version": self.version})
        yield info
        seen = self.seen
        yield _gauge("hemaledger_agent_started_timestamp_seconds", "When the process began.", seen.began)
        yield _gauge("hemaledger_agent_step_timestamp_seconds", "When the last step ended well.", seen.alive)
        yield _gauge("hemaledger_agent_waiting", "1 while the last step could not end.", bool(seen.waits))
        parts = self.probes.results()
        yield _labelled(
            "hemaledger_agent_part_ok",
            "1 if the part works.",
            "part",
            {name: float(says == OK) for name, says in parts.items()},
        )
        yield _gauge("hemaledger_training_epoch", "Passes over the images that are done in this training.", seen.epoch)
        yield _gauge("hemaledger_training_epochs", "Passes of this training in all.", seen.epochs)
        events, vault = seen.copy()
        by_event = {each.name.lower(): events[each.name.lower()] for each in Event}  # a first one counts as an increase
        yield _counter("hemaledger_events", "What the agent reported, by event.", "event", by_event)
        by_kind = {kind: vault[kind] for kind in VAULT_KINDS.values()}
        yield _counter("hemaledger_vault_errors", "Faults of the vault, by kind.", "kind", by_kind)
        yield _total("hemaledger_chain_errors", "Times that the chain gave no answer.", seen.chain_errors)
        yield _total("hemaledger_retries", "Steps that had to be tried again.", seen.retries)
        findings = self.findings()
        if findings is not None:
            yield _gauge("hemaledger_monitor_findings", "Findings of the monitor that nobody accepted.", findings)
        disk = self.disk()
        if disk is not None:
            yield _gauge("hemaledger_disk_free_bytes", "Free bytes where the agent writes.", disk[0])
            yield _gauge("hemaledger_disk_size_bytes", "All bytes there.", disk[1])

    def _chain(self) -> Iterator[Metric]:
        heads = self.heads()
        if heads is None:
            return
        yield _gauge("hemaledger_chain_block", "The newest block of the chain.", heads.newest)
        yield _gauge("hemaledger_chain_block_timestamp_seconds", "Its time, by the chain.", heads.newest_at)
        if heads.read >= 0:
            yield _gauge("hemaledger_ledger_block", "The block up to which the agent has read.", heads.read)
            lag = max(heads.newest - heads.read, 0)
            yield _gauge("hemaledger_ledger_lag_blocks", "Blocks that the agent has not read yet.", lag)

    def _rounds(self, federation: Federation) -> Iterator[Metric]:
        newest = federation.rounds[-1] if federation.rounds else None
        phase = newest.phase.name.lower() if newest else ""
        yield _gauge("hemaledger_round", "The newest round.", federation.last_round)
        yield _labelled(
            "hemaledger_round_phase", "1 for the phase of the newest round.", "phase", {p: p == phase for p in PHASES}
        )
        now = waiting(federation)
        yield _gauge("hemaledger_round_phase_since_timestamp_seconds", "When the phase began.", now.since or 0)
        deadline = deadline_of(newest) if newest else None
        yield _gauge("hemaledger_round_deadline_timestamp_seconds", "When the phase ends; 0: no end.", deadline or 0)
        yield self._waits(federation, now)
        ended = Counter(each.phase.name.lower() for each in federation.rounds if each.ended)
        outcomes = {"final": ended["final"], "aborted": ended["aborted"]}
        yield _counter("hemaledger_rounds_ended", "Rounds that ended, by outcome.", "outcome", outcomes)
        missed: Counter[str] = Counter()
        for each in federation.rounds:
            missed.update(list(self._left_out(federation, each.context)) if each.ended else ())
        yield _counter(
            "hemaledger_hospital_left_out", "Ended rounds that went on without a hospital.", "hospital", missed
        )
        now_out = {federation.book.name_of(who): 1 for who in (left_out(newest) if newest else {})}
        yield _labelled(
            "hemaledger_round_left_out", "1 for each hospital that the newest round leaves out.", "hospital", now_out
        )

    def _waits(self, federation: Federation, now: Waiting) -> Metric:
        names = {federation.book.name_of(who): 1 for who in now.who}
        return _labelled("hemaledger_round_waits_for", "1 for each member whose record is awaited.", "name", names)

    def _left_out(self, federation: Federation, context: bytes) -> dict[str, str]:
        if context not in self._counted:
            ended = next(each for each in federation.rounds if each.context == context)
            self._counted[context] = {federation.book.name_of(who): why for who, why in left_out(ended).items()}
        return self._counted[context]


def _gauge(name: str, says: str, value: float) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(name, says, value=float(value))


def _labelled(name: str, says: str, label: str, values: dict[str, float] | dict[str, int] | dict[str, bool]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(name, says, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family


def _total(name: str, says: str, value: float) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    return CounterMetricFamily(name, says, value=float(value))


def _counter(name: str, says: str, label: str, values: dict[str, int] | Counter[str]) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(name, says, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family
