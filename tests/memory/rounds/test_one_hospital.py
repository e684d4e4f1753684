"""What one hospital of a masked round records or sends ends nobody's process, and no round where enough are right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fl.crypto.envelope import seal
from fl.crypto.envelope_form import Core, Kind
from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.share_delivery import SEALED_BYTES
from fl.crypto.share_encryption import COMPLAINT_BYTES
from fl.events import Event
from fl.protocol.errors import EquivocationDetected, FolderCopied
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import Blob
from fl.protocol.records import RoundAborted, SetEndorsed, SharesChecked, SharesDealt, SharesRevealed
from fl.protocol.rounds.round import Phase
from fl.roles.hospital.agent import ABANDONED, ABORT_AFTER_S
from fl.roles.hospital.outbox import key_of
from tests.support.federation import memory_folder
from tests.support.masked_world import (
    STEP_S,
    Four,
    Reseal,
    for_nobody_else,
    forger,
    no_envelope,
    of_another_round,
    rest,
    step,
)
from tests.support.world import audit

GARBAGE_POINT = bytes(33)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Four]:
    with memory_folder(tmp_path) as folder:
        yield Four(folder)


def for_all_but_one(world: Four, name: str) -> Reseal:
    """Seal to everybody but one member."""

    def reseal(core: Core, body: bytes, _key: PrivateKey) -> Blob:
        keys = [member.key for member in world.federation.book.members.values() if member.key]
        return seal(core, [key for key in keys if key != world.federation.book.members[world.account(name)].key], body)

    return reseal


FORGED = {
    "for nobody else": (for_nobody_else, "RecipientNotFound"),
    "of another round": (of_another_round, "StaleRound"),
    "no envelope": (no_envelope, "EncodingError"),
    "too short": (lambda core, body, key: for_nobody_else(core, body[:-4], key), "RecipientNotFound"),
}


@pytest.mark.parametrize(("reseal", "named"), FORGED.values(), ids=FORGED)
def test_a_masked_update_that_is_not_right_is_left_out_and_named(world: Four, reseal: Reseal, named: str) -> None:
    boss, others = world.boss(), world.hospitals("alpha", "beta", "gamma")
    rest(boss, world.auditor(), *others, forger(world, "delta", Kind.MASKED, reseal))
    assert world.phases() == ["FINAL"]
    assert world.names(world.current.hospitals) == ["alpha", "beta", "gamma"]
    assert world.reported("coordinator", Event.HOSPITAL_LEFT_OUT) == [f"{named}: the update of delta was refused"]
    found = audit(world)
    assert found.findings == []
    assert any("the set does not include the masked update of delta" in note for note in found.notes)


@pytest.mark.parametrize("unread", ["alpha", "auditor"])
def test_a_masked_update_that_one_reader_is_missing_in_is_left_out(world: Four, unread: str) -> None:
    hospitals = world.hospitals("alpha", "beta", "gamma")
    rest(world.boss(), world.auditor(), *hospitals, forger(world, "delta", Kind.MASKED, for_all_but_one(world, unread)))
    assert world.phases() == ["FINAL"]
    assert world.reported("coordinator", Event.HOSPITAL_LEFT_OUT) == [
        "RecipientNotFound: the update of delta was refused"
    ]
    assert any("RecipientNotFound" in note for note in audit(world).notes)


@dataclass(frozen=True)
class Misnamed(MemberKey):
    """A key under another one's identity."""

    named: bytes

    @property
    def key_id(self) -> bytes:
        return self.named


def broken_for(world: Four, name: str) -> Reseal:
    """Seal to everybody, but spoil one member's part, which nobody else can see."""

    def reseal(core: Core, body: bytes, _key: PrivateKey) -> Blob:
        keys = {member.account: member.key for member in world.federation.book.members.values() if member.key}
        spoilt = keys.pop(world.account(name))
        return seal(core, [*keys.values(), Misnamed(1, PrivateKey.generate(1).public_key, spoilt.key_id)], body)

    return reseal


def test_a_masked_update_that_only_one_hospital_cannot_open_ends_that_hospitals_part_alone(world: Four) -> None:
    hospitals = world.hospitals("alpha", "beta", "gamma")
    rest(world.boss(), world.auditor(), *hospitals, forger(world, "delta", Kind.MASKED, broken_for(world, "alpha")))
    assert world.phases() == ["FINAL"]
    assert world.account("alpha") not in world.current.attestations
    (reason,) = world.reported("alpha", Event.ROUND_REFUSED)
    assert reason.startswith("AuthFailure: ")
    assert reason.endswith("(the masked update of delta)")
    kept = world.party("alpha").ports(world.consortium.vault).journal.get(key_of("refused", world.current))
    assert kept is not None
    assert kept.decode() == reason
    rest(world.boss(2), world.auditor(), *world.hospitals("alpha", "beta", "gamma", "delta"))
    assert world.phases() == ["FINAL", "FINAL"]
    assert world.account("alpha") in world.current.attestations
    assert len(world.reported("alpha", Event.ROUND_REFUSED)) == 1


