"""The Relay port over the ledger in memory: transactions are read as the real one reads them, then included at once."""

from __future__ import annotations

from chain.relay import check_key, read_answer
from chain.transactions.sender import FREE_GAS_LIMIT
from fl.protocol.names import Address
from fl.protocol.ports import TransactionTerms
from fl.protocol.records import DecryptionApproved, DecryptionRefused, KeyRegistered, Receipt
from tests.support.ledger import MemoryLedger


class MemoryRelay:
    """The Relay port over a MemoryLedger; reads transactions as the real one does."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self._ledger = ledger

    def terms(self, account: Address) -> TransactionTerms:  # noqa: ARG002 - every account is at its first
        return TransactionTerms(0, FREE_GAS_LIMIT, 0, 0)

    def read(self, transaction: bytes) -> DecryptionApproved | DecryptionRefused:
        return read_answer(transaction, self._ledger.anchor)

    def key_terms(self, account: Address) -> TransactionTerms:
        return self.terms(account)

    def send_key(self, transaction: bytes, record: KeyRegistered) -> Receipt:
        check_key(transaction, self._ledger.anchor, record)
        chain = self._ledger._chain
        return Receipt(chain.include(record, chain.authority), gas_used=0)

    def send(self, transaction: bytes) -> Receipt:
        chain = self._ledger._chain
        return Receipt(chain.include(self.read(transaction), chain.authority), gas_used=0)
