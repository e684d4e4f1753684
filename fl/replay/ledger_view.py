"""One role's view: the folded ledger, its keys and its stores.

Invariant: a view remembers nothing that ledger, vault and journal do not have; a restart rebuilds it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fl.crypto.hpke_keys import PrivateKey, verify_possession
from fl.events import Notify
from fl.protocol.errors import KeystoreUnreadable
from fl.protocol.federation import Federation, fold
from fl.protocol.grants import Grants
from fl.protocol.keys.members import KeyBook
from fl.protocol.names import Address
from fl.protocol.ports import Endorser, Journal, Ledger, Vault
from fl.protocol.records import Entry, Receipt, Record
from fl.protocol.rounds.clusters import terms_of
from fl.protocol.rounds.round import Round
from fl.replay.batched_ledger import BatchedLedger
from fl.timing import timed


class LedgerView:
    """The federation as one account sees it, refreshed incrementally."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.federation = Federation(ledger.anchor, verify_possession)
        self.entries: list[Entry] = []
        """Every entry that was folded."""
        self._nothing_new = False
        """Whether the last `wait` found no new entry."""

    def refresh(self) -> Federation:
        """Fold the new entries and return the federation, or raise the error of a record that breaks the rules."""
        self._nothing_new = False
        news = self.ledger.replay(self.federation.position)
        self.federation = fold(self.federation, news)
        self.entries += news
        return self.federation

    def current(self) -> Federation:
        """Return the federation as `refresh` does, but do not ask the ledger right after `wait` found no new entry."""
        if self._nothing_new:
            self._nothing_new = False
            return self.federation
        return self.refresh()

    def look(self) -> Federation:
        """Return the federation as `current` does, and let the next `current` return the very same one."""
        federation = self.current()
        self._nothing_new = True
        return federation

    def wait(self, timeout_s: float) -> bool:
        """Wait until the ledger has a new entry; False if `timeout_s` passed first."""
        news = self.ledger.wait(self.federation.position, timeout_s)
        self._nothing_new = not news
        return news


def grants_of(view: LedgerView) -> Grants:
    """Return the grants that a view has read so far."""
    return view.federation.grants


@dataclass(frozen=True)
class Keyring:
    """A member's own private keys by epoch; old keys open files sealed before a rotation."""

    keys: Mapping[int, PrivateKey]

    def of(self, epoch: int) -> PrivateKey:
        """Return the private key of an epoch, or raise KeystoreUnreadable."""
        if epoch not in self.keys:
            raise KeystoreUnreadable(f"epoch {epoch}", "this machine has no such key")
        return self.keys[epoch]


@dataclass(frozen=True)
class Ports:
    """Everything that a role reaches."""

    ledger: Ledger
    endorser: Endorser
    vault: Vault
    outbox: Vault
    """The role's own disk: it stores sealed files before anything is sent."""
    journal: Journal
    keyring: Keyring
    now: Callable[[], int]
    """Seconds since 1970."""
    notify: Notify

    @timed("chain")
    def append(self, record: Record) -> Receipt:
        """Put a record on the ledger; raises as Ledger.append."""
        return self.ledger.append(record)

    def ahead(self, current: Round, book: KeyBook) -> Round:
        """Return a wide round as if this account's own posted step were in a batch already; others unchanged."""
        if current.wide is None or not isinstance(self.ledger, BatchedLedger):
            return current
        return self.ledger.ahead(current, book)

    def post_parcels(self, current: Round, data: bytes) -> None:
        """Put the file with this account's parcels for a round with clusters on the board; raises as Board.post."""
        if isinstance(self.ledger, BatchedLedger):
            self.ledger.post_parcels(current, data)

    def parcels_of(self, current: Round) -> frozenset[Address] | None:
        """Return the dealers whose parcels are on the board; None in a round where they are in the vault."""
        if terms_of(current) is None:
            return None
        return self.ledger.parcels_of(current) if isinstance(self.ledger, BatchedLedger) else frozenset()

    def whole(self, current: Round) -> Round:
        """Return a round with all its clusters, though this account looks at its own; others unchanged.

        Raises:
            VaultMissing, VaultUnavailable, BatchInvalid: as BatchedLedger.whole.
        """
        return self.ledger.whole(current) if isinstance(self.ledger, BatchedLedger) else current

    @property
    def replaying(self) -> tuple[Vault, Endorser]:
        """Return what a replay needs, except its reader."""
        return self.vault, self.endorser
