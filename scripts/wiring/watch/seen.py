"""What an agent's process has seen of itself, for its metrics, its health and its signs of life.

Invariant: every number here is a count or a time; no fact of a patient, no key and no weight comes here. Threads share
it: the agent writes, and the threads of the metrics read.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fl.events import Event
from fl.protocol.errors import ChainUnavailable, HemaledgerError

VAULT_KINDS: Mapping[str, str] = {
    "VaultMissing": "missing",
    "VaultUnavailable": "unavailable",
    "VaultForbidden": "forbidden",
    "StorageFull": "full",
}
"""Label in the metrics -> by error; a test binds it to the errors."""
KINDS: Mapping[str, str] = {
    "ChainUnavailable": "chain",
    "LedgerSilent": "chain",
    "TransactionTimeout": "chain",
    "BidAtLimit": "chain",
    "FeeAboveLimit": "chain",
    "AccountEmpty": "chain",
    "VaultUnavailable": "vault",
    "VaultForbidden": "vault",
    "VaultMissing": "file",
    "ClockWrong": "clock",
    "StorageFull": "disk",
    "TrainingStopped": "training",
}
"""By error."""


@dataclass
class Seen:
    """The figures of one process."""

    clock: Callable[[], float]
    """Seconds since 1970."""
    began: float = 0.0
    alive: float = 0.0
    """When the agent last ended a step well."""
    waits: str = ""
    """Why the last step did not end; empty if it did."""
    waits_kind: str = ""
    """The same in one of the words of signs_of_life.REASONS."""
    epoch: int = 0
    epochs: int = 0
    """Of the training that runs or ran last."""
    events: Counter[str] = field(default_factory=Counter)
    vault_errors: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    chain_errors: int = 0
    stopping: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.began = self.alive = self.clock()

    def saw(self, what: Event) -> None:
        with self._lock:
            self.events[what.name.lower()] += 1

    def step_ended(self) -> None:
        """Note that a step ended well."""
        self.alive, self.waits, self.waits_kind = self.clock(), "", ""

    def failed(self, error: HemaledgerError) -> None:
        """Note a fault of the world that the agent will meet with another try."""
        with self._lock:
            self.retries += 1
            kind = VAULT_KINDS.get(error.name)
            if kind is not None:
                self.vault_errors[kind] += 1
            if isinstance(error, ChainUnavailable):
                self.chain_errors += 1
            self.waits, self.waits_kind = str(error), KINDS.get(error.name, "other")

    def vault_failed(self, error: HemaledgerError) -> None:
        """Note a fault of the vault that stopped no step."""
        with self._lock:
            self.vault_errors[VAULT_KINDS.get(error.name, "unavailable")] += 1

    def trained(self, epoch: int, epochs: int) -> None:
        self.epoch, self.epochs = epoch, epochs

    def copy(self) -> tuple[Counter[str], Counter[str]]:
        """Return the counts of events and of the vault's errors."""
        with self._lock:
            return Counter(self.events), Counter(self.vault_errors)
