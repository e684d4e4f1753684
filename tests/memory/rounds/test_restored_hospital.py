"""A hospital whose folder came back from a backup: it uses no mask, no share and no privacy budget twice."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fl.events import Event
from fl.protocol.names import Digest
from fl.protocol.records import (
    KeysAdvertised,
    ModelAttested,
    SetEndorsed,
    SharesChecked,
    SharesDealt,
    SharesRevealed,
    UpdateCommitted,
)
from fl.protocol.rounds.round import Phase
from fl.roles.coordinator.agent import Coordinator
from fl.roles.hospital.after_restore import Settled, settle_restored
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.outbox import key_of
from fl.roles.hospital.privacy_limit import PrivacyLimit
from fl.storage.privacy_account import FolderAccount
from fl.training.local.config import LocalConfig
from fl.training.privacy.terms import DELTA, Privacy
from fl.training.recipe import Recipe
from tests.support.federation import CONFIG, SPEC, initial, memory_folder, nudge
from tests.support.masked_world import STEP_S, Four, rest, step
from tests.support.world import audit

PHASES = [Phase.ADVERTISE, Phase.SHARE, Phase.COMPLAIN, Phase.MASK, Phase.AGREE, Phase.UNMASK]
HOSPITALS = (
    *(KeysAdvertised, SharesDealt, SharesChecked, UpdateCommitted, SetEndorsed, SharesRevealed),
    ModelAttested,
)
"""What a hospital records in a masked round."""
USED = Digest(b"\x07" * 32)


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Four]:
    with memory_folder(tmp_path) as folder:
        yield Four(folder)


def restored(world: Four, name: str) -> tuple[Hospital, Settled]:
    """Return the hospital in a new folder, as `restore` leaves it: with keys, without journal and outbox."""
    party = world.party(name)
    again = replace(party, folder=party.folder.parent / f"{name}-restored", events=[])
    ports = again.ports(world.consortium.vault)
    settled = settle_restored(ports, world.federation, [(USED, 3)], FolderAccount(again.folder / "privacy.json"))
    return Hospital(ports, nudge(name)), settled


def records_of(world: Four, name: str, number: int) -> list[object]:
    """Return what the ledger has of a hospital in one round."""
    records = [each.record for each in world.consortium.operator.replay() if isinstance(each.record, HOSPITALS)]
    return [each for each in records if (each.sender, each.round) == (world.account(name), number)]


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("acted", [True, False])
def test_it_leaves_the_open_round_and_takes_part_in_the_next(four: Four, phase: Phase, *, acted: bool) -> None:
    boss, auditor, others = four.boss(2), four.auditor(), four.hospitals("beta", "gamma", "delta")
    alpha = four.hospital("alpha")
    four.until(phase, boss, alpha, *others)
    if acted:
        step(alpha)
    before = records_of(four, "alpha", 1)
    back, settled = restored(four, "alpha")
    assert settled.left == (1,)
    for _ in PHASES:
        rest(boss, auditor, back, *others)
        four.clock.now += 2 * STEP_S + 1
    assert before or phase == Phase.ADVERTISE
    assert records_of(four, "alpha", 1) == before
    while len(four.federation.rounds) < 2 or not four.current.ended:
        rest(boss, auditor, back, *others)
        four.clock.now += 1
    last = four.federation.rounds[-1]
    assert (last.phase, four.account("alpha") in last.hospitals) == (Phase.FINAL, True)
    assert audit(four).findings == []


def test_settling_twice_changes_nothing_more(four: Four) -> None:
    boss, alpha = four.boss(), four.hospital("alpha")
    four.until(Phase.SHARE, boss, alpha, *four.hospitals("beta", "gamma", "delta"))
    first, second = restored(four, "alpha")[1], restored(four, "alpha")[1]
    assert first == second
    journal = replace(four.party("alpha"), folder=four.folder / "alpha-restored").ports(four.consortium.vault).journal
    assert journal.get(f"spent/{USED.hex()}") == b"3"
    assert journal.get(key_of("refused", four.current)) is not None


def test_it_reports_no_copied_folder(four: Four) -> None:
    boss, alpha, others = four.boss(), four.hospital("alpha"), four.hospitals("beta", "gamma", "delta")
    four.until(Phase.AGREE, boss, alpha, *others)
    back, _ = restored(four, "alpha")
    rest(back)  # without the mark: FolderCopied
    assert Event.ROUND_REFUSED not in four.events("alpha")


def test_uploads_wait_after_a_round_that_revealed_and_gave_no_model(four: Four) -> None:
    boss, hospitals = four.boss(), four.hospitals("alpha", "beta", "gamma", "delta")
    four.until(Phase.UNMASK, boss, *hospitals)
    while four.account("alpha") not in four.current.revealed:
        step(hospitals[0])
    assert restored(four, "alpha")[1].barred


def test_what_trainings_cost_since_the_backup_is_counted_again(tmp_path: Path) -> None:
    terms = Privacy(noise=2.0, clip=1.0, rate=0.5, delta=DELTA)
    local = LocalConfig(epochs=2, class_balance=0.0, clip_norm=0.0, privacy=terms)
    with memory_folder(tmp_path) as folder:
        world = Four(folder)
        plan = replace(world.masked_plan(), config=replace(CONFIG, training=Recipe(SPEC, local, 1).to_dict()))
        boss = Coordinator(world.consortium.coordinator.ports(world.consortium.vault), plan, initial())
        limit = PrivacyLimit(FolderAccount(folder / "before.json"), math.inf)
        alpha = Hospital(world.party("alpha").ports(world.consortium.vault), nudge("alpha"), limit=limit)
        rest(boss, world.auditor(), alpha, *world.hospitals("beta", "gamma", "delta"))
        assert world.phases() == ["FINAL"]
        _, settled = restored(world, "alpha")
        assert (settled.left, settled.charged) == ((), 1)
        counted = FolderAccount(world.folder / "alpha-restored" / "privacy.json").spends()
        assert counted == FolderAccount(folder / "before.json").spends() != {}
