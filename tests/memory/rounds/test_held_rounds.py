"""A coordinator opens no round while somebody holds it back, and goes on with a running one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fl.protocol.rounds.round import Phase
from fl.roles.coordinator.agent import Coordinator
from tests.support.federation import found, initial, memory_connect, settle


@dataclass
class Hold:
    reason: str = ""

    def __call__(self) -> str:
        return self.reason


def test_a_held_coordinator_opens_no_round_until_it_may(tmp_path: Path) -> None:
    consortium, hold = found(tmp_path, memory_connect()), Hold("new images at alpha")
    plan = consortium.plan(2)
    _, auditor, hospitals = consortium.agents(plan)
    coordinator = Coordinator(consortium.coordinator.ports(consortium.vault), plan, initial(), hold)
    settle(coordinator, auditor, *hospitals)
    assert coordinator.view.refresh().rounds == ()
    hold.reason = ""
    assert coordinator.step()
    hold.reason = "a second time"
    settle(coordinator, auditor, *hospitals)
    rounds = coordinator.view.refresh().rounds
    assert [each.phase for each in rounds] == [Phase.FINAL]
    hold.reason = ""
    settle(coordinator, auditor, *hospitals)
    assert len(coordinator.view.refresh().rounds) == 2
