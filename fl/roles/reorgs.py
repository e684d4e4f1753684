"""After a reorg that took back records: whether this agent can go on, and how its own records come back.

Invariant: an agent goes on only when the new history holds every record that the old one held, and nothing that this
agent published depends on a block that was replaced. What it sends meanwhile are its own records, unchanged. So no
promise is lost, and none is made twice. One exception: when the block that decides the graph of a wide round was
replaced, this round is over (graph_promise.py), and what followed that block in the round need not come back.

Source: PROTOCOL.md 8 (Reorgs), 5W.1 (A reorg that changes the graph).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fl.protocol.errors import ChainReorg, MalformedError, RefusedError, TamperedError, UnavailableError
from fl.protocol.names import Address
from fl.protocol.ports import Ledger
from fl.protocol.records import (
    LEDGER_RECORDS,
    BatchRecord,
    CeremonyStarted,
    Entry,
    FederationOpened,
    PhaseClosed,
    Record,
    RoundFrozen,
    RoundOpened,
    StepsAnchored,
    WideRoundOpened,
)
from fl.protocol.rounds.round import Phase
from fl.replay.batched_ledger import BatchedLedger
from fl.replay.ledger_view import LedgerView
from fl.roles.forwarding_ledger import NotingLedger

BOUND = (FederationOpened, RoundOpened, RoundFrozen, CeremonyStarted)
"""Files, statements and shares are bound to the hashes of these records' blocks."""
PATIENCE_S = 120.0
"""Every member's agent sends its own records again, one after the other, as blocks take them."""
LAGS = 10
"""On a network where records count late, each of this many that wait for each other gets its time."""
PAUSE_S = 1.0


@dataclass(frozen=True)
class Following:
    """One agent after one reorg.

    Attributes:
        error: What the agent's reader said.
        before: All entries that the agent had read, and those that it had recorded (`known_to`).
        account: The agent's own.
        sleep: Waits so many seconds; True if the agent shall stop.
        lag_s: How many seconds a record takes until it counts.
        batches: What the old ledger had of wide rounds, as it is on the chain (`batches_of`).
    """

    error: ChainReorg
    before: Sequence[Entry]
    account: Address
    sleep: Callable[[float], bool]
    lag_s: float = 0.0
    batches: Sequence[Record] = ()

    def restore(self, ledger: Ledger, patience_s: float | None = None) -> bool:
        """Wait until a fresh `ledger` holds every record of before; False if the agent shall stop.

        Raises:
            ChainReorg: the records did not all come back in time, or something that this agent published depends on a
                block that was replaced. If it is not `error` itself, the chain replaced blocks once more, and a fresher
                ledger is needed.
            UnavailableError: the chain did not answer in all that time.
        """
        until = time.monotonic() + (PATIENCE_S + LAGS * self.lag_s if patience_s is None else patience_s)
        while True:
            late = time.monotonic() >= until
            try:
                if self._is_back(ledger):
                    return True
            except UnavailableError:  # a node that follows a reorg may not answer for a while
                if late:
                    raise
            if late:
                raise self.error
            if self.sleep(PAUSE_S):
                return False

    def _is_back(self, ledger: Ledger) -> bool:
        """Return whether every record is back; send again what is this agent's own."""
        now = ledger.replay()
        over = rounds_over(self.before, now)
        before = without(self.before, over)
        if self._is_bound(before, now):
            raise self.error
        missing = missing_in(before, now)
        self._send_again(ledger, missing, over)
        return not missing

    def _is_bound(self, before: Sequence[Entry], now: Sequence[Entry]) -> bool:
        """Return whether this agent recorded something behind the first BOUND record whose block was replaced."""
        kept = {(entry.record, entry.block_hash) for entry in now if isinstance(entry.record, BOUND)}
        for place, entry in enumerate(before):
            if isinstance(entry.record, BOUND) and (entry.record, entry.block_hash) not in kept:
                return any(each.record.sender == self.account for each in before[place + 1 :])
        return False

    def _send_again(self, ledger: Ledger, missing: Sequence[Record], over: frozenset[int]) -> None:
        """Send this agent's own missing records, in their order; what is refused now is tried again later."""
        chain, there = (ledger.inner, batches_of(ledger)) if isinstance(ledger, BatchedLedger) else (ledger, ())
        batches = (record for record in self.batches if _round_of(record) not in over or _is_before_the_graph(record))
        lost = [(chain, record) for record in batches if record not in there]
        for where, record in [*lost, *((ledger, record) for record in missing)]:
            if record.sender != self.account:
                continue
            try:
                where.append(record)
            except (RefusedError, TamperedError, MalformedError, UnavailableError):
                return


def known_to(view: LedgerView, before: Sequence[Entry] = ()) -> Sequence[Entry]:
    """Return what an agent had read, and behind it what it had recorded and not read yet.

    A view that has read nothing yet stands for the history that was followed `before`.
    """
    if not view.entries:
        return before
    chain = view.ledger.inner if isinstance(view.ledger, BatchedLedger) else view.ledger
    sent = chain.sent if isinstance(chain, NotingLedger) else []
    news = (entry for entry in sent if entry.position > view.entries[-1].position)
    return [*view.entries, *(entry for entry in news if not isinstance(entry.record, BatchRecord))]


def batches_of(ledger: Ledger) -> Sequence[Record]:
    """Return what a ledger has read or recorded of wide rounds, as it is on the chain, in ledger order."""
    if not isinstance(ledger, BatchedLedger):
        return ()
    sent = ledger.inner.sent if isinstance(ledger.inner, NotingLedger) else []
    own = (entry.record for entry in sent if isinstance(entry.record, BatchRecord))
    return [*ledger.batches, *(record for record in own if record not in ledger.batches)]


def rounds_over(before: Sequence[Entry], now: Sequence[Entry]) -> frozenset[int]:
    """Return the wide rounds whose graph was replaced."""
    kept = {(entry.record, entry.block_hash) for entry in now if draws_graph(entry)}
    drawn = (entry for entry in before if draws_graph(entry))
    return frozenset(_round_of(entry.record) for entry in drawn if (entry.record, entry.block_hash) not in kept)


def draws_graph(entry: Entry) -> bool:
    """Return whether the graph of a wide round follows from the hash of a record's block (5W.1)."""
    record = entry.record
    return isinstance(record, PhaseClosed) and record.phase == Phase.ADVERTISE and entry.position.part > 0


def without(before: Sequence[Entry], over: frozenset[int]) -> list[Entry]:
    """Return the entries without what followed the graph in the rounds that are over."""
    left, begun = [], set[int]()
    for entry in before:
        number = _round_of(entry.record)
        if number not in begun:
            left.append(entry)
        if number in over and draws_graph(entry):
            begun.add(number)
    return left


def _round_of(record: Record) -> int:
    """Return the round in which a record is; 0 if it is in none."""
    number = getattr(record, "round", 0)
    return number if isinstance(record, LEDGER_RECORDS) and isinstance(number, int) else 0


def _is_before_the_graph(record: Record) -> bool:
    """Return whether a transaction of a wide round opens it or ends ADVERTISE."""
    return isinstance(record, WideRoundOpened) or (
        isinstance(record, StepsAnchored) and record.phase == Phase.ADVERTISE
    )


def missing_in(before: Sequence[Entry], now: Sequence[Entry]) -> list[Record]:
    """Return the records of `before` that `now` does not hold, in their order."""
    there = Counter(entry.record for entry in now)
    missing = []
    for entry in before:
        if there[entry.record]:
            there[entry.record] -= 1
        else:
            missing.append(entry.record)
    return missing
