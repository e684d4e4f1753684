"""Updates of a sealed round that cannot be used, or are not in its set: left out, and why, for everybody to see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from fl.crypto.envelope import seal
from fl.crypto.hpke_keys import PrivateKey
from fl.events import Event
from fl.protocol.codec import JsonValue, parse_document
from fl.protocol.errors import VaultMissing
from fl.protocol.names import Blob, show
from fl.replay.expected_files import update_core
from tests.support.federation import Party, settle
from tests.support.world import World, after_the_commit_deadline, audit, opened, own_body, sealed, send

Forge = Callable[[World, Party], Blob]


def reported(world: World) -> JsonValue:
    """Return whom the auditor's report names as left out."""
    (digest,) = world.current.attestations.values()
    return parse_document(world.consortium.vault.get(digest, 10**6), "report")["left_out"]


def other_round(world: World, beta: Party) -> Blob:
    return sealed(world, beta, own_body(beta), replace(update_core(world.current, beta.account), round=99))


def other_context(world: World, beta: Party) -> Blob:
    return sealed(world, beta, own_body(beta), replace(update_core(world.current, beta.account), context=bytes(32)))


def other_epoch(world: World, beta: Party) -> Blob:
    return sealed(world, beta, own_body(beta), replace(update_core(world.current, beta.account), epoch=2))


def copied(world: World, _beta: Party) -> Blob:
    alpha = world.party("alpha").account
    return world.consortium.vault.get(world.current.commitments[alpha], 10**7)


def too_short(world: World, beta: Party) -> Blob:
    return sealed(world, beta, own_body(beta)[:-4])


def not_quantised(world: World, beta: Party) -> Blob:
    return sealed(world, beta, b"\xff\xff\xff\x7f" + own_body(beta)[4:])


def another_weight(world: World, beta: Party) -> Blob:
    return sealed(world, beta, own_body(beta)[:-16] + (1025).to_bytes(4, "little") * 4)


def not_for_the_coordinator(world: World, beta: Party) -> Blob:
    return seal(update_core(world.current, beta.account), [PrivateKey.generate(1).member_key], own_body(beta))


def no_envelope(_world: World, _beta: Party) -> Blob:
    return b"this is no envelope"


FORGED = pytest.mark.parametrize(
    ("forge", "named"),
    [
        (other_round, "StaleRound"),
        (other_context, "WrongContext"),
        (other_epoch, "KeyEpochMismatch"),
        (copied, "WrongSender"),
        (too_short, "EncodingError"),
        (not_quantised, "EncodingError"),
        (another_weight, "ClaimOutOfBounds"),
        (not_for_the_coordinator, "RecipientNotFound"),
        (no_envelope, "EncodingError"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)


@FORGED
@pytest.mark.parametrize("restart", [False, True])
def test_an_update_that_is_not_right_is_left_out_and_auditors_say_why(
    world: World, forge: Forge, named: str, restart: bool
) -> None:
    coordinator, beta = opened(world, 1), world.party("beta")
    settle(*world.hospitals("alpha", "gamma"))
    send(world, beta, forge(world, beta))
    coordinator.step()
    assert world.phases() == ["FROZEN"]
    assert beta.account not in world.current.hospitals
    settle(world.coordinator() if restart else coordinator, world.auditor())
    assert world.phases() == ["FINAL"]
    told = [facts["reason"] for what, facts in world.party("coordinator").events if what == Event.HOSPITAL_LEFT_OUT]
    assert told == [f"{named}: the update of beta was refused"]
    assert reported(world) == {show(beta.account): named}
    found = audit(world)
    assert found.findings == []
    assert any(f"the set does not include the sealed update of beta; {named}" in note for note in found.notes)


@FORGED
def test_where_everybody_is_needed_an_update_that_is_not_right_ends_the_round_and_is_named(
    world: World, forge: Forge, named: str
) -> None:
    coordinator, beta = opened(world, 1, min_commitments=3), world.party("beta")
    settle(*world.hospitals("alpha", "gamma"))
    send(world, beta, forge(world, beta))
    coordinator.step()
    assert world.phases() == ["ABORTED"]
    assert world.current.reason == (
        f"BelowThreshold: 2 of 3 hospitals delivered; {named}: the update of beta was refused"
    )
    settle(world.coordinator(), world.auditor(), *world.hospitals())
    assert world.phases() == ["ABORTED", "FINAL"]


def change_the_file_of_beta(world: World) -> None:
    path = world.consortium.vault.path(world.current.commitments[world.party("beta").account])
    file = bytearray(path.read_bytes())
    file[500] ^= 1
    path.write_bytes(file)


def test_a_file_that_was_changed_before_the_freeze_is_awaited_and_delivered_again(world: World) -> None:
    coordinator, hospitals = opened(world, 1), world.hospitals()
    settle(*hospitals)
    change_the_file_of_beta(world)
    settle(coordinator)
    assert world.phases() == ["OPEN"]
    settle(coordinator, hospitals[1], world.auditor())
    assert world.phases() == ["FINAL"]
    assert world.party("beta").account in world.current.hospitals


def test_a_file_that_stays_changed_is_left_out_like_one_that_never_came_and_blames_nobody(world: World) -> None:
    coordinator, hospitals = opened(world, 1), world.hospitals()
    settle(*hospitals)
    change_the_file_of_beta(world)
    after_the_commit_deadline(world)
    settle(coordinator, world.auditor())
    assert world.phases() == ["FINAL"]
    assert world.party("beta").account not in world.current.hospitals
    assert Event.HOSPITAL_LEFT_OUT not in world.events("coordinator")
    settle(*hospitals)
    assert world.events("beta")[-2:] == [Event.MISSING_IN_SET, Event.MODEL_CHECKED]
    assert any("HashMismatch" in note for note in audit(world).notes)


def test_a_file_that_was_changed_after_the_freeze_is_awaited_and_delivered_again(world: World) -> None:
    world.freeze_a_round()
    change_the_file_of_beta(world)
    with pytest.raises(VaultMissing):
        world.coordinator().step()
    assert world.phases() == ["FROZEN"]
    settle(world.hospital("beta"))
    settle(world.coordinator(), world.auditor())
    assert world.phases() == ["FINAL"]


def test_a_file_that_was_changed_after_it_was_opened_is_awaited_by_the_auditor(world: World) -> None:
    coordinator, auditor = world.freeze_a_round(), world.auditor()
    change_the_file_of_beta(world)
    settle(coordinator)
    with pytest.raises(VaultMissing):
        auditor.step()
    assert world.phases() == ["PROPOSED"]
    assert world.events("auditor") == []
    assert [finding.name for finding in audit(world).findings] == ["HashMismatch"]
    settle(world.hospital("beta"), auditor, coordinator)
    assert world.phases()[0] == "FINAL"


def test_a_right_update_that_comes_too_late_is_reported_as_right(world: World) -> None:
    coordinator, hospitals = opened(world, 1), world.hospitals()
    settle(*hospitals)
    path = world.consortium.vault.path(world.current.commitments[world.party("beta").account])
    path.rename(path.with_suffix(".hidden"))
    after_the_commit_deadline(world)
    coordinator.step()
    path.with_suffix(".hidden").rename(path)
    settle(coordinator, world.auditor())
    assert world.phases() == ["FINAL"]
    assert reported(world) == {show(world.party("beta").account): ""}
    assert any("no error was found in it" in note for note in audit(world).notes)
