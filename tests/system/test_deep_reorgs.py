"""Reorgs deeper than the confirmations in the middle of a round: who goes on, who ends, and what a person reads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from chain.embedded.intervals import IntervalChain, Network, interval_chain
from chain.ledger import EthereumLedger
from fl.events import Event
from fl.protocol.errors import ChainReorg, HemaledgerError
from fl.protocol.names import Protection
from fl.protocol.records import PhaseClosed, Record, RoundOpened, StepsAnchored, WideRoundOpened
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.task_catalogue import LEUKEMIA
from fl.replay.ledger_view import LedgerView
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Plan, WidePlan
from fl.roles.hospital.agent import Hospital
from fl.roles.runner import Agent
from fl.training.presets import PRESETS
from scripts.bench.rounds import first_steps, nudging
from scripts.demo.together import AUDITOR, COORDINATOR, found_together
from scripts.wiring.agent import run_through
from scripts.wiring.home import PROJECT, Home
from scripts.wiring.roles import ledger_settings, open_ledger, open_ports
from scripts.wiring.watch.log import Speaker
from scripts.wiring.watch.options import WatchOptions
from scripts.wiring.watch.watching import Watching

COUNT = 4
END_S = 60.0
INITIAL, STEPS = first_steps(COUNT, PRESETS["synthetic"].spec)
FOLLOWED = [Event.REORG_SEEN, Event.REORG_FOLLOWED]


@dataclass
class Member:
    """One agent, run as its own process runs it."""

    name: str
    make: Callable[[Member], Agent]
    watching: Watching
    events: list[tuple[Event, Mapping[str, object]]] = field(default_factory=list)
    error: HemaledgerError | None = None

    def __post_init__(self) -> None:
        self.watching.pass_through(lambda _write: lambda what, facts: self.events.append((what, facts)))

    def run(self, done: Callable[[Agent], bool]) -> None:
        try:
            run_through(partial(self.make, self), self.watching, done)
        except HemaledgerError as error:
            self.error = error

    @property
    def reorgs(self) -> list[Event]:
        return [what for what, _ in self.events if what in FOLLOWED]


@dataclass
class Network4:
    """A consortium of four hospitals whose rounds are played on a rehearsal chain."""

    home: Home
    chain: IntervalChain
    plan: Plan

    def play(self, when: Callable[[Event, Mapping[str, object]], None]) -> dict[str, Member]:
        """Run all agents until the coordinator ends; `when` gets its events."""
        members = {name: Member(name, self._agent, self._watching(name)) for name in (COORDINATOR, AUDITOR, *STEPS)}
        members[COORDINATOR].watching.pass_through(lambda _write: noting_into(members[COORDINATOR], when))
        threads = {name: threading.Thread(target=each.run, args=(_is_done,)) for name, each in members.items()}
        for thread in threads.values():
            thread.start()
        threads[COORDINATOR].join(END_S)
        ended = not threads[COORDINATOR].is_alive()
        for name, thread in threads.items():
            if members[COORDINATOR].error is not None and name in STEPS:
                thread.join(END_S)  # it ends by itself
            members[name].watching.ask_to_stop()
            thread.join(END_S)
        assert ended, "\n".join(f"{name}: {each.events[-3:]} {each.error}" for name, each in members.items())
        return members

    def _watching(self, name: str) -> Watching:
        return Watching(Speaker(name, "member"), WatchOptions(), self.home)

    def _agent(self, member: Member) -> Agent:
        ports = open_ports(self.home, self.home.member(member.name), member.watching.notify)
        if member.name == COORDINATOR:
            return Coordinator(ports, self.plan, INITIAL)
        if member.name == AUDITOR:
            return Auditor(ports, lambda _model, _config: Evaluation())
        return Hospital(ports, nudging(STEPS[member.name]), task=LEUKEMIA)

    def block_of(self, wanted: Callable[[Record], bool]) -> int:
        """Return the block of the newest such record."""
        entries = EthereumLedger(ledger_settings(self.home)).replay()
        return next(each.position.block for each in reversed(entries) if wanted(each.record))

    @property
    def rounds(self) -> tuple[Round, ...]:
        return tuple(LedgerView(open_ledger(self.home)).refresh().rounds)


def noting_into(
    member: Member, when: Callable[[Event, Mapping[str, object]], None]
) -> Callable[[Event, Mapping[str, object]], None]:
    def note(what: Event, facts: Mapping[str, object]) -> None:
        member.events.append((what, facts))
        when(what, facts)

    return note


def _is_done(agent: Agent) -> bool:
    return isinstance(agent, Coordinator) and agent.done


def ends_of(phase: Phase) -> Callable[[Record], bool]:
    return lambda record: isinstance(record, PhaseClosed | StepsAnchored) and record.phase == phase


def opens(record: Record) -> bool:
    return isinstance(record, RoundOpened | WideRoundOpened)


def founded(folder: Path, chain: IntervalChain, url: str, wide: WidePlan | None) -> Network4:
    home = Home(folder)
    found_together(home, url, list(STEPS))
    chain.start()
    plan = Plan(
        rounds=1,
        min_commitments=COUNT if wide is None else 3,
        attestations=1,
        config=RoundConfig(0.5, 50.0, 100, {}, LEUKEMIA),
        commit_timeout_s=3600,
        close_timeout_s=3600,
        min_hospitals=COUNT,
        protection=Protection.MASKED,
        wide=wide,
    )
    return Network4(home, chain, plan)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[tuple[IntervalChain, str]]:
    with interval_chain(PROJECT, tmp_path, Network(0.1, founding=True)) as made:
        yield made


WIDE = WidePlan(above=3, drop_out=0.25, degree=3, threshold=3)


def once(network: Network4, of: Callable[[Record], bool], *, drop: bool) -> Callable[..., None]:
    """Return what replaces every block from that of a record on, as soon as SHARE ended for the first time."""
    done: list[int] = []

    def when(what: Event, facts: Mapping[str, object]) -> None:
        if what == Event.PHASE_CLOSED and facts["phase"] == "share" and not done:
            done.append(network.chain.reorg_from(network.block_of(of), drop=drop))

    return when


def check_followed(members: Mapping[str, Member]) -> None:
    """Everybody who acted saw the reorg, once or while it was followed, and then went on."""
    seen = {name: each.reorgs for name, each in members.items() if name != AUDITOR}
    assert {name: (Event.REORG_SEEN in each, each[-1:]) for name, each in seen.items()} == dict.fromkeys(
        seen, (True, [Event.REORG_FOLLOWED])
    )


@pytest.mark.parametrize("drop", [False, True], ids=["included again", "lost"])
def test_a_wide_round_whose_graph_was_replaced_is_aborted_at_once_and_the_next_is_final(
    tmp_path: Path, network: tuple[IntervalChain, str], drop: bool
) -> None:
    four = founded(tmp_path, *network, WIDE)
    members = four.play(once(four, ends_of(Phase.ADVERTISE), drop=drop))
    assert [each.error for each in members.values()] == [None] * len(members)
    assert [each.phase for each in four.rounds] == [Phase.ABORTED, Phase.FINAL]
    assert "GraphReplaced" in four.rounds[0].reason
    check_followed(members)


@pytest.mark.parametrize("drop", [False, True], ids=["included again", "lost"])
def test_a_masked_round_follows_a_reorg_that_replaced_no_block_to_which_a_promise_is_bound(
    tmp_path: Path, network: tuple[IntervalChain, str], drop: bool
) -> None:
    four = founded(tmp_path, *network, None)
    members = four.play(once(four, ends_of(Phase.ADVERTISE), drop=drop))
    assert [each.error for each in members.values()] == [None] * len(members)
    assert [each.phase for each in four.rounds] == [Phase.FINAL]
    check_followed(members)


@pytest.mark.parametrize("wide", [None, WIDE], ids=["masked", "wide"])
def test_agents_that_acted_on_a_replaced_opening_end_with_advice_and_a_new_start_makes_a_round_final(
    tmp_path: Path, network: tuple[IntervalChain, str], wide: WidePlan | None
) -> None:
    four = founded(tmp_path, *network, wide)
    members = four.play(once(four, opens, drop=True))
    bound = [members[name] for name in (COORDINATOR, *STEPS)]
    assert {each.name: (type(each.error), set(each.reorgs)) for each in bound} == {
        each.name: (ChainReorg, {Event.REORG_SEEN}) for each in bound
    }
    said = str(bound[0].error)
    assert "Ask the operator which history counts. Then start again" in said
    assert "--confirmations" in said
    again = four.play(lambda _what, _facts: None)
    assert [each.error for each in again.values()] == [None] * len(again)
    assert four.rounds[-1].phase == Phase.FINAL
