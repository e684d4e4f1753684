"""Reads a ledger with wide rounds: what is in their batches, as entries of the same block.

Invariant: entries are in ledger order and are never taken back. A batch whose file is missing or wrong stops the
reading there; when the round was aborted, what is left of it is skipped.

Source: PROTOCOL.md 5W.2.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence

from fl.crypto.hpke_keys import verify_possession
from fl.protocol.errors import BatchInvalid, HashMismatch, HemaledgerError, RoundBlocked, UnavailableError, VaultMissing
from fl.protocol.federation import Federation, fold
from fl.protocol.ports import Endorser, Ledger, Vault
from fl.protocol.records import BatchRecord, Entry, Position, Record, RoundAborted, WideRoundOpened
from fl.protocol.rounds.round import Round
from fl.replay.batches import Expanded, expand
from fl.replay.whole_round import WholeRound


class BatchReader:
    """The entries of one ledger; safe to use from several threads."""

    def __init__(self, ledger: Ledger, vault: Vault, endorser: Endorser, *, strict: bool, own_cluster: bool) -> None:
        """Read as BatchedLedger says."""
        self._ledger = ledger
        self._vault = vault
        self._endorser = endorser
        self._strict = strict
        self.viewer = ledger.account if own_cluster else None
        """Whose cluster alone is seen in a round with clusters; None: all are seen."""
        self._whole: WholeRound | None = None
        """The newest round with clusters, for who sees its own cluster alone."""
        self._lock = threading.RLock()
        self._waiting: list[Entry] = []
        """Read from the chain, not expanded yet."""
        self._read: Position | None = None
        """Of the newest entry that was read from the chain."""
        self._entries: list[Entry] = []
        self._positions: list[Position] = []
        self._federation = Federation(ledger.anchor, verify_possession)
        self._folded = 0
        """How many entries are in the federation."""
        self.batches: list[Record] = []
        """What was read of wide rounds, as it is on the chain."""
        self._problem: HemaledgerError | None = None
        self._wrong: tuple[Entry, BatchInvalid] | None = None
        """The newest batch that was found wrong."""
        self._wide = False
        """Whether any round was wide."""

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        """Return every entry behind `after`; raises as the chain's ledger.

        Raises:
            VaultMissing, VaultUnavailable, BatchInvalid: a strict reader cannot read a batch.
        """
        with self._lock:
            self._advance()
            if self._strict and self._problem is not None:
                raise self._problem
            return self._known(after)

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        """Block until there is an entry behind `after`; False if `timeout_s` passed first.

        Raises:
            VaultMissing, VaultUnavailable, RoundBlocked: the next batch cannot be read, so nothing comes.
        """
        with self._lock:
            if self._known(after):
                return True
            read = self._read
        news = self._ledger.wait(read, timeout_s)
        with self._lock:
            if news or self._problem is not None:  # a missing file may have come
                self._advance()
            if self._known(after):
                return True
            if isinstance(self._problem, UnavailableError):
                raise self._problem
            if self._problem is not None:
                raise RoundBlocked(str(self._problem))
        return False

    def _known(self, after: Position | None) -> list[Entry]:
        start = 0 if after is None else bisect_right(self._positions, after)
        return self._entries[start:]

    def _advance(self) -> None:
        news = self._ledger.replay(self._read)
        self._waiting += news
        self.batches += [entry.record for entry in news if isinstance(entry.record, BatchRecord)]
        self._read = news[-1].position if news else self._read
        self._problem = None
        while self._waiting and self._problem is None:
            self._take(self._waiting[0])

    def _take(self, raw: Entry) -> None:
        """Move the first waiting entry to the known ones, or note why it cannot be read."""
        if not isinstance(raw.record, BatchRecord):
            self._add([raw])
            if self._whole is not None:
                self._whole.note(raw)
            return
        federation = self.now()
        try:
            made = self._expanded(raw, federation)
        except (UnavailableError, BatchInvalid) as error:
            if not isinstance(error, VaultMissing | BatchInvalid) or not self._skip(raw.record):
                self._problem = error
            return
        self._add(made.entries)
        self._wide = True
        if isinstance(raw.record, WideRoundOpened):
            partial = made.federation.rounds[-1].viewer is not None
            self._whole = WholeRound(federation, raw) if partial else None
        elif self._whole is not None:
            self._whole.note(raw)
        self._federation, self._folded = made.federation, len(self._entries)

    def _expanded(self, raw: Entry, federation: Federation) -> Expanded:
        """Expand a batch; what was found wrong in the very bytes of its file stays wrong, and is not checked again."""
        if self._wrong is not None and self._wrong[0] == raw:
            raise self._wrong[1].with_traceback(None)
        try:
            return expand(raw, federation, self._vault, self._endorser, self.viewer)
        except BatchInvalid as error:
            if not isinstance(error.__cause__, HashMismatch):
                self._wrong = (raw, error)
            raise

    def _add(self, entries: Sequence[Entry]) -> None:
        self._waiting.pop(0)
        self._entries += entries
        self._positions += [entry.position for entry in entries]

    def _skip(self, lost: BatchRecord) -> bool:
        """Remove the rest of a round that was aborted since; False if it was not. An opening is never skipped."""
        if isinstance(lost, WideRoundOpened):
            return False
        ends = [
            place
            for place, each in enumerate(self._waiting)
            if isinstance(each.record, RoundAborted) and each.record.round == lost.round
        ]
        if not ends:
            return False
        rest = [each for each in self._waiting[: ends[0]] if not isinstance(each.record, BatchRecord)]
        self._waiting = rest + self._waiting[ends[0] :]
        return True

    def now(self) -> Federation:
        """Return the ledger up to the newest known entry."""
        with self._lock:
            self._federation = fold(self._federation, self._entries[self._folded :])
            self._folded = len(self._entries)
            return self._federation

    def wide_round(self) -> Round | None:
        """Return the running round if it is wide. Without any wide round, no ledger is folded here."""
        with self._lock:
            if not self._wide:
                return None
            current = self.now().active_round
        return current if current is not None and current.wide is not None else None

    def whole(self, current: Round) -> Round:
        """Return a round with all its clusters, for a hospital that sums it again; any other round unchanged.

        Raises:
            VaultMissing, VaultUnavailable, BatchInvalid: a file of another cluster is missing, or breaks a rule.
        """
        with self._lock:
            if current.viewer is None or self._whole is None:
                return current
            return self._whole.read(self._vault, self._endorser)
