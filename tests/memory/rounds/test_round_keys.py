"""Keys of a round that were used before: who brings them is left out with the reason, and auditors say so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fl.crypto.curve import POINT_BYTES
from fl.crypto.round_keys import RoundKeys
from fl.events import Event
from fl.protocol.ports import Ledger
from fl.protocol.records import KeysAdvertised, Receipt, Record, SharesDealt
from fl.protocol.rounds.round import Phase
from fl.replay.participants import advertisers, why_not
from fl.roles.hospital.agent import Hospital
from tests.support.federation import memory_folder, nudge
from tests.support.ledger import MemoryLedger
from tests.support.masked_world import NAMES, STEP_S, Four, rest, step
from tests.support.world import audit


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Four]:
    with memory_folder(tmp_path) as folder:
        yield Four(folder)


def advert(four: Four, number: int, name: str) -> KeysAdvertised:
    return four.federation.round(number).advertised[four.account(name)]


def first_round(four: Four) -> tuple[list[Hospital], KeysAdvertised]:
    """Run a round; return the hospitals but delta, and what delta advertised in it."""
    hospitals = four.hospitals(*NAMES)
    four.until(Phase.FINAL, four.boss(1), *hospitals, four.auditor())
    return hospitals[:3], advert(four, 1, "delta")


@pytest.mark.parametrize("which", ["both", "mask", "transport", "swapped", "another's"])
def test_keys_of_an_earlier_round_are_left_out_by_name(four: Four, which: str) -> None:
    honest, old = first_round(four)
    boss, fresh = four.boss(2), RoundKeys.generate(3).advert()
    four.until(Phase.ADVERTISE, boss)
    if which == "another's":
        old = advert(four, 1, "alpha")
    pairs = {
        "both": (old.mask_key, old.transport_key),
        "mask": (old.mask_key, fresh[POINT_BYTES:]),
        "transport": (fresh[:POINT_BYTES], old.transport_key),
        "swapped": (old.transport_key, old.mask_key),
        "another's": (old.mask_key, old.transport_key),
    }
    delta = four.party("delta")
    delta.ledger.append(KeysAdvertised(delta.account, 2, *pairs[which]))
    four.until(Phase.FINAL, boss, *honest, four.auditor())
    assert four.names(four.current.hospitals) == ["alpha", "beta", "gamma"]
    (reason,) = four.reported("coordinator", Event.HOSPITAL_LEFT_OUT)
    assert "uses a key of round 1 again" in reason
    report = audit(four)
    assert report.clean
    assert any("the keys of delta; RoundKeyReused" in note for note in report.notes)


def test_a_coordinator_that_lets_old_keys_go_on_gets_no_shares_and_is_found(four: Four) -> None:
    honest, old = first_round(four)
    boss, delta = four.boss(2), four.party("delta")
    four.until(Phase.ADVERTISE, boss)
    delta.ledger.append(KeysAdvertised(delta.account, 2, old.mask_key, old.transport_key))
    for hospital in honest:
        step(hospital)
    four.close(Phase.ADVERTISE)
    rest(*honest)
    assert four.current.dealt == {}
    for name in NAMES[:3]:
        assert "uses a key of round 1 again" in four.reported(name, Event.ROUND_REFUSED)[-1]


def test_a_key_that_two_hospitals_advertise_in_one_round_serves_the_first(four: Four) -> None:
    boss = four.boss()
    four.until(Phase.ADVERTISE, boss)
    step(four.hospital("alpha"))
    own = advert(four, 1, "alpha")
    delta = four.party("delta")
    delta.ledger.append(KeysAdvertised(delta.account, 1, own.transport_key, RoundKeys.generate(3).advert()[33:]))
    assert advertisers(four.current) == (four.account("alpha"),)
    assert why_not(four.current)[delta.account].name == "RoundKeyReused"


def test_a_self_key_of_an_earlier_round_is_left_out(four: Four) -> None:
    """Its secret was uncovered when that round was unmasked: everybody who opened the answers knows it."""
    honest, _ = first_round(four)
    old = four.federation.round(1).dealt[four.account("delta")]
    delta = four.party("delta")
    ports = replace(delta.ports(four.consortium.vault), ledger=SelfKey(delta.ledger, old))
    boss, agents = four.boss(2), [*honest, Hospital(ports, nudge("delta"))]
    four.until(Phase.SHARE, boss, *agents)
    rest(boss, *agents)
    assert delta.account in four.current.dealt
    four.clock.now += STEP_S + 1  # the coordinator waits for a better file until then
    four.until(Phase.FINAL, boss, *agents, four.auditor())
    assert four.names(four.current.hospitals) == ["alpha", "beta", "gamma"]
    assert four.names(four.current.sharers) == ["alpha", "beta", "gamma"]


class SelfKey(MemoryLedger):
    """A ledger on which its hospital records the self commitments of an earlier round."""

    def __init__(self, ledger: Ledger, old: SharesDealt) -> None:
        assert isinstance(ledger, MemoryLedger)
        super().__init__(ledger.chain, ledger.account)
        self._old = old

    def append(self, record: Record) -> Receipt:
        if isinstance(record, SharesDealt):
            record = replace(record, self_commitments=self._old.self_commitments)
        return super().append(record)
