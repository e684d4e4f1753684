"""The whole ledger as values: every entry, and the state that they lead to.

Source: PROTOCOL.md 7 (anyone checks the same list of records).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fl.protocol.federation import Federation
from fl.protocol.records import Entry, Position


@dataclass(frozen=True)
class History:
    """The ledger, read up to one entry."""

    federation: Federation
    entries: Sequence[Entry]
    """In ledger order; the last one is at `federation.position`."""

    @property
    def mark(self) -> tuple[int, Position | None]:
        """Return what changes when the ledger changes."""
        return len(self.entries), self.federation.position
