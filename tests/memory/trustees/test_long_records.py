"""Records that are sealed for decades: one half to the threshold key, one shared among the trustees' long keys."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fl.crypto.capsule import Capsule, Readers, RecordPolicy
from fl.crypto.envelope import open_with, seal
from fl.crypto.envelope_form import Expected
from fl.crypto.hybrid_kem import LongPrivateKey
from fl.crypto.long_committee import Seats
from fl.protocol.codec import sha256
from fl.protocol.errors import EncodingError, KeystoreUnreadable, LongKeyMissing, QuorumNotReached, RecipientNotFound
from fl.protocol.names import CeremonyKind, Purpose, Suite
from fl.replay.ledger_view import Keyring
from fl.replay.long_committees import long_committee
from fl.roles.long_key_statement import long_key_statement
from fl.roles.requester.agent import Opened, Requester
from fl.roles.trustee.seats import hand_over, take_over
from fl.storage.keyring import FolderKeys
from tests.support.clinic import TEXT, USE, Clinic, audit, three_trustees
from tests.support.federation import PASSWORD, Clock, memory_folder, settle


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    """Return three trustees with long keys, of whom two open; and a hospital with one."""
    with memory_folder(tmp_path) as folder:
        made = three_trustees(folder, Clock())
        made.start(CeremonyKind.GENERATE, made.parties)
        settle(*made.trustees)
        for party in (*made.parties, made.hospital):
            party.state_long_key(made.consortium.vault)
        yield made


def sealed(clinic: Clinic) -> tuple[bytes, Capsule]:
    """Seal TEXT to the trustees alone, for decades."""
    federation = clinic.federation
    to = long_committee(federation, federation.threshold.committee(USE), clinic.consortium.vault)
    policy = RecordPolicy(secrets.token_bytes(16), Readers.TRUSTEES, frozenset({Purpose.TREATMENT}))
    core = policy.core(clinic.hospital.ledger.anchor, clinic.hospital.account, 1, to.seats)
    assert core.suite == Suite.HYBRID
    file = bytes(seal(core, [to], TEXT))
    return file, Capsule.of(file, to.seats, policy.to_bytes())


def opened(clinic: Clinic, number: int) -> Opened:
    hospital = clinic.hospital
    keyring = Keyring(hospital.keys, hospital.long_keys)
    return Requester(hospital.ledger, clinic.consortium.vault, keyring).open(clinic.federation, number)


def read(clinic: Clinic, number: int, file: bytes, capsule: Capsule) -> bytes:
    found = opened(clinic, number)
    assert capsule.policy
    core = capsule.policy.core(clinic.hospital.ledger.anchor, clinic.hospital.account, 1, found.key)
    return open_with(file, Expected(core, sha256(file), 10**5), found.key, found.secret)


def test_two_of_three_open_and_one_does_not(clinic: Clinic) -> None:
    file, capsule = sealed(clinic)
    number = clinic.ask(capsule)
    clinic.trustees[0].approve(number)
    with pytest.raises(QuorumNotReached):
        opened(clinic, number)
    clinic.trustees[2].approve(number)
    assert read(clinic, number, file, capsule) == TEXT
    answer = clinic.consortium.vault.get(
        next(iter(clinic.federation.threshold.request(number).approvals.values())).digest, 10**6
    )
    assert len(answer) > 1219
    assert not audit(clinic).findings


def test_each_trustee_needs_the_long_key_that_it_stated(clinic: Clinic) -> None:
    file, capsule = sealed(clinic)
    number = clinic.ask(capsule)
    [path] = clinic.parties[0].folder.glob("long-*.pem")
    path.unlink()
    with pytest.raises(KeystoreUnreadable):
        clinic.trustees[0].approve(number)
    for trustee in clinic.trustees[1:]:
        trustee.approve(number)
    assert read(clinic, number, file, capsule) == TEXT


def test_rotations_and_refreshes_keep_the_seats(clinic: Clinic) -> None:
    """The HPKE keys of trustees change after each ceremony; a record is sealed as before, and old ones open."""
    file, capsule = sealed(clinic)
    before = seats_of(clinic)
    for kind in (CeremonyKind.REFRESH, CeremonyKind.REFRESH):
        clinic.start(kind, clinic.parties)
        settle(*clinic.trustees)
    assert len(clinic.parties[0].safe.keys.epochs()) == 1
    assert seats_of(clinic) == before
    number = clinic.ask(capsule)
    for trustee in clinic.trustees[:2]:
        trustee.approve(number)
    assert read(clinic, number, file, capsule) == TEXT


def test_a_new_long_key_is_used_and_the_old_one_still_opens(clinic: Clinic) -> None:
    file, capsule = sealed(clinic)
    party = clinic.parties[0]
    old = seats_of(clinic)
    party.register_key()
    party.state_long_key(clinic.consortium.vault)
    assert seats_of(clinic) != old
    number = clinic.ask(capsule)
    for trustee in clinic.trustees[:2]:
        trustee.approve(number)
    assert read(clinic, number, file, capsule) == TEXT


def test_without_every_long_key_nothing_is_sealed(clinic: Clinic) -> None:
    dora = clinic.add("dora")
    clinic.start(CeremonyKind.RESHARE, [*clinic.parties[1:]])
    settle(*clinic.trustees)
    with pytest.raises(LongKeyMissing, match="dora"):
        seats_of(clinic)
    clinic.parties[3].state_long_key(clinic.consortium.vault)
    assert len(seats_of(clinic).long_ids) == 3
    assert dora.idle


def test_two_trustees_with_one_long_key_have_none(clinic: Clinic) -> None:
    """A trustee may copy another's public key into its own document; then a record would be sealed twice to it."""
    thief, victim = clinic.parties[0], clinic.parties[1]
    epoch = thief.safe.keys.epochs()[-1]
    stolen = victim.safe.keys.long_keys()[0]
    thief.ledger.append(
        long_key_statement(
            thief.ledger.anchor,
            thief.account,
            clinic.consortium.vault,
            thief.safe.keys.of(epoch),
            replace(stolen, epoch=epoch),
        )
    )
    with pytest.raises(LongKeyMissing, match=f"{thief.name}.*{victim.name}|{victim.name}.*{thief.name}"):
        seats_of(clinic)


