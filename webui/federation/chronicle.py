"""Every entry of the ledger, kept in memory and read on from where it was.

Invariant: entries are in ledger order, each once. What was read stays valid, because a confirmed block does not change
(the ledger itself raises ChainReorg if it does).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from fl.protocol.ports import Ledger
from fl.protocol.records import Entry, Position


class Chronicle:
    """The entries of one ledger so far; safe to use from several threads."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._lock = threading.Lock()

    def read(self, ledger: Ledger, until: Position | None = None) -> Sequence[Entry]:
        """Return every entry, by default up to now, with those that `ledger` has got since the last call.

        Raises:
            UnavailableError: the ledger does not answer.
        """
        with self._lock:
            last = self._entries[-1].position if self._entries else None
            self._entries += ledger.replay(last)
            entries = list(self._entries)
        if until is None:
            return entries
        while entries and entries[-1].position > until:
            entries.pop()
        return entries
