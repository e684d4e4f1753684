"""A ledger that follows hand-overs: it continues as the successor, for processes that run for years.

Invariant: the record that closes a ledger is returned only together with its successor's records. Until the successor
can be opened, `replay` raises LedgerMoved.

Source: PROTOCOL.md 6 (hand-over) and 8 (what was verified serves on); fl/protocol/ports.py (Ledger).
Not here: agents, which restart after a hand-over (scripts/wiring/agent.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from fl.events import Event, Notify
from fl.protocol.errors import LedgerMoved, MisconfiguredError
from fl.protocol.names import show
from fl.protocol.ports import Ledger
from fl.protocol.records import Entry, LedgerHandedOver, Position
from fl.roles.forwarding_ledger import ForwardingLedger


class SuccessorLedger(ForwardingLedger):
    """The newest ledger of a consortium; safe to use from several threads."""

    def __init__(self, in_force: Callable[[], Ledger], notify: Notify) -> None:
        """Open the newest ledger.

        Args:
            in_force: Opens the newest ledger of the consortium, after all hand-overs so far.
            notify: Receives an event for each hand-over, and one if a successor cannot be opened.
        """
        super().__init__(in_force())
        self._in_force = in_force
        self._notify = notify
        self._lock = threading.Lock()
        self._trouble = ""
        """Why the successor could not be opened last time."""

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        """Return every entry behind `after`, including a successor's.

        Raises:
            LedgerMoved: the ledger is closed, and its successor cannot be opened here yet.
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

    def _follow(self, closed: Ledger) -> Ledger:
        """Return the ledger that continues `closed`; the first thread opens it for all."""
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
