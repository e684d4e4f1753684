"""What the protocol needs from the world.

Invariant: every role reads and writes through these ports only, so roles run over any chain, vault and journal.

Source: A. Cockburn, "Hexagonal architecture" (ports and adapters).
Not here: implementations (chain/, fl/storage/, tests/support/).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fl.protocol.names import Address, Blob, Digest
from fl.protocol.records import DecryptionApproved, DecryptionRefused, Entry, Position, Receipt, Record


@dataclass(frozen=True)
class Anchor:
    """What ties artefacts to one consortium on one chain (PROTOCOL.md 1 and 8)."""

    consortium: bytes
    """32 bytes fixed in the constructor of the key authority."""
    chain_id: int
    authority: Address
    contract: Address
    """The federation ledger now in force."""


@dataclass(frozen=True)
class SetStatement:
    """What a hospital signs about the frozen set of a masked round, once (PROTOCOL.md 5, phase 5)."""

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
    """Hash of the block that holds RoundFrozen, 32 bytes: on a forked chain it is another."""


class Ledger(Protocol):
    """The ordered list of records, seen by one account."""

    @property
    def anchor(self) -> Anchor:
        """Return what this ledger is."""

    @property
    def account(self) -> Address:
        """Return the account that signs what is appended; NO_ADDRESS when read-only."""

    def append(self, record: Record) -> Receipt:
        """Sign and append `record`, and wait until it is included.

        Fields that the contract computes (`RoundFrozen.set_digest`) are ignored on the way in; the receipt's record
        carries them. `FederationOpened` and the constructor's records are appended like the others, except
        `ConsortiumFounded`, which deployment makes.

        Raises:
            RefusedError: a rule forbids it; the leaf bears the contract's error name.
            UnavailableError: the chain did not answer (nothing or the whole record was included).
            MisconfiguredError: the node serves another chain.
        """

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        """Return every entry behind `after` (all from genesis by default) in ledger order."""

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        """Block until an entry behind `after` exists; False when `timeout_s` passed first."""


@dataclass(frozen=True)
class TransactionTerms:
    """What somebody needs in order to sign the next transaction of an account."""

    nonce: int
    gas: int
    max_fee_per_gas: int
    """Wei."""
    max_priority_fee_per_gas: int
    """Wei."""


class Relay(Protocol):
    """Sends answers to requests that somebody else signed; holds no key."""

    def terms(self, account: Address) -> TransactionTerms:
        """Return what the account's next transaction must say, or raise UnavailableError."""

    def read(self, transaction: bytes) -> DecryptionApproved | DecryptionRefused:
        """Return the answer that a raw signed transaction records; its sender is who signed it.

        Raises:
            EncodingError: it is no transaction, or no answer to a request, or goes elsewhere.
        """

    def send(self, transaction: bytes) -> Receipt:
        """Send it, and wait until it is included; raises as `read` and `Ledger.append`."""


class Endorser(Protocol):
    """Signs statements with one account's key, and tells who signed one; needs no chain."""

    def endorse(self, statement: SetStatement) -> bytes:
        """Return the own account's EIP-712 signature r ‖ s ‖ v, 65 bytes; the same for the same statement."""

    def recover(self, statement: SetStatement, signature: bytes) -> Address:
        """Return the account that made `signature`; for a signature of another statement that is some other account.

        Raises:
            SignatureInvalid: not 65 bytes, v not 27 or 28, r or s out of range, s high, or no key fits.
        """


Mark = tuple[int, ...]
"""What the file system says of a file; it differs after every write to it."""


class Vault(Protocol):
    """Content-addressed store: a file's name is its SHA-256."""

    @property
    def checked(self) -> bool:
        """Return whether `get` compares a file with its digest, so that nobody need hash it again."""

    def put(self, data: Blob) -> Digest:
        """Store `data` durably (atomic, fsynced) and return its digest; storing it twice is no error.

        Raises:
            StorageFull: nothing partial is left.
            VaultUnavailable: as `get`.
        """

    def get(self, digest: Digest, cap: int) -> bytes:
        """Return the file; unless the vault is `checked`, whoever asks compares its digest (fl/replay/vault_files.py).

        Raises:
            VaultMissing: no such file.
            TooLarge: it has more than `cap` bytes; it is not read.
            VaultUnavailable: the vault itself is not there, or does not answer; `put`, `has` and `mark` say so, too.
        """

    def has(self, digest: Digest) -> bool:
        """Return whether a file of that name exists, right or wrong."""

    def mark(self, digest: Digest) -> Mark | None:
        """Return the mark of the file of that name, None when there is none; it costs no reading."""


class Journal(Protocol):
    """A role's write-ahead log: what it promised, on its own disk, before anybody hears of it."""

    def once(self, key: str, value: bytes) -> bytes:
        """Record `value` under `key` durably unless `key` exists; return what stands there now."""

    def get(self, key: str) -> bytes | None:
        """Return what stands under `key`, or None."""

    def erase(self, key: str) -> None:
        """Overwrite and remove what stands under `key`: secrets of a round that has ended."""
