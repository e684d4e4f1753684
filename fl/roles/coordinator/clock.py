"""This machine's clock, checked against the time of new blocks: the chain's time decides about deadlines.

Invariant: a record that appears between two looks was mined between them, or as long before as it takes to be
confirmed, so its block's time bounds the chain's time
from both sides. Any other record bounds it from below. A clock outside these bounds decides nothing.

Source: PROTOCOL.md 5 (Deadlines).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fl.protocol.errors import ClockWrong
from fl.protocol.ports import Ledger
from fl.protocol.records import Entry, Position, Receipt, Record
from fl.roles.forwarding_ledger import NotingLedger

SKEW_S = 120
"""Public chains make a block every 12 s; the shortest step of a default plan takes 600 s."""
GAP_S = 60.0
"""Two looks further apart say too little about when a record came."""


class CheckedClock:
    """Seconds since 1970 by this machine, or ClockWrong."""

    def __init__(self, own: Callable[[], int], steady: Callable[[], float]) -> None:
        """Check `own` against the chain; `steady` counts seconds, and nobody can set it."""
        self._own = own
        self.steady = steady
        self._least: float | None = None
        self._most: float | None = None
        """Bounds of the chain's time minus `steady`."""

    def __call__(self) -> int:
        """Return the time.

        Raises:
            ClockWrong: the chain's time cannot be the same.
        """
        own, steady = self._own(), self.steady()
        if self._most is not None and own > self._most + steady + SKEW_S:
            raise ClockWrong(_amount(own - self._most - steady), "ahead of")
        if self._least is not None and own < self._least + steady - SKEW_S:
            raise ClockWrong(_amount(self._least + steady - own), "behind")
        return own

    def saw(self, timestamp: int, before: float | None) -> None:
        """Note the time of a block that exists now and did not exist at `before` (by `steady`)."""
        steady = self.steady()
        self._least = max(self._least or 0.0, timestamp - steady)
        if before is not None and steady - before <= GAP_S:
            self._most = timestamp - before
            self._least = min(self._least, self._most)  # the chain's own clock was set back, or stood still


class TimedLedger(NotingLedger):
    """A ledger that shows each new block's time to a clock."""

    def __init__(self, ledger: Ledger, clock: CheckedClock, lag_s: Callable[[], float] = lambda: 0.0) -> None:
        """`lag_s` returns how many seconds after its block a record may appear here, because it must be confirmed."""
        super().__init__(ledger)
        self._lag_s = lag_s
        self.inner = ledger
        self.clock = clock
        self._clock = clock
        self._looked: float | None = None
        """When this ledger last read everything that existed, by the steady clock."""

    def append(self, record: Record) -> Receipt:
        before = self._clock.steady()
        receipt = super().append(record)
        self._clock.saw(receipt.entry.timestamp, before)  # its block was mined during the call
        return receipt

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        before = self._clock.steady()
        entries = super().replay(after)
        if entries:
            looked = None if after is None or self._looked is None else self._looked - self._lag_s()
            self._clock.saw(entries[-1].timestamp, looked)
        self._looked = before
        return entries

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        before = self._clock.steady()
        news = super().wait(after, timeout_s)
        if not news:
            self._looked = before
        return news


def _amount(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{round(seconds / size)} {unit}"
    return f"{round(seconds)} seconds"
