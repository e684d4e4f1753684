"""What every implementation of RecordService keeps: the one in memory, and the real one over a real federation."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from fl.crypto.capsule import Readers, RecordPolicy
from fl.protocol.errors import NoCommittee, TamperedError, UnavailableError, WrongBatch
from fl.protocol.merkle import root_of
from fl.protocol.names import Digest, Purpose
from tests.support.service_worlds import WORLDS, ServiceWorld
from webui.ports.records import RecordService

BODY = b"a blast cell, said the model" * 100


@pytest.fixture(params=WORLDS, ids=lambda world: getattr(world, "__name__", "world"))
def world(request: pytest.FixtureRequest, tmp_path: Path) -> ServiceWorld:
    made: ServiceWorld = request.param(tmp_path)
    return made


@pytest.fixture
def records(world: ServiceWorld) -> RecordService:
    return world.services.records


def policy(readers: Readers = Readers.HOSPITAL_AND_TRUSTEES) -> RecordPolicy:
    return RecordPolicy(secrets.token_bytes(16), readers, frozenset({Purpose.TREATMENT, Purpose.EMERGENCY}))


def test_what_was_sealed_opens_and_tells_nothing_before(records: RecordService) -> None:
    asked = policy()
    sealed = records.seal(asked, BODY)
    assert b"blast" not in sealed.file
    assert (sealed.policy, len(sealed.salt), len(sealed.key_id)) == (asked, 32, 16)
    assert records.open(sealed, sealed.leaf) == BODY


def test_two_sealings_of_the_same_have_nothing_in_common(records: RecordService) -> None:
    asked = policy()
    one, other = records.seal(asked, BODY), records.seal(asked, BODY)
    assert one.leaf != other.leaf
    assert one.salt != other.salt
    assert one.file[-64:] != other.file[-64:]


def test_another_leaf_is_refused_before_anything_is_opened(records: RecordService) -> None:
    sealed = records.seal(policy(), BODY)
    with pytest.raises(TamperedError):
        records.open(sealed, Digest(bytes(32)))
    for other in (
        replace(sealed, file=sealed.file[:-1] + bytes([sealed.file[-1] ^ 1])),
        replace(sealed, salt=bytes(32)),
    ):
        with pytest.raises(TamperedError):
            records.open(other, sealed.leaf)


def test_a_file_is_bound_to_its_policy_and_key(records: RecordService) -> None:
    sealed = records.seal(policy(), BODY)
    for other in (
        replace(sealed, policy=replace(sealed.policy, consent=frozenset(Purpose) - {Purpose.RELEASE})),
        replace(sealed, policy=replace(sealed.policy, record=bytes(16))),
        replace(sealed, key_id=bytes(15) + b"\x01"),
        replace(sealed, file=sealed.file[:-1] + bytes([sealed.file[-1] ^ 1])),
    ):
        with pytest.raises(TamperedError):
            records.open(other, other.leaf)


def test_a_quorum_alone_needs_a_committee(records: RecordService) -> None:
    assert records.committee() is None
    with pytest.raises(NoCommittee):
        records.seal(policy(Readers.TRUSTEES), BODY)


def test_roots_are_numbered_and_listed(records: RecordService) -> None:
    first = len(records.roots())
    root = root_of([secrets.token_bytes(32)])
    made = records.anchor(first + 1, root)
    assert (made.batch, made.root, len(made.transaction)) == (first + 1, root, 32)
    assert records.roots()[-1] == made
    for batch in (first + 1, first + 3):
        with pytest.raises(WrongBatch):
            records.anchor(batch, root)


def test_records_are_sealed_and_opened_while_the_chain_is_silent(world: ServiceWorld) -> None:
    records = world.services.records
    sealed = records.seal(policy(), BODY)
    world.stop_chain()
    assert records.open(sealed, sealed.leaf) == BODY
    another = records.seal(policy(), BODY)
    assert records.open(another, another.leaf) == BODY
    with pytest.raises(UnavailableError):
        records.roots()


def test_whose_records_these_are_is_known(records: RecordService) -> None:
    sealer = records.sealer()
    assert (sealer.name, len(sealer.account), len(sealer.authority), len(sealer.consortium)) == ("alpha", 20, 20, 32)
