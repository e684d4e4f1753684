"""The ledger in force for somebody who runs for years: after a hand-over it goes on as the successor.

Invariant: records that close the ledger at hand are returned only once its successor is at hand too. So whoever folds
them sees everything that comes behind them, and until then sees an answer that did not come.

Source: PROTOCOL.md 6 (hand-over) and 8 (what was verified serves on); fl/protocol/ports.py (Ledger).
Not here: agents, which are made anew after a hand-over (scripts/wiring/agent.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from fl.events import Event, Notify
from fl.protocol.errors import LedgerMoved, MisconfiguredError
from fl.protocol.names import Address, show
from fl.protocol.ports import Anchor, Ledger
from fl.protocol.records import Entry, LedgerHandedOver, Position, Receipt, Record


class SuccessorLedger:
    """Implements Ledger over the one in force; safe to use from several threads."""

    def __init__(self, in_force: Callable[[], Ledger], notify: Notify) -> None:
        """Open the ledger in force.

        Args:
            in_force: Opens the ledger that continues the consortium's after all hand-overs so far.
            notify: Is told of each hand-over, and once why one cannot be followed.
        """
        self._in_force = in_force
        self._notify = notify
        self._lock = threading.Lock()
        self._ledger = in_force()
        self._trouble = ""
        """Why the successor could not be opened last."""

    @property
    def anchor(self) -> Anchor:
        """Return what the ledger in force is."""
        return self._ledger.anchor

    @property
    def account(self) -> Address:
        """Return the account that signs what is appended."""
        return self._ledger.account

    def append(self, record: Record) -> Receipt:
        """Sign and append `record` to the ledger in force; raises as Ledger.append."""
        return self._ledger.append(record)

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        """Return every entry behind `after`, those of a successor too.

        Raises:
            LedgerMoved: the ledger is handed over, and the successor cannot be opened here yet.
            HemaledgerError: as Ledger.replay.
        """
        ledger = self._ledger
        entries = ledger.replay(after)
        if not _closed(ledger, entries):
            return entries
        successor = self._follow(ledger)
        entries = successor.replay(after)
        if _closed(successor, entries):
            raise LedgerMoved("the node does not show it")
        return entries

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        """Block until an entry behind `after` exists; False when `timeout_s` passed first."""
        return self._ledger.wait(after, timeout_s)

    def _follow(self, closed: Ledger) -> Ledger:
        """Return the ledger that continues `closed`; whoever comes first opens it for all."""
        with self._lock:
            if self._ledger is closed:
                self._ledger = self._open()
                if self._ledger.anchor != closed.anchor:
                    self._notify(Event.HANDED_OVER, {"successor": show(self._ledger.anchor.contract)})
            return self._ledger

    def _open(self) -> Ledger:
        try:
            return self._in_force()
        except MisconfiguredError as error:
            why = f"{error.name}: {error}"
            if why != self._trouble:
                self._trouble = why
                self._notify(Event.SUCCESSOR_UNUSABLE, {"why": why})
            raise LedgerMoved(why) from error


def _closed(ledger: Ledger, entries: Sequence[Entry]) -> bool:
    contract = ledger.anchor.contract
    return any(entry.contract == contract and isinstance(entry.record, LedgerHandedOver) for entry in entries)
