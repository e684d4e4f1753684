"""A stage for one wide round: a ledger in memory, a vault in a folder, and members with real keys.

The ledger keeps no rules: every member that reads it folds and checks it with the real code, as always. The block that
holds a record has a hash that a caller may choose, so that a certain hospital is drawn, or is not.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from chain.transactions.eip712 import AccountEndorser
from chain.transactions.keystore import AccountKey, generate
from fl.crypto.hpke_keys import PrivateKey, key_record
from fl.events import Event
from fl.protocol.batches import STEP_CAP
from fl.protocol.codec import sha256
from fl.protocol.names import Address, Role
from fl.protocol.ports import Anchor, Board, SetStatement, Shelf, StepStatement
from fl.protocol.records import (
    KEY_RECORDS,
    ConsortiumFounded,
    Entry,
    MemberRegistered,
    Position,
    Receipt,
    Record,
    WideFinalised,
    WideProposed,
)
from fl.replay.batched_ledger import BatchedLedger
from fl.replay.ledger_view import Keyring, Ports
from fl.replay.posted_steps import Desk
from fl.replay.vault_files import Awaited
from fl.storage.journal import SqliteJournal
from fl.storage.step_board import FolderSteps
from fl.storage.vault import FolderVault
from scripts.bench._counted import Cost, CountedLedger, CountedVault

CHAIN_ID = 7357
AUTHORITY, LEDGER = Address(b"\x01" * 20), Address(b"\x02" * 20)

Notify = Callable[[Event, object], None]


@dataclass(frozen=True)
class Member:
    """A member's name and keys."""

    name: str
    role: Role
    account_key: AccountKey
    key: PrivateKey

    @property
    def account(self) -> Address:
        return self.account_key.address

    @property
    def endorser(self) -> AccountEndorser:
        return AccountEndorser(self.account_key)

    @classmethod
    def draw(cls, name: str, role: Role) -> Member:
        return cls(name, role, generate(), PrivateKey.generate(1))


@dataclass
class StagedChain:
    """One ordered list of entries, a block each."""

    consortium: bytes
    operator: Address
    entries: list[Entry] = field(default_factory=list)
    now: Callable[[], int] = lambda: int(time.time())

    def __post_init__(self) -> None:
        self.include(ConsortiumFounded(self.operator, self.consortium))

    @property
    def anchor(self) -> Anchor:
        return Anchor(self.consortium, CHAIN_ID, AUTHORITY, LEDGER)

    def include(self, record: Record, block_hash: bytes = b"") -> Entry:
        """Append a record in a block of its own; as the contract, fill in which model is final."""
        if isinstance(record, WideFinalised):
            proposed = [each.record for each in self.entries if isinstance(each.record, WideProposed)]
            record = replace(record, model_digest=proposed[-1].model_digest)
        number = len(self.entries) + 1
        contract = AUTHORITY if isinstance(record, KEY_RECORDS) else LEDGER
        block_hash = block_hash or secrets.token_bytes(32)
        entry = Entry(record, Position(number, 0), block_hash, self.now(), sha256(block_hash), contract)
        self.entries.append(entry)
        return entry


class StagedLedger:
    """One account's view of the chain."""

    def __init__(self, chain: StagedChain, account: Address, luck: Callable[[Record], bytes] | None = None) -> None:
        """Append as `account`; `luck` chooses the hash of the block of a record."""
        self.anchor, self.account = chain.anchor, account
        self._chain, self._luck = chain, luck

    def append(self, record: Record) -> Receipt:
        return Receipt(self._chain.include(record, self._luck(record) if self._luck else b""), gas_used=0)

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        return self._chain.entries[0 if after is None else after.block :]

    def wait(self, after: Position | None, timeout_s: float) -> bool:  # noqa: ARG002 - nobody waits on a stage
        return bool(self.replay(after))


