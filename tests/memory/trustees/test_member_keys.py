"""A trustee's member keys: when a new one is made, and when an old one may be destroyed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fl.crypto.group import base_mult
from fl.events import Event
from fl.protocol.names import Address, CeremonyKind, KeyUse
from fl.protocol.records import CeremonyAborted, KeyRotated, MemberRevoked
from fl.replay.committees import committee_keys
from fl.roles.runner import Agent
from fl.roles.trustee.agent import Trustee
from tests.support.clinic import TEXT, USE, Clinic
from tests.support.federation import Clock, Party, found, memory_connect, memory_folder, settle


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    """Return three trustees, of whom two open; their ceremony has begun, and nobody did anything yet."""
    clock = Clock()
    with memory_folder(tmp_path) as folder:
        made = Clinic(folder, found(folder, memory_connect(clock), now=clock), clock, [], [])
        for name in ("ada", "ben", "cleo"):
            made.add(name)
        made.start(CeremonyKind.GENERATE, made.parties)
        yield made


def abort(clinic: Clinic, use: KeyUse = USE) -> None:
    operator, ceremony = clinic.consortium.operator, clinic.federation.threshold.ceremony(use)
    assert ceremony is not None
    operator.append(CeremonyAborted(operator.account, use, ceremony.number, "a mistake"))


def rotations(clinic: Clinic, account: Address) -> int:
    records = (entry.record for entry in clinic.consortium.operator.replay())
    return sum(isinstance(record, KeyRotated) and record.sender == account for record in records)


def spent(clinic: Clinic) -> list[bool]:
    federation = clinic.federation
    return [federation.threshold.key_was_used(federation.book.members[party.account]) for party in clinic.parties]


def keys(party: Party) -> list[int]:
    return list(party.safe.keys.epochs())


def reported(party: Party) -> list[Event]:
    return [what for what, _facts in party.events if "member key" in what]


def test_after_a_ceremony_everybody_holds_a_key_that_no_share_was_ever_sealed_to(clinic: Clinic) -> None:
    before = [party.safe.keys.of(1).public_key for party in clinic.parties]
    settle(*clinic.trustees)
    for party, old in zip(clinic.parties, before, strict=True):
        current = clinic.federation.book.active(party.account).key
        assert current is not None
        assert current.epoch == 2
        assert current.public_key == party.safe.keys.of(2).public_key != old
        assert keys(party) == [2]
        assert reported(party) == [Event.MEMBER_KEY_REPLACED, Event.MEMBER_KEY_DESTROYED]
        assert rotations(clinic, party.account) == 1
    settle(*(Trustee(party.ports(clinic.consortium.vault), clinic.safe(party)) for party in clinic.parties))
    assert [keys(party) for party in clinic.parties] == [[2]] * 3


def test_a_running_ceremony_keeps_its_key_though_another_one_has_ended(clinic: Clinic) -> None:
    """Both were started with the first key; who is in both must still open what the second brings."""
    clinic.start(CeremonyKind.GENERATE, clinic.parties, use=KeyUse.MODEL)
    abort(clinic)
    ada = clinic.parties[0]
    while clinic.trustees[0].step():
        pass
    assert keys(ada) == [1, 2]
    settle(*clinic.trustees)
    assert clinic.trustees[0].held(KeyUse.MODEL).seat.epoch == 1
    assert keys(ada) == [2]
    assert rotations(clinic, ada.account) == 1, "the key in force was used by no ceremony"


def test_an_aborted_ceremony_uses_up_its_key_too(clinic: Clinic) -> None:
    for trustee in clinic.trustees:
        trustee.step()
    assert spent(clinic) == [False] * 3
    abort(clinic)
    assert spent(clinic) == [True] * 3
    settle(*clinic.trustees)
    assert spent(clinic) == [False] * 3
    assert [keys(party) for party in clinic.parties] == [[2]] * 3


def test_who_slept_keeps_the_keys_of_what_it_missed_until_it_holds_its_share(clinic: Clinic) -> None:
    settle(*clinic.trustees)
    file, capsule = clinic.record()
    awake, cleo = clinic.trustees[:2], clinic.parties[2]
    for _ in range(2):
        cleo.register_key()  # by hand: each refresh comes with a key of its own
        clinic.start(CeremonyKind.REFRESH, clinic.parties)
        for _ in range(4):
            settle(*awake)
            clinic.clock.now += 61
    withheld = take_away(clinic, 2)
    asleep = Trustee(cleo.ports(clinic.consortium.vault), clinic.safe(cleo))
    asleep._keys.step(clinic.federation)  # whatever order things are done in
    asleep._keys.step(clinic.federation)
    assert keys(cleo) == [3, 4, 5]
    for path, contents in withheld.items():
        path.write_bytes(contents)
    settle(asleep)
    assert keys(cleo) == [5]
    assert cleo.safe.shares.epochs(USE) == [3]
    number = clinic.ask(capsule)
    asleep.approve(number)
    awake[0].approve(number)
    assert clinic.open(number, file, capsule) == TEXT


def test_who_slept_while_a_second_key_was_made_holds_the_last_shares_of_both(clinic: Clinic) -> None:
    settle(*clinic.trustees)
    awake, cleo = clinic.trustees[:2], clinic.parties[2]
    for kind in (CeremonyKind.REFRESH, CeremonyKind.GENERATE):
        clinic.start(kind, clinic.parties)
        for _ in range(4):
            settle(*awake)
            clinic.clock.now += 61
    settle(clinic.trustees[2])
    assert cleo.safe.shares.epochs(USE) == [2, 3]
    for epoch in (2, 3):
        public = committee_keys(clinic.federation.threshold, USE, epoch).share_of(cleo.account)
        assert base_mult(clinic.safe(cleo).shares.get(USE, epoch).share) == public
    assert keys(cleo) == [3]


def take_away(clinic: Clinic, number: int) -> dict[Path, bytes]:
    """Remove the sealed shares of a ceremony from the vault, and return them."""
    ceremony, taken = clinic.federation.threshold.ceremonies[USE][number - 1], {}
    for dealt in ceremony.dealt.values():
        path = clinic.consortium.vault.path(dealt.bundle_digest)
        taken[path] = path.read_bytes()
        path.unlink()
    return taken


def test_a_rotation_by_hand_during_a_ceremony_replaces_the_agents_own(clinic: Clinic) -> None:
    ada = clinic.parties[0]
    for trustee in clinic.trustees:
        trustee.step()
    ada.register_key()
    settle(*clinic.trustees)
    assert clinic.trustees[0].held(USE)
    assert keys(ada) == [2]
    assert rotations(clinic, ada.account) == 1


def test_a_rotation_by_hand_in_the_same_moment_is_not_an_error(clinic: Clinic) -> None:
    ada, agent = clinic.parties[0], clinic.trustees[0]
    settle(*clinic.trustees)
    clinic.start(CeremonyKind.REFRESH, clinic.parties)
    abort(clinic)
    seen = clinic.federation
    ada.register_key()
    assert not agent._keys.step(seen)
    settle(agent)
    assert keys(ada) == [3]
    assert rotations(clinic, ada.account) == 2


def test_a_ceremony_that_starts_while_a_new_key_waits_for_the_ledger_is_opened_with_the_old_one(clinic: Clinic) -> None:
    settle(*clinic.trustees)
    ada, agent = clinic.parties[0], clinic.trustees[0]
    clinic.start(CeremonyKind.REFRESH, clinic.parties)
    abort(clinic)
    seen = clinic.federation
    clinic.start(CeremonyKind.REFRESH, clinic.parties)
    assert agent._keys.step(seen)  # the ledger has the start before the new key
    assert keys(ada) == [2, 3]
    agent.step()
    assert keys(ada) == [2, 3]
    settle(*clinic.trustees)
    ceremony = clinic.federation.threshold.ceremony(USE)
    assert ceremony is not None
    assert ceremony.keys[ada.account].epoch == 2
    assert agent.held(USE).seat.epoch == 3
    assert keys(ada) == [3]


def test_a_revoked_trustee_records_nothing_more_and_destroys_every_key(clinic: Clinic) -> None:
    ada, operator = clinic.parties[0], clinic.consortium.operator
    for trustee in clinic.trustees:
        trustee.step()
    operator.append(MemberRevoked(operator.account, ada.account, "left the hospital"))
    settle(clinic.trustees[0])
    assert keys(ada) == []
    assert rotations(clinic, ada.account) == 0
    agents: list[Agent] = [*clinic.trustees]
    for _ in range(4):
        settle(*agents)
        clinic.clock.now += 61
    assert clinic.federation.threshold.committee(USE).epoch == 1


def test_who_loses_its_share_after_the_key_is_gone_is_told_once_and_goes_on(clinic: Clinic) -> None:
    settle(*clinic.trustees)
    ada = clinic.parties[0]
    ada.safe.shares.erase(USE, 1)
    for _ in range(2):
        settle(Trustee(ada.ports(clinic.consortium.vault), clinic.safe(ada)))
    assert [what for what, _facts in ada.events].count(Event.SHARE_MISSED) == 1
    clinic.start(CeremonyKind.RESHARE, clinic.parties)
    settle(*clinic.trustees)  # two of the three dealers still hold theirs
    assert ada.safe.shares.epochs(USE) == []
    clinic.clock.now += 61
    settle(*clinic.trustees)
    assert clinic.trustees[0].held(USE).seat.epoch == 2


def test_an_agent_that_is_stopped_after_a_ceremony_leaves_no_used_key_behind(clinic: Clinic) -> None:
    abort(clinic)
    clinic.trustees[0].finish()
    assert keys(clinic.parties[0]) == [2]


def test_approvals_of_before_and_after_a_new_key_open_together(clinic: Clinic) -> None:
    settle(*clinic.trustees)
    file, capsule = clinic.record()
    number = clinic.ask(capsule)
    clinic.trustees[0].approve(number)
    clinic.start(CeremonyKind.GENERATE, clinic.parties, use=KeyUse.MODEL)
    settle(*clinic.trustees)
    ada = clinic.parties[0]
    assert keys(ada) == [3]
    answer = clinic.federation.threshold.request(number).approvals[ada.account].digest
    clinic.consortium.vault.path(answer).unlink()
    clinic.trustees[0].approve(number)  # sends the same file again
    clinic.trustees[1].approve(number)
    assert clinic.open(number, file, capsule) == TEXT
