"""A consortium on a real chain whose rounds are wide: real batches, real signatures, a board in the vault's folder."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from chain.deploy import deploy
from chain.ledger import EthereumLedger, LedgerSettings
from chain.rpc.node import NodeSettings
from chain.transactions.eip712 import AccountEndorser
from chain.transactions.keystore import AccountKey, generate
from chain.transactions.sender import TransactionSettings
from fl.protocol.ports import Anchor, Ledger
from fl.protocol.records import Receipt, Record
from fl.replay.batched_ledger import BatchedLedger
from fl.replay.posted_steps import Desk
from fl.roles.forwarding_ledger import ForwardingLedger
from fl.storage.journal import SqliteJournal
from fl.storage.step_board import FolderSteps
from fl.storage.vault import FolderVault
from tests.support.federation import ENDORSERS


class CountingLedger(ForwardingLedger):
    """Notes what each transaction recorded, and its gas."""

    def __init__(self, ledger: Ledger, sent: list[tuple[str, int]]) -> None:
        super().__init__(ledger)
        self._sent = sent

    def append(self, record: Record) -> Receipt:
        receipt = super().append(record)
        self._sent.append((type(record).__name__, receipt.gas_used))
        return receipt


@dataclass
class WideTown:
    """Opens the ledgers of a consortium with batches."""

    url: str
    folder: Path
    poll_s: float = 0.005
    now: Callable[[], int] = lambda: int(time.time())
    sent: list[tuple[str, int]] = field(default_factory=list)
    """Every transaction: the record, and its gas."""
    keys: dict[str, AccountKey] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys["operator"] = generate()
        self.anchor: Anchor = deploy(NodeSettings(self.url), TransactionSettings(), self.keys["operator"], bytes(32))
        self.board = FolderSteps(self.folder / "vault")
        self.vault = FolderVault(self.folder / "vault")

    def chain_ledger(self, name: str) -> EthereumLedger:
        settings = LedgerSettings(NodeSettings(self.url), self.anchor, TransactionSettings(poll_s=self.poll_s))
        return EthereumLedger(settings, self.keys.setdefault(name, generate()))

    def connect(self, name: str) -> Ledger:
        """Return a member's ledger; opening it again is a restart. A hospital looks at its own cluster."""
        ledger = self.chain_ledger(name)
        endorser = ENDORSERS.setdefault(ledger.account, AccountEndorser(self.keys[name]))
        home = self.folder / name
        home.mkdir(parents=True, exist_ok=True)
        desk = Desk(self.board, SqliteJournal(home / "steps.sqlite"), endorser, self.now)
        own = name not in ("operator", "coordinator", "auditor")
        return BatchedLedger(CountingLedger(ledger, self.sent), self.vault, endorser, desk, own_cluster=own)

    def reader(self, *, strict: bool = True) -> BatchedLedger:
        """Return the ledger as somebody without an account reads it."""
        return BatchedLedger(self.chain_ledger("reader"), self.vault, AccountEndorser(generate()), strict=strict)


Connect = Callable[[str], Ledger]
