"""Who is trusted, and what a keeper and a witness sign, over a ledger in memory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fl.crypto.note_keys import verify
from fl.proofs.trusting import comments_of, keys_of, trust_of
from fl.proofs.witnessing import newest_anchored, sign_checkpoint
from fl.protocol.codec import sha256
from fl.protocol.errors import CheckpointEarly, CheckpointForged, LogSignatureInvalid, SettingInvalid
from fl.protocol.names import Address, Digest, Role, StatementKind
from fl.protocol.records import (
    CheckpointAnchored,
    MemberRegistered,
    MemberRevoked,
    StatementMade,
)
from fl.protocol.tlog.checkpoint import Checkpoint, log_key, witness_key
from fl.protocol.tlog.notes import cosigned_at
from fl.protocol.tlog.policy import parse_policy
from fl.protocol.tlog.trust import parse_trust
from fl.storage.journal import SqliteJournal
from tests.support.log_world import AUDITOR, CONSORTIUM, COORDINATOR, HOSPITALS, KEYS, OPERATOR, T0, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_more_than_half_of_hospitals_and_auditors_are_needed(world: World) -> None:
    for account in (HOSPITALS[0], HOSPITALS[1]):
        world.state(StatementKind.WITNESS, account)
    with pytest.raises(SettingInvalid, match="3 witnesses must cosign, but 2 stated a key"):
        trust_of(world.federation, T0)
    world.state(StatementKind.WITNESS, AUDITOR)
    trust = trust_of(world.federation, T0)
    assert [trust.policy.met_by(set(list(trust.policy.witnesses)[:count])) for count in (2, 3)] == [False, True]
    assert parse_trust(trust.encoded()) == trust
    assert parse_policy(trust.policy.text(comments_of(trust))) == trust.policy
    assert trust.keepers == (COORDINATOR,)
    assert trust_of(world.federation, T0, 1).policy.met_by({"w-" + AUDITOR.hex()[:8]})


def test_a_key_counts_as_its_members_newest_statement_under_its_own_name(world: World) -> None:
    own = world.state(StatementKind.WITNESS, HOSPITALS[0])
    assert keys_of(world.federation, StatementKind.WITNESS) == ([HOSPITALS[0]], [own])
    world.state(StatementKind.WITNESS, HOSPITALS[1], own.text())
    world.state(StatementKind.LOG, HOSPITALS[2])
    assert keys_of(world.federation, StatementKind.WITNESS) == ([HOSPITALS[0]], [own])
    assert keys_of(world.federation, StatementKind.LOG)[0] == [COORDINATOR]
    world.state(StatementKind.WITNESS, HOSPITALS[0], "")
    assert keys_of(world.federation, StatementKind.WITNESS) == ([], [])
    world.state(StatementKind.WITNESS, HOSPITALS[0])
    world.append(MemberRevoked(OPERATOR, HOSPITALS[0], "left"))
    assert keys_of(world.federation, StatementKind.WITNESS) == ([], [])


def test_who_states_a_key_again_that_another_member_has_takes_nothing_away(world: World) -> None:
    """Also a member that stated some key before; and one public key never counts as the log's and a witness's."""
    world.state(StatementKind.WITNESS, HOSPITALS[1])
    own = [world.state(StatementKind.WITNESS, each) for each in (HOSPITALS[0], AUDITOR)]
    for public in (own[0].key, KEYS[COORDINATOR].public):
        world.state(StatementKind.WITNESS, HOSPITALS[1], witness_key(CONSORTIUM, HOSPITALS[1], public).text())
        assert keys_of(world.federation, StatementKind.WITNESS) == ([HOSPITALS[0], AUDITOR], own)
        assert keys_of(world.federation, StatementKind.LOG)[0] == [COORDINATOR]
        trust = trust_of(world.federation, T0, 2)
        assert parse_trust(trust.encoded()) == trust
    world.state(StatementKind.LOG, AUDITOR, log_key(CONSORTIUM, KEYS[COORDINATOR].public).text())
    assert keys_of(world.federation, StatementKind.LOG)[0] == [COORDINATOR]


def test_two_accounts_that_begin_alike_are_two_witnesses(world: World) -> None:
    near = Address(HOSPITALS[0][:4] + bytes(16))
    world.append(MemberRegistered(OPERATOR, near, Role.HOSPITAL, "near"))
    own = world.state(StatementKind.WITNESS, HOSPITALS[0])
    other = witness_key(CONSORTIUM, near, bytes(range(32)))
    world.append(StatementMade(near, 0, StatementKind.WITNESS, sha256(other.text().encode()), other.text()))
    trust = trust_of(world.federation, T0, 2)
    assert list(trust.policy.witnesses.values()) == [own, other]
    assert parse_trust(trust.encoded()) == trust


def test_a_witness_signs_what_it_replayed_and_what_is_on_the_ledger(world: World) -> None:
    note, witness = world.signed(), world.witness()
    with pytest.raises(CheckpointEarly, match="no keeper recorded it"):
        witness.cosign(note)
    world.anchor(note)
    line = witness.cosign(note)
    assert cosigned_at(line, witness.key, note.text, verify) == T0 + 5
    assert witness.cosign(note) == line
    assert newest_anchored(world.view, {COORDINATOR}) == len(world.view.tree) - 1
    assert newest_anchored(world.view, {AUDITOR}) == 0


def test_a_witness_signs_the_newest_alone(world: World) -> None:
    first = world.signed()
    world.anchor(first)
    second = world.signed()
    world.anchor(second)
    with pytest.raises(CheckpointEarly, match="has a newer one"):
        world.witness().cosign(first)
    world.witness().cosign(second)


def test_another_root_is_never_signed(world: World) -> None:
    world.view.refresh()
    false = Checkpoint(world.view.origin, len(world.view.tree), Digest(b"\x07" * 32))
    note = world.signed(false)
    with pytest.raises(CheckpointForged, match="another one than that of the records"):
        world.witness().cosign(note)
    with pytest.raises(CheckpointForged, match="another root of this size was signed here before"):
        world.signed()
    later = Checkpoint(world.view.origin, len(world.view.tree) + 1, Digest(b"\x07" * 32))
    with pytest.raises(CheckpointEarly, match="has replayed"):
        world.witness().cosign(world.signed(later))


def test_a_wrong_root_of_another_keeper_stops_nobody(world: World) -> None:
    world.append(CheckpointAnchored(AUDITOR, 3, Digest(b"\x07" * 32)))
    world.append(CheckpointAnchored(AUDITOR, 2**40, Digest(b"\x07" * 32)))
    world.state(StatementKind.LOG, AUDITOR)
    note = world.signed()
    world.anchor(note)
    world.witness().cosign(note)


def test_a_witness_knows_the_log_by_its_stated_key(world: World) -> None:
    note = world.signed()
    world.anchor(note)
    stranger = sign_checkpoint(
        world.view.checkpoint(),
        log_key(CONSORTIUM, KEYS[AUDITOR].public),
        KEYS[AUDITOR],
        SqliteJournal(world.folder / "x"),
    )
    with pytest.raises(LogSignatureInvalid):
        world.witness().cosign(stranger)
    other = Checkpoint("hemaledger/other", 5, Digest(bytes(32)))
    with pytest.raises(LogSignatureInvalid):
        world.witness().cosign(world.signed(other))
    with pytest.raises(LogSignatureInvalid):
        replace(world.witness(), logs=()).cosign(note)
