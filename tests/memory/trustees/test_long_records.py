"""Records that are sealed for decades: one half to the threshold key, one shared among the trustees' long keys."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from fl.crypto.capsule import Capsule, Readers, RecordPolicy
from fl.crypto.envelope import Expected, open_with, seal
from fl.protocol.codec import sha256
from fl.protocol.errors import QuorumNotReached
from fl.protocol.names import CeremonyKind, Purpose, Suite
from fl.replay.ledger_view import Keyring
from fl.replay.long_committees import long_committee
from fl.roles.requester.agent import Opened, Requester
from tests.support.clinic import TEXT, USE, Clinic, audit, three_trustees
from tests.support.federation import Clock, memory_folder, settle


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