@dataclass
class CountedBoard:
    """A board that counts the bytes of one member."""

    inner: Board
    cost: Cost

    def post(self, context: bytes, shelf: Shelf, account: Address, data: bytes) -> None:
        self.cost.written += len(data)
        self.inner.post(context, shelf, account, data)

    def names(self, context: bytes, shelf: Shelf) -> Sequence[str]:
        return self.inner.names(context, shelf)

    def read(self, context: bytes, shelf: Shelf, name: str, cap: int = STEP_CAP) -> bytes | None:
        data = self.inner.read(context, shelf, name, cap)
        self.cost.read += len(data or b"")
        return data


class CountedEndorser:
    """An endorser that counts the signatures it checked."""

    def __init__(self, inner: AccountEndorser) -> None:
        self._inner, self.checked = inner, 0

    def endorse(self, statement: SetStatement) -> bytes:
        return self._inner.endorse(statement)

    def recover(self, statement: SetStatement, signature: bytes) -> Address:
        self.checked += 1
        return self._inner.recover(statement, signature)

    def sign_step(self, step: StepStatement) -> bytes:
        return self._inner.sign_step(step)

    def step_signer(self, step: StepStatement, signature: bytes) -> Address:
        self.checked += 1
        return self._inner.step_signer(step, signature)


@dataclass
class Stage:
    """A founded consortium, before its coordinator did anything."""

    folder: Path
    chain: StagedChain
    coordinator: Member
    auditor: Member
    hospitals: list[Member]
    """Ascending by account, as in a roster."""

    @classmethod
    def found(cls, folder: Path, hospitals: int) -> Stage:
        """Register a coordinator, an auditor and `hospitals` hospitals, each with a key and its proof."""
        operator = generate().address
        chain = StagedChain(secrets.token_bytes(32), operator)
        first = [Member.draw("coordinator", Role.COORDINATOR), Member.draw("auditor", Role.AUDITOR)]
        many = [Member.draw(f"hospital-{number}", Role.HOSPITAL) for number in range(1, hospitals + 1)]
        for each in (*first, *many):
            chain.include(MemberRegistered(operator, each.account, each.role, each.name))
            chain.include(key_record(chain.anchor, each.account, each.key))
        return cls(folder, chain, first[0], first[1], sorted(many, key=lambda one: one.account))

    @property
    def vault(self) -> FolderVault:
        return FolderVault(self.folder / "vault")

    @property
    def board(self) -> FolderSteps:
        return FolderSteps(self.folder / "vault")

    def ports(self, member: Member, cost: Cost, notify: Notify, luck: Callable[[Record], bytes] | None = None) -> Ports:
        """Return what a member's agent needs; all it reads and writes counts for `cost`."""
        home = self.folder / member.name
        home.mkdir(parents=True)
        vault, journal = CountedVault(Awaited(self.vault), cost), SqliteJournal(home / "journal.sqlite")
        chain = CountedLedger(StagedLedger(self.chain, member.account, luck), cost)
        endorser = CountedEndorser(member.endorser)
        desk = Desk(CountedBoard(self.board, cost), journal, endorser, lambda: int(time.time()))
        own = member.role == Role.HOSPITAL
        return Ports(
            ledger=BatchedLedger(chain, vault, endorser, desk, own_cluster=own),
            endorser=endorser,
            vault=vault,
            outbox=FolderVault(home / "outbox"),
            journal=journal,
            keyring=Keyring({1: member.key}),
            now=lambda: int(time.time()),
            notify=notify,
        )

    def reader(self) -> BatchedLedger:
        """Return the ledger as an audit reads it."""
        ledger = StagedLedger(self.chain, Address(bytes(20)))
        return BatchedLedger(ledger, self.vault, AccountEndorser(generate()), strict=True)


def spent(before: Cost, after: Cost) -> Cost:
    """Return what a member paid between two states of its cost."""
    return Cost(
        after.cpu_s - before.cpu_s,
        after.read - before.read,
        after.written - before.written,
        after.transactions - before.transactions,
        after.gas - before.gas,
    )


def copy_of(cost: Cost) -> Cost:
    return replace(cost, profile=None)
