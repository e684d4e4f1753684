"""This machine's clock, compared with the blocks that come while it looks: deadlines are the chain's.

Invariant: a record that was not there at one look and is there at the next was mined in between, so its block's time
bounds the chain's time from both sides; any record bounds it from below. A clock outside of these bounds decides
nothing.

Source: PROTOCOL.md 5 (Deadlines).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fl.protocol.errors import ClockWrong
from fl.protocol.names import Address
from fl.protocol.ports import Anchor, Ledger
from fl.protocol.records import Entry, Position, Receipt, Record

SKEW_S = 120
"""Blocks of public chains come 12 s apart; the shortest step that a plan sets by default takes 600 s."""
GAP_S = 60.0
"""Two looks further apart say too little of when a record came."""


class CheckedClock:
    """Seconds since 1970 by this machine, or ClockWrong."""

    def __init__(self, own: Callable[[], int], steady: Callable[[], float]) -> None:
        """Check `own` by what is seen of the chain; `steady` counts seconds and is never set."""
        self._own = own
        self.steady = steady
        self._least: float | None = None
        self._most: float | None = None
        """The chain's time less `steady`, at least and at most."""

    def __call__(self) -> int:
        """Return the time.

        Raises:
            ClockWrong: it cannot be the chain's.
        """
        own, steady = self._own(), self.steady()
        if self._most is not None and own > self._most + steady + SKEW_S:
            raise ClockWrong(_amount(own - self._most - steady), "ahead of")
        if self._least is not None and own < self._least + steady - SKEW_S:
            raise ClockWrong(_amount(self._least + steady - own), "behind")
        return own

    def saw(self, timestamp: int, before: float | None) -> None:
        """Take note of a block that is there now, and was not yet `before`, by `steady`."""
        steady = self.steady()
        self._least = max(self._least or 0.0, timestamp - steady)
        if before is not None and steady - before <= GAP_S:
            self._most = timestamp - before
            self._least = min(self._least, self._most)  # the chain's own clock was set back, or waited


@dataclass
class TimedLedger:
    """A ledger that shows each new block's time to a clock."""

    ledger: Ledger
    clock: CheckedClock
    _looked: float | None = None
    """When everything was seen that was there, by the steady clock."""

    @property
    def anchor(self) -> Anchor:
        """Return what this ledger is."""
        return self.ledger.anchor

    @property
    def account(self) -> Address:
        """Return the account that signs what is appended."""
        return self.ledger.account

    def append(self, record: Record) -> Receipt:
        """Append; the block that holds the record was mined meanwhile."""
        before = self.clock.steady()
        receipt = self.ledger.append(record)
        self.clock.saw(receipt.entry.timestamp, before)
        return receipt

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        """Return the entries behind `after`; the newest was mined since the last look."""
        before = self.clock.steady()
        entries = self.ledger.replay(after)
        if entries:
            self.clock.saw(entries[-1].timestamp, self._looked if after is not None else None)
        self._looked = before
        return entries

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        """Wait for an entry behind `after`."""
        before = self.clock.steady()
        news = self.ledger.wait(after, timeout_s)
        if not news:
            self._looked = before
        return news


def _amount(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{round(seconds / size)} {unit}"
    return f"{round(seconds)} seconds"
