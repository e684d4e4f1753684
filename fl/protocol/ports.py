"""The interfaces through which roles reach chain, vault and disk.

Invariant: every role reads and writes only through these ports, so it runs over any chain, vault and journal.

Source: A. Cockburn, "Hexagonal architecture" (ports and adapters).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from fl.protocol.names import Address, Blob, Digest
from fl.protocol.records import DecryptionApproved, DecryptionRefused, Entry, KeyRegistered, Position, Receipt, Record
from fl.protocol.tlog.entry import LogEntry
from fl.protocol.tlog.extra import ReceiptBinding
from fl.protocol.tlog.notes import Note


@dataclass(frozen=True)
class Anchor:
    """Ties files and records to one consortium on one chain (PROTOCOL.md 1 and 8)."""

    consortium: bytes
    """32 bytes fixed in the constructor of the key authority."""
    chain_id: int
    authority: Address
    contract: Address
    """The present federation ledger."""


@dataclass(frozen=True)
class SetStatement:
    """The statement about the frozen set that a hospital signs once in a masked round (PROTOCOL.md 5, phase 5)."""

    consortium: bytes
    """32 bytes."""
    chain_id: int
    contract: Address
    """The federation ledger that holds the round."""
    round: int
    mask_context: bytes
    """ctx2 (round.Round.mask_context), 32 bytes."""
    set_digest: Digest
    freeze_block: bytes
    """Hash of the block with RoundFrozen, 32 bytes; it differs on a forked chain."""


@dataclass(frozen=True)
class StepStatement:
    """What a member signs for its step of a wide round (PROTOCOL.md 5W.2)."""

    consortium: bytes
    """32 bytes."""
    chain_id: int
    contract: Address
    """The federation ledger that holds the round."""
    round: int
    context: bytes
    """ctx (round.Round.context), 32 bytes: it differs on a forked chain."""
    phase: int
    """u8."""
    body: Digest
    """SHA-256 of the step's body."""


class Ledger(Protocol):
    """The ordered list of records, as one account sees it."""

    @property
    def anchor(self) -> Anchor:
        """Return this ledger's identity."""

    @property
    def account(self) -> Address:
        """Return the account that signs new records; NO_ADDRESS if read-only."""

    def append(self, record: Record) -> Receipt:
        """Sign and append `record`, and wait until it is included.

        The contract computes some fields (`RoundFrozen.set_digest`): the input's values are ignored, and the receipt's
        record has the computed ones. Deployment makes `ConsortiumFounded`; all other records are appended here.

        Raises:
            RefusedError: a rule forbids it; the leaf has the contract's error name.
            UnavailableError: the chain did not answer (it included the whole record, or nothing).
            MisconfiguredError: the node serves another chain.
        """

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        """Return every entry after `after` (by default all from genesis) in ledger order."""

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        """Block until there is an entry after `after`; False if `timeout_s` passed first."""


@dataclass(frozen=True)
class TransactionTerms:
    """The facts that somebody needs to sign an account's next transaction."""

    nonce: int
    gas: int
    max_fee_per_gas: int
    """Wei."""
    max_priority_fee_per_gas: int
    """Wei."""


class Relay(Protocol):
    """Sends answers to requests, and first member keys, that somebody else signed; it has no key."""

    def terms(self, account: Address) -> TransactionTerms:
        """Return the facts for the account's next transaction, or raise UnavailableError."""

    def read(self, transaction: bytes) -> DecryptionApproved | DecryptionRefused:
        """Return the answer in a raw signed transaction; its sender is the signer.

        Raises:
            EncodingError: it is not a transaction, not an answer to a request, or addressed elsewhere.
        """

    def send(self, transaction: bytes) -> Receipt:
        """Send it, and wait until it is included; raises as `read` and `Ledger.append`."""

    def key_terms(self, account: Address) -> TransactionTerms:
        """Return the facts for a transaction that registers the account's first key; raises as `terms`."""

    def send_key(self, transaction: bytes, record: KeyRegistered) -> Receipt:
        """Send a transaction that records exactly `record`, and wait until it is included.

        Raises:
            EncodingError: it is not a transaction, does something else, or another account signed it.
            RefusedError, UnavailableError: as Ledger.append.
        """


