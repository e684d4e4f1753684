"""A reorg that takes back records: an agent sends its own again, and goes on when all are back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from fl.protocol.errors import ChainReorg
from fl.protocol.records import Entry, RoundOpened, UpdateCommitted
from fl.roles.reorgs import Following, missing_in
from tests.support.federation import Party, settle
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