@pytest.mark.parametrize(("reseal", "named"), list(FORGED.values())[:3], ids=list(FORGED)[:3])
def test_an_answer_that_is_not_right_is_left_out_and_named(world: Four, reseal: Reseal, named: str) -> None:
    hospitals = world.hospitals("alpha", "beta", "gamma")
    boss = world.boss()
    forging = forger(world, "delta", Kind.UNMASK, reseal)
    world.until(Phase.UNMASK, boss, *hospitals, forging)
    rest(forging, *hospitals)
    rest(boss, world.auditor(), *hospitals, forging)
    assert world.phases() == ["FINAL"]
    assert len(world.current.revealed) == 4
    assert world.reported("coordinator", Event.ANSWER_LEFT_OUT) == [f"{named}: the answer of delta cannot be used"]


def test_a_wrong_share_in_an_answer_is_left_out_and_named(world: Four) -> None:
    def reseal(core: Core, body: bytes, _key: PrivateKey) -> Blob:
        keys = [member.key for member in world.federation.book.members.values() if member.key]
        return seal(core, keys, body[:-1] + bytes([body[-1] ^ 1]))

    boss, hospitals = world.boss(), world.hospitals("alpha", "beta", "gamma")
    forging = forger(world, "delta", Kind.UNMASK, reseal)
    world.until(Phase.UNMASK, boss, *hospitals, forging)
    rest(forging, *hospitals)
    rest(boss, world.auditor(), *hospitals, forging)
    assert world.phases() == ["FINAL"]
    assert world.reported("coordinator", Event.ANSWER_LEFT_OUT) == ["ShareInvalid: the answer of delta cannot be used"]


def test_an_answer_that_only_the_coordinator_and_auditors_can_open_makes_no_sum(world: Four) -> None:
    """With it the others would have too few to compute the sum themselves, and none could attest."""

    def reseal(core: Core, body: bytes, _key: PrivateKey) -> Blob:
        members = world.federation.book.members
        keys = (members[world.account(name)].key for name in ("coordinator", "auditor"))
        return seal(core, [key for key in keys if key], body)

    boss, hospitals = world.boss(), world.hospitals("alpha", "beta", "gamma")
    forging = forger(world, "delta", Kind.UNMASK, reseal)
    world.until(Phase.UNMASK, boss, *hospitals, forging)
    rest(forging, *hospitals[:2])
    assert len(world.current.revealed) == 3
    rest(boss)
    assert world.current.phase == Phase.UNMASK
    assert world.reported("coordinator", Event.ANSWER_LEFT_OUT) == [
        "RecipientNotFound: the answer of delta cannot be used"
    ]
    rest(boss, world.auditor(), *hospitals)
    assert world.phases() == ["FINAL"]
    assert world.reported("alpha", Event.ANSWER_LEFT_OUT) == world.reported("coordinator", Event.ANSWER_LEFT_OUT)


def test_a_signature_that_does_not_verify_is_waited_over(world: Four) -> None:
    hospitals, boss = world.hospitals("alpha", "beta"), world.boss()
    gamma, delta = world.hospitals("gamma", "delta")
    current = world.until(Phase.AGREE, boss, *hospitals, gamma, delta)
    party = world.party("delta")
    party.ledger.append(SetEndorsed(party.account, current.number, current.set_digest, bytes(65)))
    rest(*hospitals)
    assert world.current.phase == Phase.UNMASK
    assert world.current.revealed == {}
    rest(boss, world.auditor(), *hospitals, gamma)
    assert world.phases() == ["FINAL"]


def test_a_complaint_about_somebody_whose_points_are_none_stops_nothing(world: Four) -> None:
    """The coordinator lets such a dealer go on, and gamma complains of it."""
    boss, hospitals = world.boss(), world.hospitals("alpha", "beta", "gamma", "delta")
    current = world.until(Phase.SHARE, boss, *hospitals)
    delta, gamma = world.party("delta"), world.party("gamma")
    points = GARBAGE_POINT * current.terms.threshold
    file = world.consortium.vault.put((3).to_bytes(2, "big") + bytes(3 * SEALED_BYTES))
    delta.ledger.append(SharesDealt(delta.account, 1, points, points, file))
    rest(*hospitals[:3])
    world.close(Phase.SHARE)
    delta.ledger.append(SharesChecked(delta.account, 1, b""))
    gamma.ledger.append(SharesChecked(gamma.account, 1, delta.account + bytes(COMPLAINT_BYTES)))
    rest(boss, world.auditor(), *hospitals[:3])
    assert world.phases() == ["FINAL"]
    assert world.names(world.current.sharers) == ["alpha", "beta", "gamma"]


def test_a_complaint_about_somebody_who_does_not_go_on_is_not_judged(world: Four) -> None:
    """Delta dealt, but never says that it checked; its file is gone when gamma's complaint should be judged."""
    boss, hospitals = world.boss(), world.hospitals("alpha", "beta", "gamma", "delta")
    current = world.until(Phase.COMPLAIN, boss, *hospitals)
    rest(*hospitals[:2])
    delta, gamma = world.party("delta"), world.party("gamma")
    world.overwrite(current.dealt[delta.account].bundle_digest)
    gamma.ledger.append(SharesChecked(gamma.account, 1, delta.account + bytes(COMPLAINT_BYTES)))
    world.clock.now += STEP_S + 1
    assert step(boss)
    assert world.current.phase == Phase.MASK
    assert world.names(world.current.sharers) == ["alpha", "beta", "gamma"]


