"""A ledger for somebody who answers people: while the node is silent, nobody waits for it again and again.

Invariant: after an answer that came late or not at all, the next question is put off for a few times as long as that
one took. A node that refuses at once is asked at once; one that hangs costs at most one wait in so long.

Source: M. Nygard, Release It!, "Circuit Breaker".
Not here: what goes on without the ledger (served.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fl.protocol.errors import UnavailableError
from fl.protocol.names import Address
from fl.protocol.ports import Anchor, Ledger
from fl.protocol.records import Entry, Position, Receipt, Record

REST = 3.0
"""Times as long as the wait for a silent node."""


class SparingLedger:
    """Implements Ledger over another; safe to use from several threads."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float]) -> None:
        """Spare `ledger` by `clock`, in seconds since any moment."""
        self._ledger = ledger
        self._clock = clock
        self._silent: tuple[float, UnavailableError] | None = None
        """Until when not to ask again, and what to say meanwhile."""

    @property
    def anchor(self) -> Anchor:
        """Return what this ledger is."""
        return self._ledger.anchor

    @property
    def account(self) -> Address:
        """Return the account that signs what is appended."""
        return self._ledger.account

    def append(self, record: Record) -> Receipt:
        """Sign and append `record`; raises as Ledger.append."""
        return self._ledger.append(record)

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        """Return every entry behind `after`; raises as Ledger.replay, at once while the node is left alone."""
        asked, silent = self._clock(), self._silent
        if silent is not None and asked < silent[0]:
            raise silent[1].with_traceback(None)
        try:
            entries = self._ledger.replay(after)
        except UnavailableError as error:
            now = self._clock()
            self._silent = (now + REST * (now - asked), error)
            raise
        self._silent = None
        return entries

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        """Block until an entry behind `after` exists; False when `timeout_s` passed first."""
        return self._ledger.wait(after, timeout_s)
