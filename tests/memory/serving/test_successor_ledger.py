"""A ledger that is handed over while somebody reads it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from fl.events import Event
from fl.protocol.errors import ChainUnavailable, HemaledgerError, LedgerMoved, WrongChain
from fl.protocol.names import Address, show
from fl.protocol.ports import Ledger
from fl.protocol.records import LedgerHandedOver
from fl.replay.ledger_view import Keyring, LedgerView
from fl.roles.serving.current_model import VerifiedModelCache
from fl.roles.serving.model_facts import State
from fl.roles.serving.successor_ledger import SuccessorLedger
from fl.training.evaluation.predict import Predictor
from tests.support.ledger import MemoryChain, MemoryLedger
from tests.support.world import World, run_rounds


@dataclass
class Consulted:
    """Where a hospital's site finds the ledger in force, and what it tells of hand-overs."""

    world: World
    trouble: HemaledgerError | None = None
    behind: bool = False
    """Whether the node still shows the closed ledger only."""
    opened: int = 0
    reported: list[tuple[object, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.first = self.chain.contracts[-1]
        self.ledger = SuccessorLedger(self.in_force, lambda what, facts: self.reported.append((what, *facts.values())))

    @property
    def chain(self) -> MemoryChain:
        operator = self.world.consortium.operator
        assert isinstance(operator, MemoryLedger)
        return operator._chain

    def in_force(self) -> Ledger:
        self.opened += 1
        if self.trouble:
            raise self.trouble
        account = self.world.party("alpha").account
        return MemoryLedger(self.chain, account, self.first if self.behind else self.chain.contracts[-1])

    def hand_over(self) -> Address:
        """Close the ledger; from now on all members of the world work on its successor."""
        consortium, successor = self.world.consortium, self.chain.deploy_successor()
        consortium.operator.append(LedgerHandedOver(consortium.operator.account, successor))
        consortium.operator = MemoryLedger(self.chain, consortium.operator.account, successor)
        for party in consortium.everybody():
            party.ledger = MemoryLedger(self.chain, party.account, successor)
        return successor


@pytest.fixture
def consulted(world: World) -> Consulted:
    run_rounds(world, 1)
    return Consulted(world)


def reader_of(consulted: Consulted) -> VerifiedModelCache:
    world, party = consulted.world, consulted.world.party("alpha")
    return VerifiedModelCache(
        consulted.ledger, world.consortium.vault, party.account, Keyring(party.keys), world.clock, Predictor
    )


def test_while_nothing_is_handed_over_the_ledger_is_opened_once(consulted: Consulted) -> None:
    assert reader_of(consulted).current().round.number == 1
    assert consulted.ledger.account == consulted.world.party("alpha").account
    assert (consulted.opened, consulted.reported) == (1, [])


def test_a_reader_goes_on_with_the_successor_and_the_model_never_goes_away(consulted: Consulted) -> None:
    reader = reader_of(consulted)
    predictor = reader.current().predictor
    successor = consulted.hand_over()
    served = reader.current()
    assert (served.round.number, served.verification.whole, served.predictor is predictor) == (1, True, True)
    assert consulted.ledger.anchor.contract == successor
    run_rounds(consulted.world, 2)
    assert reader.current().round.number == 2
    assert reader.federation().openings[-1].anchor.contract == successor
    assert (consulted.opened, consulted.reported) == (2, [(Event.HANDED_OVER, show(successor))])


def test_every_reader_sees_one_history_whoever_followed_first(consulted: Consulted) -> None:
    early = LedgerView(consulted.ledger)
    early.refresh()
    consulted.hand_over()
    run_rounds(consulted.world, 2)
    late = LedgerView(consulted.ledger)
    assert late.refresh() == early.refresh()
    assert len(late.federation.openings) == 2
    assert consulted.opened == 2


def test_two_hand_overs_that_nobody_saw_are_followed_at_once(consulted: Consulted) -> None:
    reader = reader_of(consulted)
    consulted.hand_over()
    run_rounds(consulted.world, 2)
    newest = consulted.hand_over()
    run_rounds(consulted.world, 3)
    assert reader.current().round.number == 3
    assert consulted.reported == [(Event.HANDED_OVER, show(newest))]


@pytest.mark.parametrize(
    ("trouble", "name", "reported"),
    [
        (ChainUnavailable("http://ledger.example", "connection refused"), "ChainUnavailable", []),
        (WrongChain("http://ledger.example", "it is another one"), "LedgerMoved", [Event.SUCCESSOR_UNUSABLE]),
    ],
)
def test_until_the_successor_opens_the_last_model_serves_unverified(
    consulted: Consulted, trouble: HemaledgerError, name: str, reported: list[str]
) -> None:
    reader = reader_of(consulted)
    checked = reader.current().verification.ledger.at
    consulted.hand_over()
    consulted.world.clock.now += 60
    consulted.trouble = trouble
    for _ in range(2):
        served = reader.current()
        ledger = served.verification.ledger
        assert (served.round.number, ledger.state, ledger.at) == (1, State.UNKNOWN, checked)
    with pytest.raises(HemaledgerError) as failure:
        reader.federation()
    assert failure.value.name == name
    assert [what for what, _ in consulted.reported] == reported
    consulted.trouble = None
    assert reader.current().verification.whole
    assert [what for what, _ in consulted.reported] == [*reported, Event.HANDED_OVER]


def test_a_node_that_does_not_show_the_successor_yet_is_asked_again(consulted: Consulted) -> None:
    reader = reader_of(consulted)
    reader.current()
    consulted.behind = True
    consulted.hand_over()
    with pytest.raises(LedgerMoved):
        reader.federation()
    assert not reader.current().verification.whole
    consulted.behind = False
    assert reader.current().verification.whole
    assert len(consulted.reported) == 1