def test_a_file_that_holds_no_parcels_gets_a_complaint_that_everybody_upholds(world: Four) -> None:
    """The coordinator lets its dealer go on all the same."""
    boss, hospitals = world.boss(), world.hospitals("alpha", "beta", "gamma", "delta")
    current = world.until(Phase.SHARE, boss, *hospitals)
    delta = world.party("delta")
    keys = hospitals[3]._promises.keys(current).dealing()
    half = len(keys) // 2
    nothing = world.consortium.vault.put(b"no parcels")
    delta.ledger.append(SharesDealt(delta.account, 1, keys[:half], keys[half:], nothing))
    rest(*hospitals[:3])
    world.close(Phase.SHARE)
    rest(*hospitals[:3])
    assert [record.complaints for record in world.current.checked.values()] == [
        delta.account + bytes(COMPLAINT_BYTES)
    ] * 3
    with pytest.raises(FolderCopied):
        hospitals[3].step()
    world.clock.now = world.current.step_deadline + 1
    world.close(Phase.COMPLAIN)
    rest(boss, world.auditor(), *hospitals[:3])
    assert world.phases() == ["FINAL"]
    assert delta.account not in world.current.sharers
    assert audit(world).findings == []


def test_a_round_whose_coordinator_is_gone_is_ended_by_a_hospital(world: Four) -> None:
    hospitals = world.hospitals("alpha", "beta", "gamma", "delta")
    current = world.until(Phase.COMPLAIN, world.boss(), *hospitals)
    world.clock.now = current.terms.close_deadline + ABORT_AFTER_S
    rest(*hospitals)
    assert world.current.phase == Phase.COMPLAIN
    world.clock.now += 1
    rest(*hospitals)
    assert (world.current.phase, world.current.reason) == (Phase.ABORTED, ABANDONED)
    rest(world.boss(), world.auditor(), *hospitals)
    assert world.phases() == ["ABORTED", "FINAL"]


def test_a_coordinator_whose_round_a_hospital_ended_goes_on(world: Four) -> None:
    boss, hospitals = world.boss(), world.hospitals("alpha", "beta", "gamma", "delta")
    current = world.until(Phase.PROPOSED, boss, *hospitals)
    world.clock.now = current.terms.close_deadline + 1
    alpha = world.party("alpha")
    boss.view.wait(0.0)
    boss.view.current()
    boss.view.wait(0.0)  # it has just looked and acts on what it saw
    alpha.ledger.append(RoundAborted(alpha.account, 1, "late"))
    assert not boss.step()
    rest(boss, world.auditor(), *hospitals)
    assert world.phases() == ["ABORTED", "FINAL"]


def test_what_says_that_this_installation_contradicts_itself_still_ends_the_process(world: Four) -> None:
    boss, hospitals = world.boss(), world.hospitals("alpha", "beta", "gamma", "delta")
    current = world.until(Phase.AGREE, boss, *hospitals)
    journal = world.party("alpha").ports(world.consortium.vault).journal
    journal.once(key_of("set", current), b"\7" * 32)
    with pytest.raises(EquivocationDetected):
        hospitals[0].step()
    journal = world.party("beta").ports(world.consortium.vault).journal
    journal.erase(key_of("update", current))
    with pytest.raises(FolderCopied):
        world.hospital("beta").step()


def test_one_answer_of_junk_does_not_keep_an_audit_from_summing_the_round(world: Four) -> None:
    boss, auditor, hospitals = world.boss(), world.auditor(), world.hospitals("alpha", "beta", "gamma", "delta")
    world.until(Phase.UNMASK, boss, *hospitals)
    delta = world.party("delta")
    junk = world.consortium.vault.put(b"junk" * 100)
    delta.ledger.append(SharesRevealed(delta.account, 1, world.current.set_digest, junk))
    rest(boss, auditor, *hospitals[:3])
    assert world.phases() == ["FINAL"]
    report = audit(world)
    assert [found.subject for found in report.findings] == ["unmasking response of delta"]
    assert report.checks["aggregates"] == 1


def test_a_hospital_whose_record_came_but_does_not_show_yet_waits_for_it(world: Four) -> None:
    """As on a slow chain: the transaction timed out, was included all the same, and the reader is behind."""
    world.until(Phase.ADVERTISE, world.boss())
    alpha = world.hospital("alpha")
    account = world.account("alpha")
    alpha.view.refresh()
    seen = world.current
    assert step(alpha)
    assert account in world.current.advertised
    alpha.view.federation = replace(alpha.view.federation, rounds=(*alpha.view.federation.rounds[:-1], seen))
    alpha.view._nothing_new = True
    assert not step(alpha)
    rest(alpha)