class Endorser(Protocol):
    """Signs statements with one account's key, and finds the signer of one; needs no chain."""

    def endorse(self, statement: SetStatement) -> bytes:
        """Return the account's EIP-712 signature r ‖ s ‖ v, 65 bytes; always the same for one statement."""

    def recover(self, statement: SetStatement, signature: bytes) -> Address:
        """Return the account that made `signature`; if it signed another statement, this is a different account.

        Raises:
            SignatureInvalid: not 65 bytes, v not 27 or 28, r or s out of range, s high, or no key fits.
        """

    def sign_step(self, step: StepStatement) -> bytes:
        """Return the account's EIP-712 signature of a step, as `endorse`."""

    def step_signer(self, step: StepStatement, signature: bytes) -> Address:
        """Return the account that made the signature of a step; as `recover`."""


PARCELS = "parcels"
"""Where on the board dealers put their parcels in a round with clusters (PROTOCOL.md 5W.5)."""
Shelf = int | str
"""A phase, for its steps, or PARCELS."""


class Board(Protocol):
    """Where members put their signed steps of a wide round; what is there is written once and never replaced."""

    def post(self, context: bytes, shelf: Shelf, account: Address, data: bytes) -> None:
        """Write a file unless it is there.

        Raises:
            VaultUnavailable, VaultForbidden, StorageFull: it could not be written.
        """

    def names(self, context: bytes, shelf: Shelf) -> Sequence[str]:
        """Return the names on a shelf, at most MAX_POSTED; empty if there are none."""

    def read(self, context: bytes, shelf: Shelf, name: str, cap: int = ...) -> bytes | None:
        """Return a file; None if it is not there, does not have the digest in its name, or has more than `cap` bytes.

        By default `cap` is that of a step (batches.STEP_CAP).
        """


Mark = tuple[int, ...]
"""The file system's facts about a file; they change with every write."""


class Vault(Protocol):
    """A content-addressed store: a file's name is its SHA-256."""

    @property
    def checked(self) -> bool:
        """Return whether `get` compares a file with its digest, so that callers need not."""

    def put(self, data: Blob) -> Digest:
        """Store `data` durably (atomic, fsynced) and return its digest; storing it twice is allowed.

        Raises:
            StorageFull: no part of the file remains.
            VaultUnavailable: as `get`.
        """

    def get(self, digest: Digest, cap: int) -> bytes:
        """Return the file; unless the vault is `checked`, the caller compares its digest (fl/replay/vault_files.py).

        Raises:
            VaultMissing: no such file.
            TooLarge: it has more than `cap` bytes; it is not read.
            VaultUnavailable: the vault is not there or does not answer; `put`, `has` and `mark` raise it too.
        """

    def has(self, digest: Digest) -> bool:
        """Return whether a file of that name exists, right or wrong."""

    def mark(self, digest: Digest) -> Mark | None:
        """Return the mark of the file of that name, or None; this does not read the file."""


@dataclass(frozen=True)
class BoundEvent:
    """An event that the receipt of a block holds, as the block's own bytes show it."""

    record: Record
    contract: Address
    block: int
    block_hash: bytes
    """32 bytes."""
    time: int
    """Seconds since 1970 of the block."""
    sealers: frozenset[Address]
    """Who sealed the header; empty on chains where this cannot be seen from it."""


@dataclass(frozen=True)
class Sent:
    """A signed transaction, as its bytes show it."""

    account: Address
    """Who signed it."""
    chain_id: int | None
    """None: it holds on every chain (before EIP-155)."""
    nonce: int
    to: Address | None
    """None: it creates the contract `creates`."""
    creates: Address | None
    data: bytes
    hash: bytes
    """32 bytes."""


