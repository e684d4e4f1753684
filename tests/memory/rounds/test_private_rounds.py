"""A hospital that allows a limited epsilon, and what ledger, report, card and audit say about private rounds."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fl.events import Event
from fl.protocol.codec import parse_document
from fl.protocol.errors import JournalUnreadable
from fl.protocol.names import Digest
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase
from fl.replay.privacy import PrivacyStatement, privacy_of, statements_of
from fl.replay.vault_files import read_document
from fl.roles.coordinator.agent import Coordinator
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.privacy_limit import PLAIN_ROUNDS, PrivacyLimit
from fl.storage.privacy_account import FolderAccount
from fl.training.local.config import LocalConfig
from fl.training.privacy.accounting import epsilon_of
from fl.training.privacy.terms import DELTA, PLAIN, Privacy, Spend
from fl.training.recipe import Recipe
from scripts.output.report import Audited, to_json, to_text
from tests.support.federation import CONFIG, SPEC, initial, memory_folder, nudge, settle
from tests.support.masked_world import Four, rest
from tests.support.world import World, audit

TERMS = Privacy(noise=2.0, clip=1.0, rate=0.5, delta=DELTA)
LOCAL = LocalConfig(epochs=2, class_balance=0.0, clip_norm=0.0, privacy=TERMS)
ROUND = Spend(2.0, 0.5, 4)
ONE, TWO = (epsilon_of([ROUND] * count, DELTA) for count in (1, 2))


def _config(local: LocalConfig = LOCAL) -> RoundConfig:
    return replace(CONFIG, training=Recipe(SPEC, local, 1).to_dict())


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with memory_folder(tmp_path) as folder:
        yield World(folder)


def _coordinator(world: World, rounds: int, local: LocalConfig = LOCAL, fewest: int = 2) -> Coordinator:
    plan = replace(world.plan(rounds), config=_config(local), min_commitments=fewest)
    return Coordinator(world.consortium.coordinator.ports(world.consortium.vault), plan, initial())


def _limited(world: World, name: str, epsilon: float) -> Hospital:
    limit = PrivacyLimit(_account(world, name), epsilon)
    return Hospital(world.party(name).ports(world.consortium.vault), nudge(name), limit=limit)


def _account(world: World, name: str) -> FolderAccount:
    return FolderAccount(world.folder / name / "privacy.json")


def test_a_hospital_takes_part_until_the_next_round_would_exceed_its_limit(world: World) -> None:
    hospitals = [_limited(world, "alpha", (ONE + TWO) / 2), *world.hospitals("beta", "gamma")]
    coordinator = _coordinator(world, 1)
    settle(coordinator, world.auditor(), *hospitals)
    assert list(_account(world, "alpha").spends().values()) == [ROUND]
    coordinator = _coordinator(world, 2)
    settle(coordinator, world.auditor(), *hospitals)
    world.clock.now = world.current.terms.commit_deadline + 1
    settle(coordinator, world.auditor(), *hospitals)
    assert world.phases() == ["FINAL", "FINAL"]
    assert world.party("alpha").account not in world.current.commitments
    (reason,) = world.refusals("alpha")
    assert reason.startswith("EpsilonExceeded: With round 2 this hospital's pictures would be at epsilon")
    assert len(_account(world, "alpha").spends()) == 1


def test_a_hospital_with_a_limit_trains_nothing_without_noise(world: World) -> None:
    settle(_coordinator(world, 1, LocalConfig()), _limited(world, "alpha", 100.0), *world.hospitals("beta", "gamma"))
    assert world.party("alpha").account not in world.current.commitments
    assert world.refusals("alpha")[0].startswith("NoiseMissing: Round 1 asks for weights or numbers without noise")
    assert Event.TRAINING not in world.events("alpha")


def test_a_training_without_noise_stays_on_the_account_of_a_hospital_that_sets_a_limit_later(world: World) -> None:
    hospital = _limited(world, "alpha", math.inf)
    settle(_coordinator(world, 1, LocalConfig()), world.auditor(), hospital, *world.hospitals("beta", "gamma"))
    assert _account(world, "alpha").spends() == {PLAIN_ROUNDS: PLAIN}
    settle(_coordinator(world, 2), _limited(world, "alpha", 100.0), *world.hospitals("beta", "gamma"))
    assert world.refusals("alpha")[0].startswith("EpsilonExceeded")


def test_a_masked_round_is_refused_before_the_hospital_gives_anything_away(tmp_path: Path) -> None:
    with memory_folder(tmp_path) as folder:
        world = Four(folder)
        plan = replace(world.masked_plan(), config=_config())
        boss = Coordinator(world.consortium.coordinator.ports(world.consortium.vault), plan, initial())
        rest(boss, _limited(world, "alpha", ONE / 2), *world.hospitals("beta", "gamma", "delta"))
        assert world.party("alpha").account not in world.current.advertised
        assert world.refusals("alpha")[0].startswith("EpsilonExceeded")


def test_a_training_that_begins_again_after_a_crash_is_charged_once(world: World) -> None:
    class Killed(BaseException):
        pass

    def dying(_job: object) -> None:
        assert len(_account(world, "alpha").spends()) == 1  # charged before it begins
        raise Killed

    coordinator, party = _coordinator(world, 1), world.party("alpha")
    limit = PrivacyLimit(_account(world, "alpha"), (ONE + TWO) / 2)
    settle(coordinator)
    mortal = Hospital(party.ports(world.consortium.vault), dying, limit=limit)  # type: ignore[arg-type]  # learns nothing
    with pytest.raises(Killed):
        settle(coordinator, mortal)
    settle(coordinator, world.auditor(), _limited(world, "alpha", (ONE + TWO) / 2), *world.hospitals("beta", "gamma"))
    assert world.phases() == ["FINAL"]
    assert party.account in world.current.hospitals
    assert list(_account(world, "alpha").spends().values()) == [ROUND]


def test_epsilon_of_each_round_and_of_all_is_in_the_report_and_in_the_audit(world: World) -> None:
    settle(_coordinator(world, 2), world.auditor(), *world.hospitals())
    first, second = (_statement(world, number) for number in (1, 2))
    assert [first.epsilon, first.composed, second.epsilon, second.composed] == pytest.approx([ONE, ONE, ONE, TWO])
    (digest,) = {each for each in world.current.attestations.values() if any(each)}
    report = parse_document(read_document(world.consortium.vault, digest, 10**6), "report")
    assert report["privacy"] == second.to_dict()
    audited = Audited(audit(world), world.federation, 1, 0.5, (first, second))
    assert f"Privacy (round 2): {second.sentence}" in to_text(audited)
    assert json.loads(to_json(audited))["privacy"]["2"]["composed"] == pytest.approx(TWO)


def test_a_round_without_noise_before_a_private_one_leaves_no_epsilon_for_both_together(world: World) -> None:
    settle(_coordinator(world, 1, LocalConfig()), world.auditor(), *world.hospitals())
    settle(_coordinator(world, 2), world.auditor(), *world.hospitals())
    assert privacy_of(world.federation, world.federation.rounds[0], world.consortium.vault) is None
    statement = _statement(world, 2)
    assert statement.to_dict()["composed"] is None
    assert "unlimited together with the rounds before" in statement.sentence


def _statement(world: World, number: int) -> PrivacyStatement:
    found = privacy_of(world.federation, world.federation.rounds[number - 1], world.consortium.vault)
    assert found is not None
    assert world.federation.rounds[number - 1].phase == Phase.FINAL
    return found


# --- The account --------------------------------------------------------------------------------------------------


def test_an_account_keeps_the_first_spend_of_a_round_for_good(tmp_path: Path) -> None:
    path = tmp_path / "alpha" / "privacy.json"
    FolderAccount(path).record(b"a" * 32, ROUND)
    FolderAccount(path).record(b"a" * 32, replace(ROUND, steps=1))
    FolderAccount(path).record(b"b" * 32, ROUND)
    assert FolderAccount(path).spends() == {b"a" * 32: ROUND, b"b" * 32: ROUND}
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"zz":1}\n', b'{"aa":{"noise":1,"rate":1}}\n'])
def test_a_damaged_account_is_never_taken_for_an_empty_one(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "privacy.json"
    path.write_bytes(damage)
    with pytest.raises(JournalUnreadable):
        FolderAccount(path).record(b"a" * 32, ROUND)
    assert path.read_bytes() == damage


def test_an_audit_of_many_rounds_states_each_epsilon_and_reads_a_configuration_once(world: World) -> None:
    class Counting:
        """The vault, which notes what is read."""

        def __init__(self) -> None:
            self.read: list[Digest] = []

        def __getattr__(self, name: str) -> Any:
            return getattr(world.consortium.vault, name)

        def get(self, digest: Digest, cap: int) -> bytes:
            self.read.append(digest)
            return world.consortium.vault.get(digest, cap)

    settle(_coordinator(world, 3), world.auditor(), *world.hospitals())
    counting = Counting()
    statements = statements_of(world.federation, counting)
    assert [each.round for each in statements] == [1, 2, 3]
    assert [each.composed for each in statements[:2]] == pytest.approx([ONE, TWO])
    assert counting.read == [world.current.terms.config_digest]
