"""Circuit breakers for ledger and vault: after one slow call, further calls fail at once.

Invariant: a call waits at most `patience_s`. After a timeout every call fails at once, while one thread keeps asking
with pauses of 1 to 5 s. The first answer closes the circuit again.

Source: M. Nygard, Release It!, "Circuit Breaker"; the pauses are those of an exponential back-off with a cap.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from fl.protocol.errors import LedgerSilent, UnavailableError, VaultUnavailable
from fl.protocol.names import Blob, Digest
from fl.protocol.ports import Ledger, Mark, Vault
from fl.protocol.records import Entry, Position, Receipt, Record
from fl.roles.forwarding_ledger import ForwardingLedger
from fl.roles.serving.bounded_call import Worker

T = TypeVar("T")
PATIENCE_S = 2.0
"""How long a page waits for the ledger."""
QUICK_S = 0.25
"""A call that fails sooner costs no time, so it does not open the circuit."""
FRESH_S = 5.0
"""A late answer is used for the next call with the same question within this time."""
PAUSES_S = (1.0, 2.0, 4.0, 5.0)
"""Before each further question to a silent node; the last one is repeated."""
VAULT_PATIENCE_S = 3.0
"""How long a page waits for a file: more than the slowest disk needs for the largest model."""


@dataclass(frozen=True)
class _Late:
    """An answer that came after its caller stopped waiting."""

    after: Position | None
    entries: Sequence[Entry]
    at: float


class CircuitBreakerLedger(ForwardingLedger):
    """A ledger that answers or fails within `patience_s`; safe to use from several threads."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float], patience_s: float = PATIENCE_S) -> None:
        """Ask `ledger`; `clock` gives seconds since any moment."""
        super().__init__(ledger)
        self._clock = clock
        self._patience_s = patience_s
        self._worker = Worker("ledger")
        self._silent: UnavailableError | None = None
        """The error to raise while the node is silent."""
        self._late: _Late | None = None
        self._lock = threading.Lock()
        self.answering = threading.Event()
        """Set unless the node is silent; a thread can wait here until the node answers again."""
        self.answering.set()

    def append(self, record: Record) -> Receipt:
        self._check_silence()
        return super().append(record)

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
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
        if not asked.cancel():  # if it never started, the call before it is late as well and opens the circuit
            self._fall_silent(error, after, asked)
        raise error.with_traceback(None)

    def _check_silence(self) -> None:
        silent = self._silent  # read once, because another thread may end the silence
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
        """Wait for the answer, and ask again until one comes; then close the circuit."""
        pauses = iter(PAUSES_S)
        while True:
            try:
                self._late = _Late(after, asked.result(), self._clock())
            except UnavailableError:
                threading.Event().wait(next(pauses, PAUSES_S[-1]))
                asked = self._ask(after)
                continue
            except Exception:  # noqa: BLE001, S110 - the next call gets this error; the node is not silent
                pass
            break
        self._silent = None
        self.answering.set()


class CircuitBreakerVault:
    """A vault that answers or fails within `patience_s`, even if its disk hangs (e.g. a dead network mount)."""

    def __init__(self, vault: Vault, where: str, patience_s: float = VAULT_PATIENCE_S) -> None:
        self._vault = vault
        self._where = where
        self._patience_s = patience_s
        self._worker = Worker("vault")
        self._late: Future[Any] | None = None
        """The last call that did not end in time."""

    @property
    def checked(self) -> bool:
        return self._vault.checked

    def put(self, data: Blob) -> Digest:
        return self._do(lambda: self._vault.put(data))

    def get(self, digest: Digest, cap: int) -> bytes:
        return self._do(lambda: self._vault.get(digest, cap))

    def has(self, digest: Digest) -> bool:
        return self._do(lambda: self._vault.has(digest))

    def mark(self, digest: Digest) -> Mark | None:
        return self._do(lambda: self._vault.mark(digest))

    def _do(self, work: Callable[[], T]) -> T:
        if self._late is not None and not self._late.done():
            raise self._hangs()
        future = self._worker.begin(work)
        try:
            return future.result(self._patience_s)
        except TimeoutError:
            if not future.cancel():
                self._late = future
            raise self._hangs() from None

    def _hangs(self) -> VaultUnavailable:
        return VaultUnavailable(self._where, f"the disk gave no answer within {self._patience_s:g} s")
