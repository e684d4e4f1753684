"""A reorg that takes back records: an agent sends its own again, and goes on when all are back."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fl.events import Event, Notify
from fl.protocol.errors import ChainReorg, ChainUnavailable, HemaledgerError
from fl.protocol.ports import Ledger
from fl.protocol.records import Entry, Position, RoundOpened, UpdateCommitted
from fl.roles.forwarding_ledger import ForwardingLedger, NotingLedger
from fl.roles.hospital.agent import Hospital
from fl.roles.reorgs import Following, known_to, missing_in
from scripts.wiring.agent import serve_agent
from scripts.wiring.home import Home
from scripts.wiring.watch.log import Speaker
from scripts.wiring.watch.options import WatchOptions
from scripts.wiring.watch.watching import Watching
from tests.support.federation import Party, nudge, settle
from tests.support.ledger import MemoryChain, MemoryLedger
from tests.support.world import World, opened


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a consortium with an open sealed round, in which alpha and beta committed."""
    begun = World(tmp_path)
    opened(begun)
    settle(*begun.hospitals("alpha", "beta"))
    return begun


def entries(world: World) -> Sequence[Entry]:
    return world.consortium.operator.replay()


def forked(world: World, keep: Sequence[Entry]) -> MemoryChain:
    """Return another history of the same consortium, with these entries."""
    anchor, operator = world.consortium.operator.anchor, world.consortium.operator.account
    chain = MemoryChain(world.clock, operator, anchor.consortium)
    for entry in keep:
        if entry.record.sender != operator or entry.position.block > 1:
            chain.include(entry.record, entry.contract)
    return chain


def following(world: World, party: Party) -> Following:
    return Following(ChainReorg(7), entries(world), party.account, lambda _seconds: False)


def test_an_update_that_was_taken_back_is_recorded_again_and_the_round_goes_on(world: World) -> None:
    alpha, before = world.party("alpha"), entries(world)
    kept = [
        each
        for each in before
        if each.record.sender != alpha.account or each.position.block < before[-2].position.block
    ]
    chain = forked(world, kept)
    ledger = MemoryLedger(chain, alpha.account)
    assert [type(record) for record in missing_in(before, ledger.replay())] == [UpdateCommitted]
    assert following(world, alpha).restore(ledger)
    assert missing_in(before, ledger.replay()) == []
    digests = [each.record.digest for each in ledger.replay() if isinstance(each.record, UpdateCommitted)]
    assert len(digests) == len(set(digests)) == 2


def test_an_agent_stops_when_a_block_is_replaced_to_which_its_update_is_bound(world: World) -> None:
    before = list(entries(world))
    place = next(at for at, each in enumerate(before) if isinstance(each.record, RoundOpened))
    stranger = world.join("stranger", world.party("alpha").role)
    news = [each for each in entries(world) if each.position > before[-1].position]
    chain = forked(world, [*before[:place], *news, *before[place:]])
    ledger = MemoryLedger(chain, world.party("alpha").account)
    assert stranger.account in chain.federation.book.members
    with pytest.raises(ChainReorg):
        Following(ChainReorg(7), before, world.party("alpha").account, lambda _seconds: False).restore(ledger)
    gamma = Following(ChainReorg(7), before, world.party("gamma").account, lambda _seconds: False)
    assert gamma.restore(MemoryLedger(chain, world.party("gamma").account)), "gamma recorded nothing in this round"


def test_an_agent_stops_when_the_records_of_others_do_not_come_back(world: World) -> None:
    alpha, beta, before = world.party("alpha"), world.party("beta"), entries(world)
    lost = [each for each in before if isinstance(each.record, UpdateCommitted) and each.record.sender == beta.account]
    ledger = MemoryLedger(forked(world, [each for each in before if each not in lost]), alpha.account)
    with pytest.raises(ChainReorg):
        following(world, alpha).restore(ledger, patience_s=0)


def test_an_agent_that_waits_for_records_can_be_stopped(world: World) -> None:
    alpha, before = world.party("alpha"), entries(world)
    ledger = MemoryLedger(forked(world, [each for each in before if not isinstance(each.record, UpdateCommitted)]))
    stopped = Following(ChainReorg(7), before, alpha.account, lambda _seconds: True)
    assert not stopped.restore(ledger)


class Troubled(ForwardingLedger):
    """A ledger whose chain fails at some of the looks at it."""

    def __init__(self, ledger: Ledger, *troubles: HemaledgerError | None) -> None:
        super().__init__(ledger)
        self._troubles = list(troubles)

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        self._fail()
        return super().replay(after)

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        self._fail()
        return super().wait(after, timeout_s)

    def _fail(self) -> None:
        if self._troubles and (error := self._troubles.pop(0)) is not None:
            raise error


SILENT = ChainUnavailable("http://127.0.0.1:1", "it does not answer")


def test_a_chain_that_does_not_answer_for_a_moment_is_waited_for(world: World) -> None:
    alpha = world.party("alpha")
    assert following(world, alpha).restore(Troubled(alpha.ledger, SILENT, SILENT))
    with pytest.raises(ChainUnavailable):
        following(world, alpha).restore(Troubled(alpha.ledger, SILENT), patience_s=0)


@pytest.fixture
def signals() -> Iterator[None]:
    """Give the test's process its own signal handlers back."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("signals")
def test_a_reorg_while_an_earlier_one_is_followed_does_not_end_the_agent(world: World, tmp_path: Path) -> None:
    alpha, made, events = world.party("alpha"), list[Hospital](), list[Event]()
    troubles = [(None, ChainReorg(7)), (ChainReorg(8),), (None, ChainReorg(9)), ()]

    def make() -> Hospital:
        ledger = Troubled(alpha.ledger, *troubles[len(made)])
        made.append(Hospital(replace(alpha.ports(world.consortium.vault), ledger=ledger), nudge("alpha")))
        return made[-1]

    def noting(write: Notify) -> Notify:
        def note(what: Event, facts: Mapping[str, object]) -> None:
            events.append(what)
            write(what, facts)

        return note

    watching = Watching(Speaker("alpha", "hospital"), WatchOptions(), Home(tmp_path))
    watching.pass_through(noting)
    serve_agent(make, watching, lambda agent: agent is made[3:][-1] if made[3:] else False)
    assert events.count(Event.REORG_SEEN) == 3
    assert events.count(Event.REORG_FOLLOWED) == 2


def test_a_record_that_its_agent_did_not_read_back_yet_is_bound_too(world: World) -> None:
    gamma = world.party("gamma")
    ports = gamma.ports(world.consortium.vault)
    hospital = Hospital(replace(ports, ledger=NotingLedger(ports.ledger)), nudge("gamma"))
    read = list(entries(world))
    assert hospital.step()
    assert isinstance(entries(world)[-1].record, UpdateCommitted)
    assert hospital.view.entries == read, "its own commitment is not read back yet"
    place = next(at for at, each in enumerate(read) if isinstance(each.record, RoundOpened))
    world.join("stranger", gamma.role)
    news = [
        each for each in entries(world) if each.position > read[-1].position and each.record.sender != gamma.account
    ]
    ledger = MemoryLedger(forked(world, [*read[:place], *news, *read[place:]]), gamma.account)
    known = known_to(hospital.view)
    assert [each.record.sender for each in known[len(read) :]] == [gamma.account]
    with pytest.raises(ChainReorg):
        Following(ChainReorg(7), known, gamma.account, lambda _seconds: True).restore(ledger)
