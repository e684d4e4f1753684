"""A node that hangs, refuses, or comes back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from fl.protocol.errors import ChainUnavailable
from fl.protocol.ports import Ledger
from fl.protocol.records import Entry, Position
from fl.roles.sparing import REST, SparingLedger
from tests.unit.roles.test_served import Switch
from tests.unit.roles.world import World

HANG_S = 10.0


class Hanging(Switch):
    """A ledger whose failure takes a while, by a clock of its own."""

    def __init__(self, inner: Ledger, takes_s: float) -> None:
        super().__init__(inner)
        self.takes_s, self.now, self.asked = takes_s, 100.0, 0

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        self.asked += 1
        self.now += self.takes_s if self.off else 0.0
        return super().replay(after)


def spared(world: World, takes_s: float = HANG_S) -> tuple[SparingLedger, Hanging]:
    behind = Hanging(world.consortium.operator, takes_s)
    return SparingLedger(behind, lambda: behind.now), behind


def test_a_ledger_that_answers_is_asked_each_time(world: World) -> None:
    ledger, behind = spared(world)
    assert ledger.replay() == ledger.replay() == behind.inner.replay()
    assert behind.asked == 2
    assert (ledger.anchor, ledger.account) == (behind.anchor, behind.account)


def test_a_node_that_hangs_is_left_alone_for_a_while(world: World) -> None:
    ledger, behind = spared(world)
    behind.off = True
    for _ in range(5):
        with pytest.raises(ChainUnavailable):
            ledger.replay()
    assert behind.asked == 1
    assert behind.now == 100.0 + HANG_S, "four of five were told at once"
    behind.now += REST * HANG_S
    with pytest.raises(ChainUnavailable):
        ledger.replay()
    assert behind.asked == 2


def test_a_node_that_came_back_is_heard_after_the_rest(world: World) -> None:
    ledger, behind = spared(world)
    behind.off = True
    with pytest.raises(ChainUnavailable):
        ledger.replay()
    behind.off = False
    with pytest.raises(ChainUnavailable):
        ledger.replay()
    behind.now += REST * HANG_S
    assert ledger.replay() == ledger.replay() == behind.inner.replay()


def test_a_node_that_refuses_at_once_is_asked_at_once(world: World) -> None:
    ledger, behind = spared(world, takes_s=0.0)
    behind.off = True
    for _ in range(3):
        with pytest.raises(ChainUnavailable):
            ledger.replay()
    assert behind.asked == 3
    behind.off = False
    assert ledger.replay()