class ChainFacts(Protocol):
    """What bytes of the chain say, for a verifier without a node (PROTOCOL.md 8T.6)."""

    def record_of(self, event: LogEntry, *, of_authority: bool) -> Record:
        """Return the record that an event of the key authority, or of a federation ledger, makes.

        Raises:
            EncodingError: it is not an event of these contracts.
        """

    def check_author(self, event: LogEntry, record: Record, transaction: bytes) -> None:
        """Raise ProofChanged (step 6) unless this raw transaction is how the record's sender made it."""

    def bound(self, binding: ReceiptBinding, chain_id: int, consensus: str) -> BoundEvent:
        """Return the event of a receipt, whose sender signed its transaction; both are in the header's block.

        Raises:
            BindingInvalid: the parts do not fit each other.
        """

    def sent(self, transaction: bytes) -> Sent:
        """Return what a raw transaction says and who signed it, or raise EncodingError."""

    def call_of(self, sent: Sent, *, of_authority: bool) -> tuple[type[Record], Mapping[str, object]]:
        """Return which record a call makes and the fields that it sets, or raise EncodingError."""

    def sealed(self, header: bytes) -> tuple[int, bytes, frozenset[Address]]:
        """Return number, hash and sealers of a QBFT header in RLP, or raise EncodingError."""

    def signer(self, digest: bytes, signature: bytes) -> Address:
        """Return the account that signed 32 bytes (r ‖ s ‖ v, 65 bytes), or raise SignatureInvalid."""


@dataclass(frozen=True)
class Sight:
    """A record as it was seen on the chain: everything that a proof of it needs beside a checkpoint."""

    leaf: Digest
    entry: bytes
    """Bytes of the log entry (tlog.entry)."""
    data: bytes
    """The event's data, if the entry holds only their SHA-256; otherwise empty."""
    transaction: bytes
    """The raw signed transaction."""


class SeenLog(Protocol):
    """What a monitor saw, durably: without it, a restart after a rollback or reset sees nothing wrong."""

    def leaves(self) -> Sequence[bytes]:
        """Return the leaf of every record that was seen, in order."""

    def sight(self, place: int) -> Sight:
        """Return the record at a place, or raise IndexError."""

    def add(self, sights: Sequence[Sight]) -> None:
        """Keep the next records durably."""

    def forget_from(self, place: int) -> None:
        """Forget the records at `place` and behind it: a person took another history for right."""

    def notes(self) -> Sequence[Note]:
        """Return every checkpoint that was seen, each with all its lines."""

    def add_note(self, note: Note) -> None:
        """Keep a checkpoint, and each new line under it, durably."""

    def fact(self, name: str) -> bytes | None:
        """Return what was kept under a name, or None."""

    def keep(self, name: str, value: bytes) -> None:
        """Keep a value under a name in place of the last one, durably."""


class ChainSource(Protocol):
    """What a maker of proofs reads from a node."""

    def event(self, entry: Entry) -> LogEntry:
        """Return the raw event of an entry; its leaf is the entry's.

        Raises:
            UnavailableError: the node does not answer, or shows another event.
        """

    def transaction(self, entry: Entry) -> bytes:
        """Return the raw signed transaction of an entry; raises as `event`."""

    def binding(self, entry: Entry) -> ReceiptBinding:
        """Return the parts that show an entry in its block's receipts; raises as `event`."""


class Journal(Protocol):
    """A role's write-ahead log: it stores each promise on its own disk before it sends anything."""

    def once(self, key: str, value: bytes) -> bytes:
        """Record `value` under `key` durably unless `key` exists; return the value recorded now."""

    def get(self, key: str) -> bytes | None:
        """Return the value under `key`, or None."""

    def erase(self, key: str) -> None:
        """Overwrite and remove the value under `key`, such as secrets of an ended round."""
