"""A Ledger that passes every call to another one; subclasses override the calls that they change."""

from __future__ import annotations

from collections.abc import Sequence

from fl.protocol.names import Address
from fl.protocol.ports import Anchor, Ledger
from fl.protocol.records import Entry, Position, Receipt, Record


class ForwardingLedger:
    """Implements Ledger over another ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def anchor(self) -> Anchor:
        return self._ledger.anchor

    @property
    def account(self) -> Address:
        return self._ledger.account

    def append(self, record: Record) -> Receipt:
        return self._ledger.append(record)

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        return self._ledger.replay(after)

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        return self._ledger.wait(after, timeout_s)


class NotingLedger(ForwardingLedger):
    """A ledger that notes what this agent recorded, also before its view reads it."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self.sent: list[Entry] = []

    def append(self, record: Record) -> Receipt:
        receipt = super().append(record)
        self.sent.append(receipt.entry)
        return receipt
