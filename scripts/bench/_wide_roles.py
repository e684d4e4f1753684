"""The real members of a played wide round, and what each of them paid: CPU seconds, bytes, memory.

A role's memory is by how much the process grew while that role worked; its points are parsed in a memory of its own.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import _lru_cache_wrapper, lru_cache
from pathlib import Path
from typing import TypeAlias

from fl.crypto.curve import Point
from fl.crypto.round_keys import Participant, parse_advert
from fl.protocol.audit import Report
from fl.protocol.names import Address
from fl.protocol.records import BatchRecord, StepsAnchored, WideProposed, WideRoundOpened
from fl.protocol.rounds.replayers import drawn
from fl.protocol.rounds.round import Phase, Round
from fl.replay import participants as parsed_points
from fl.roles.runner import Agent
from scripts.bench._counted import Cost
from scripts.bench._scale_model import PARSED_KEPT, Shape
from scripts.bench._stage import copy_of, spent

JOINING = "joining"
"""The reading of all members' keys, before any round."""
READING = "reads "
MIB = 1 << 20
Points: TypeAlias = "tuple[_lru_cache_wrapper[Participant], _lru_cache_wrapper[tuple[Point, Point]]]"
"""Parsed dealings and parsed adverts."""


def new_points(dealings: int = PARSED_KEPT) -> Points:
    """Return an empty memory of parsed points, as a process has it."""
    return lru_cache(maxsize=dealings)(Participant.parse), lru_cache(maxsize=2 * dealings)(parse_advert)


@dataclass
class Role:
    """One real member, and what it paid in each phase."""

    name: str
    agent: Agent
    cost: Cost
    phases: dict[str, Cost] = field(default_factory=dict)
    memory: float = 0.0
    """By how many bytes the process grew at most while this role worked, together."""
    grown: float = 0.0
    caches: Points = field(default_factory=new_points)

    def work(self, phase: str, what: Callable[[], object]) -> bool:
        """Do something that counts for this role and phase."""
        before, resident = copy_of(self.cost), _reset_peak()
        with own_points(self.caches):
            began = time.thread_time()
            done = bool(what())
            self.cost.cpu_s += time.thread_time() - began
        self.memory = max(self.memory, self.grown + _peak() - resident)
        self.grown += _resident() - resident
        paid, sofar = spent(before, self.cost), self.phases.get(phase, Cost())
        self.phases[phase] = Cost(
            sofar.cpu_s + paid.cpu_s,
            sofar.read + paid.read,
            sofar.written + paid.written,
            sofar.transactions + paid.transactions,
            sofar.gas + paid.gas,
        )
        return done

    @property
    def total(self) -> Cost:
        """Return what the round cost, without joining."""
        rounds = [cost for phase, cost in self.phases.items() if phase != JOINING]
        return Cost(
            sum(each.cpu_s for each in rounds), sum(each.read for each in rounds), sum(each.written for each in rounds)
        )


@dataclass
class Played:
    """One wide round on a stage."""

    shape: Shape
    replayers: int
    roles: dict[str, Role]
    """Real hospitals, and, where the round was played whole, coordinator and auditor."""
    audit: Cost | None
    audit_memory: float
    report: Report | None
    batches: dict[str, int]
    """Bytes of the opening and of each batch; with clusters of the files of a batch that are there."""
    counted: dict[str, dict[str, int]]
    """Coordinator and auditor of a round that was played whole: signatures checked, and dealings parsed."""
    masked_file: int
    """Bytes of one masked update; 0 if the round was not played whole."""
    answer_head: int
    """Bytes of an answer without its entries."""
    seconds: float
    """Wall time, with the work of the cheap hospitals."""


# --- Memory ----------------------------------------------------------------------------------------------------


@contextmanager
def own_points(caches: Points) -> Iterator[None]:
    """Let a role parse points for itself: processes of their own share none."""
    kept = parsed_points._parsed, parsed_points._parsed_advert  # noqa: SLF001
    parsed_points._parsed, parsed_points._parsed_advert = caches  # noqa: SLF001
    try:
        yield
    finally:
        parsed_points._parsed, parsed_points._parsed_advert = kept  # noqa: SLF001


def _status() -> Mapping[str, float]:
    lines = (line.split() for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines())
    return {words[0].rstrip(":"): float(words[1]) * 1024 for words in lines if words[0] in ("VmHWM:", "VmRSS:")}


def _reset_peak() -> float:
    """Forget the process's peak of memory; return what it holds, in bytes."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return _resident()


def _resident() -> float:
    return _status()["VmRSS"]


def _peak() -> float:
    return _status().get("VmHWM", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0)


def lucky(current: Round, wanted: Address | None, *unwanted: Address) -> bytes:
    """Return a block hash with which `wanted` sums again and the others do not; any, if everybody does."""
    if current.wide is None or not current.wide.replayers:
        return b"\x01" * 32
    for number in range(1, 1 << 20):
        block = number.to_bytes(32, "big")
        chosen = drawn(replace(current, proposal_block=block))
        if (wanted is None or wanted in chosen) and not chosen & set(unwanted) - {wanted}:
            return block
    raise RuntimeError("no block draws them")


def phase_of(record: BatchRecord) -> str:
    """Return the phase whose batch a record names, or "opening"."""
    match record:
        case StepsAnchored():
            return Phase(record.phase).name.lower()
        case WideRoundOpened():
            return "opening"
        case _:
            return "unmask" if isinstance(record, WideProposed) else "proposed"
