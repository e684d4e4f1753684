"""Ledger and vault for somebody who answers people: nobody waits long for a silent one, and never twice.

Invariant: a question is waited for `patience_s` at most. From then on everybody is told at once that there is no
answer, while one thread goes on asking, after pauses of 1 to 5 s. The first answer that comes ends the silence.

Source: M. Nygard, Release It!, "Circuit Breaker"; the pauses are those of an exponential back-off with a cap.
Not here: what goes on without them (current_model.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from fl.protocol.errors import LedgerSilent, UnavailableError, VaultUnavailable
from fl.protocol.names import Address, Blob, Digest
from fl.protocol.ports import Anchor, Ledger, Mark, Vault
from fl.protocol.records import Entry, Position, Receipt, Record
from fl.roles.serving.bounded_call import Worker

T = TypeVar("T")
PATIENCE_S = 2.0
"""How long somebody who looks at a page waits for the ledger."""
QUICK_S = 0.25
"""A refusal that comes sooner costs nobody time: such a node is asked each time."""
FRESH_S = 5.0
"""An answer that came too late for who asked counts for the next one who asks the same within this time."""
PAUSES_S = (1.0, 2.0, 4.0, 5.0)
"""Before each further question to a silent node; the last one is repeated."""
VAULT_PATIENCE_S = 3.0
"""How long somebody waits for a file: more than the slowest disk needs for the largest model."""


@dataclass(frozen=True)
class _Late:
    """An answer that came when nobody waited any more."""

    after: Position | None
    entries: Sequence[Entry]
    at: float


class CircuitBreakerLedger:
    """Implements Ledger over another; safe to use from several threads."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float], patience_s: float = PATIENCE_S) -> None:
        """Ask `ledger`, but wait `patience_s` at most; `clock` gives seconds since any moment."""
        self._ledger = ledger
        self._clock = clock
        self._patience_s = patience_s
        self._worker = Worker("ledger")
        self._silent: UnavailableError | None = None
        """What to say while the node is silent."""
        self._late: _Late | None = None
        self._lock = threading.Lock()
        self.answering = threading.Event()
        """Set unless the node is silent; for who wants to wait until it is heard again."""
        self.answering.set()

    @property
    def anchor(self) -> Anchor:
        """Return what this ledger is."""
        return self._ledger.anchor

    @property
    def account(self) -> Address:
        """Return the account that signs what is appended."""
        return self._ledger.account

    def append(self, record: Record) -> Receipt:
        """Sign and append `record`; raises as Ledger.append, at once while the node is silent."""
        self._check_silence()
        return self._ledger.append(record)

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        """Return every entry behind `after`; raises as Ledger.replay, after `patience_s` at most."""
        self._check_silence()
        begun, late = self._clock(), self._late
        if late is not None and late.after == after and begun - late.at <= FRESH_S:
            self._late = None
            return late.entries
        asked = self._ask(after)
        try:
            return asked.result(self._patience_s)
        except TimeoutError:
            error: UnavailableError = LedgerSilent(self._patience_s)
        except UnavailableError as failure:
            if self._clock() - begun < QUICK_S:
                raise
            error = failure
        if not asked.cancel():  # else it never began: who asked before is late as well, and sees to it
            self._fall_silent(error, after, asked)
        raise error.with_traceback(None)

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        """Block until an entry behind `after` exists; False when `timeout_s` passed first."""
        return self._ledger.wait(after, timeout_s)

    def _check_silence(self) -> None:
        silent = self._silent  # another thread may end the silence meanwhile
        if silent is not None:
            raise silent.with_traceback(None)

    def _ask(self, after: Position | None) -> Future[Sequence[Entry]]:
        return self._worker.begin(lambda: self._ledger.replay(after))

    def _fall_silent(self, error: UnavailableError, after: Position | None, asked: Future[Sequence[Entry]]) -> None:
        with self._lock:
            if self._silent is not None:
                return
            self._silent = error
            self.answering.clear()
        threading.Thread(target=self._listen, args=(after, asked), name="ledger-again", daemon=True).start()

    def _listen(self, after: Position | None, asked: Future[Sequence[Entry]]) -> None:
        """Wait for the answer, and ask again until one comes; then end the silence."""
        pauses = iter(PAUSES_S)
        while True:
            try:
                self._late = _Late(after, asked.result(), self._clock())
            except UnavailableError:
                threading.Event().wait(next(pauses, PAUSES_S[-1]))
                asked = self._ask(after)
                continue
            except Exception:  # noqa: BLE001, S110 - the next one who asks hears it; the silence ends in any case
                pass
            break
        self._silent = None
        self.answering.set()


class CircuitBreakerVault:
    """Implements Vault over another whose disk may hang (a network mount whose server is gone)."""

    def __init__(self, vault: Vault, where: str, patience_s: float = VAULT_PATIENCE_S) -> None:
        """Use `vault`, which lies at `where`, but wait `patience_s` at most."""
        self._vault = vault
        self._where = where
        self._patience_s = patience_s
        self._worker = Worker("vault")
        self._late: Future[Any] | None = None
        """The work that hangs, or hung last."""

    @property
    def checked(self) -> bool:
        """Return whether `get` compares a file with its digest."""
        return self._vault.checked

    def put(self, data: Blob) -> Digest:
        """Store `data`; raises as Vault.put."""
        return self._do(lambda: self._vault.put(data))

    def get(self, digest: Digest, cap: int) -> bytes:
        """Return the file; raises as Vault.get."""
        return self._do(lambda: self._vault.get(digest, cap))

    def has(self, digest: Digest) -> bool:
        """Return whether a file of that name exists."""
        return self._do(lambda: self._vault.has(digest))

    def mark(self, digest: Digest) -> Mark | None:
        """Return the mark of the file of that name, None when there is none."""
        return self._do(lambda: self._vault.mark(digest))

    def _do(self, work: Callable[[], T]) -> T:
        if self._late is not None and not self._late.done():
            raise self._hangs()
        begun = self._worker.begin(work)
        try:
            return begun.result(self._patience_s)
        except TimeoutError:
            if not begun.cancel():
                self._late = begun
            raise self._hangs() from None

    def _hangs(self) -> VaultUnavailable:
        return VaultUnavailable(self._where, f"the disk gave no answer within {self._patience_s:g} s")
