"""Who is trusted, and what a keeper and a witness sign, over a ledger in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fl.crypto.hpke_keys import verify_possession
from fl.crypto.note_keys import NoteKey, verify
from fl.proofs.log_view import LogView
from fl.proofs.trusting import comments_of, keys_of, trust_of
from fl.proofs.witnessing import Witness, newest_anchored, sign_checkpoint
from fl.protocol.codec import sha256
from fl.protocol.errors import CheckpointEarly, CheckpointForged, LogSignatureInvalid, SettingInvalid
from fl.protocol.federation import Federation, fold
from fl.protocol.names import NO_ADDRESS, Address, Digest, Role, StatementKind
from fl.protocol.records import (
    CheckpointAnchored,
    FederationOpened,
    MemberRegistered,
    MemberRevoked,
    Record,
    StatementMade,
)
from fl.protocol.tlog.checkpoint import Checkpoint, log_key, parse_checkpoint, witness_key
from fl.protocol.tlog.notes import Note, VerifierKey, cosigned_at
from fl.protocol.tlog.policy import parse_policy
from fl.protocol.tlog.trust import parse_trust
from fl.storage.journal import SqliteJournal
from fl.storage.witness_state import FolderWitnessState
from tests.support.ledger import MemoryChain, MemoryLedger

OPERATOR, COORDINATOR, AUDITOR = (Address(bytes([at]) * 20) for at in (1, 2, 3))
HOSPITALS = tuple(Address(bytes([at]) * 20) for at in (4, 5, 6))
CONSORTIUM, T0 = b"\x51" * 32, 1_800_000_000
KEYS = {account: NoteKey.of_seed(account + bytes(12)) for account in (COORDINATOR, AUDITOR, *HOSPITALS)}


@dataclass
class World:
    folder: Path
    chain: MemoryChain = field(default_factory=lambda: MemoryChain(lambda: T0, OPERATOR, CONSORTIUM))

    def __post_init__(self) -> None:
        roles = [
            (COORDINATOR, Role.COORDINATOR),
            (AUDITOR, Role.AUDITOR),
            *((each, Role.HOSPITAL) for each in HOSPITALS),
        ]
        for account, role in roles:
            self.append(MemberRegistered(OPERATOR, account, role, f"{role.name.lower()} {account[0]}"))
        self.append(
            FederationOpened(COORDINATOR, NO_ADDRESS, 0, Digest(bytes(32)), Digest(bytes(32)), Digest(bytes(32)))
        )
        self.state(StatementKind.LOG, COORDINATOR)
        self.view = LogView(MemoryLedger(self.chain))

    def append(self, record: Record) -> None:
        MemoryLedger(self.chain, record.sender).append(record)

    def state(self, kind: StatementKind, account: Address, text: str | None = None) -> VerifierKey:
        public = KEYS[account].public
        key = log_key(CONSORTIUM, public) if kind == StatementKind.LOG else witness_key(CONSORTIUM, account, public)
        said = key.text() if text is None else text
        self.append(StatementMade(account, 0, kind, sha256(said.encode()), said))
        return key

    @property
    def federation(self) -> Federation:
        ledger = MemoryLedger(self.chain)
        return fold(Federation(ledger.anchor, verify_possession), ledger.replay())

    def signed(self, checkpoint: Checkpoint | None = None) -> Note:
        self.view.refresh()
        journal = SqliteJournal(self.folder / "keeper.sqlite")
        key = log_key(CONSORTIUM, KEYS[COORDINATOR].public)
        return sign_checkpoint(checkpoint or self.view.checkpoint(), key, KEYS[COORDINATOR], journal)

    def anchor(self, note: Note) -> None:
        checkpoint = parse_checkpoint(note.text)
        self.append(CheckpointAnchored(COORDINATOR, checkpoint.size, checkpoint.root))
        self.view.refresh()

    def witness(self) -> Witness:
        keepers, logs = keys_of(self.federation, StatementKind.LOG)
        key = witness_key(CONSORTIUM, HOSPITALS[0], KEYS[HOSPITALS[0]].public)
        state = FolderWitnessState(self.folder, "alpha")
        state.begin()
        return Witness(self.view, tuple(logs), tuple(keepers), key, KEYS[HOSPITALS[0]], state, lambda: T0 + 5)


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
