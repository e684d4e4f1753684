from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from fl.events import Event
from fl.protocol.errors import (
    ChainUnavailable,
    HashMismatch,
    HemaledgerError,
    StorageFull,
    VaultMissing,
    VaultUnavailable,
    WrongPhase,
)
from fl.protocol.names import Digest
from fl.replay.ledger_view import Keyring, LedgerView
from fl.roles.runner import Run, run
from tests.support.federation import memory_connect

SILENT = ChainUnavailable("http://127.0.0.1:8545", "connection refused")
GONE = VaultUnavailable("/runs/home/vault", "there is no such folder")
MISSING = VaultMissing(Digest(bytes(32)))


@dataclass
class Scripted:
    """An agent that does what a test wrote down: True, False, or an error to raise."""

    script: list[bool | HemaledgerError]
    view: LedgerView = field(default_factory=lambda: LedgerView(memory_connect()("x")))
    steps: int = 0
    finished: int = 0

    def step(self) -> bool:
        self.steps += 1
        now = self.script.pop(0) if self.script else False
        if isinstance(now, HemaledgerError):
            raise now
        return now

    def finish(self) -> None:
        self.finished += 1

    @property
    def played(self) -> bool:
        return not self.script


def play(agent: Scripted, patience_s: float = 60.0) -> list[tuple[Event, Mapping[str, object]]]:
    events: list[tuple[Event, Mapping[str, object]]] = []
    how = Run(threading.Event(), lambda what, facts: events.append((what, facts)), patience_s, lambda: agent.played)
    run(agent, how)
    return events


def test_an_agent_acts_until_its_work_is_done() -> None:
    agent = Scripted([True, False, True])
    assert play(agent) == []
    assert (agent.steps, agent.finished) == (3, 1)


def test_an_agent_that_is_told_to_stop_does_not_begin() -> None:
    agent, stop = Scripted([True]), threading.Event()
    stop.set()
    run(agent, Run(stop, lambda _what, _facts: None))
    assert agent.steps == 0


def test_a_passing_fault_of_the_world_is_told_and_tried_again() -> None:
    agent = Scripted([SILENT, SILENT, True])
    assert play(agent) == [(Event.WAITING, {"reason": str(SILENT)})] * 2
    assert agent.steps == 3


def test_a_fault_that_does_not_pass_ends_the_agent_after_its_patience() -> None:
    agent = Scripted([SILENT] * 100)
    with pytest.raises(ChainUnavailable):
        play(agent, patience_s=0.12)
    assert agent.steps == 3  # waits of 0.05 s and 0.1 s make 0.15 s of silence


def test_patience_begins_anew_once_the_world_answered() -> None:
    agent = Scripted([SILENT, SILENT, False, SILENT, SILENT, False])
    assert len(play(agent, patience_s=0.12)) == 4


@pytest.mark.parametrize("missing", [MISSING, GONE])
def test_a_file_that_is_not_there_is_waited_for_without_end_and_told_once(missing: HemaledgerError) -> None:
    agent = Scripted([*[missing] * 4, True])
    assert play(agent, patience_s=0.06) == [(Event.WAITING, {"reason": str(missing)})]
    assert agent.steps == 5


@pytest.mark.parametrize("error", [WrongPhase(1, 6), HashMismatch(bytes(32), bytes(32))])
def test_everything_else_ends_the_agent_at_once(error: HemaledgerError) -> None:
    agent = Scripted([True, error, True])
    with pytest.raises(type(error)):
        play(agent)
    assert agent.steps == 2


def test_a_full_disk_is_a_passing_fault() -> None:
    assert len(play(Scripted([StorageFull("x", "full"), True]))) == 1


def test_a_key_of_an_epoch_that_is_not_there_is_named() -> None:
    with pytest.raises(HemaledgerError) as refusal:
        Keyring({}).of(3)
    assert refusal.value.name == "KeystoreUnreadable"
    assert refusal.value.facts()["path"] == "epoch 3"