def test_a_requester_without_a_long_key_cannot_ask(clinic: Clinic) -> None:
    _, capsule = sealed(clinic)
    other = clinic.consortium.hospitals[1]
    asking = Requester(other.ledger, clinic.consortium.vault, Keyring(other.keys))
    with pytest.raises(LongKeyMissing, match="beta"):
        asking.ask(clinic.federation, capsule, Purpose.TREATMENT, clinic.clock.now + 3600)
    assert not clinic.federation.threshold.requests


def test_after_a_reshare_a_successor_answers_with_the_seat_it_took_over(clinic: Clinic) -> None:
    """Two of three leave. Their successors have shares of K_REC; without the seats they open nothing."""
    file, capsule = sealed(clinic)
    vault = clinic.consortium.vault
    leaving = clinic.parties[:2]
    for name in ("dora", "emil"):
        clinic.add(name)
        clinic.parties[-1].state_long_key(vault)
    dora, emil = clinic.parties[3:]
    clinic.start(CeremonyKind.RESHARE, clinic.parties[2:])
    settle(*clinic.trustees)
    number = clinic.ask(capsule)
    clinic.trustees[2].approve(number)
    clinic.trustees[4].approve(number)
    with pytest.raises(QuorumNotReached):
        opened(clinic, number)

    handed = hand_over(clinic.federation, leaving[0].account, dora.account, leaving[0].safe.keys.long_keys(), vault)
    with pytest.raises(RecipientNotFound):
        take_over(clinic.federation, emil.account, handed, emil.safe.keys.long_keys(), vault)
    taken = take_over(clinic.federation, dora.account, handed, dora.safe.keys.long_keys(), vault)
    FolderKeys(dora.folder, PASSWORD).keep_seats(taken)
    clinic.trustees[3].approve(number)
    assert read(clinic, number, file, capsule) == TEXT


def test_a_hand_over_with_a_strange_key_is_refused(clinic: Clinic) -> None:
    sender, successor = clinic.parties[:2]
    vault, federation = clinic.consortium.vault, clinic.federation
    handed = hand_over(federation, sender.account, successor.account, [LongPrivateKey.generate(1)], vault)
    with pytest.raises(EncodingError, match="no member put on the ledger"):
        take_over(federation, successor.account, handed, successor.safe.keys.long_keys(), vault)


def seats_of(clinic: Clinic) -> Seats:
    federation = clinic.federation
    return long_committee(federation, federation.threshold.committee(USE), clinic.consortium.vault).seats
