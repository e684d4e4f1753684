"""The model in force, opened on the verified path and kept while the ledger stands by it.

Invariant: a model serves only after its digest, sender and final round were checked on the ledger and its envelope was
opened; when the ledger does not answer, the last verified model serves on, marked with the time of its check.

Source: PROTOCOL.md 4 (receive order) and 8 (a cached model is "unverified since T").
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from fl.protocol.errors import FederationNotOpened, UnavailableError
from fl.protocol.federation import Federation
from fl.protocol.names import Address
from fl.protocol.ports import Ledger, Vault
from fl.protocol.round import Round
from fl.protocol.task import Task
from fl.roles.artefacts import Reader, read_config, read_manifest
from fl.roles.release import Releases
from fl.roles.requester import Requester
from fl.roles.view import Keyring, LedgerView, Stopwatch
from fl.training.predict import Predictor
from fl.training.recipe import Recipe


@dataclass(frozen=True)
class Served:
    """A verified model."""

    round: Round
    task: Task
    predictor: Predictor
    federation: Federation
    verified: bool
    """False when the ledger did not answer just now."""
    verified_at: int
    """Seconds since 1970."""


class ModelReader:
    """Keeps the newest final model of a federation open for one member; safe among threads."""

    def __init__(self, ledger: Ledger, vault: Vault, member: tuple[Address, Keyring], now: Callable[[], int]) -> None:
        self._view = LedgerView(ledger)
        self._vault = vault
        self._now = now
        account, keyring = member
        release = Releases(self._view, Requester(ledger, vault, keyring))
        self._reader = Reader(account, vault, keyring, Stopwatch(lambda: 0.0), release)
        self._served: Served | None = None
        self._lock = threading.Lock()

    def federation(self) -> Federation:
        """Return the ledger folded up to now."""
        with self._lock:
            return self._view.refresh()

    def current(self) -> Served:
        """Return the model in force, checked against the ledger now.

        Raises:
            FederationNotOpened: no round is final yet.
            UnavailableError: the chain or the vault does not answer and no verified model is at hand.
            TamperedError: the ledger contradicts the file; nothing serves.
        """
        with self._lock:
            try:
                return self._serve(self._view.refresh())
            except UnavailableError:
                if self._served is None:
                    raise
                self._served = replace(self._served, verified=False)
                return self._served

    def _serve(self, federation: Federation) -> Served:
        final = federation.final_round
        if final is None:
            raise FederationNotOpened
        now = self._now()
        kept = self._served
        if kept is not None and kept.round.context == final.context:
            self._served = replace(kept, federation=federation, verified=True, verified_at=now)
            return self._served
        config = read_config(final, self._vault)
        vector = self._reader.model(final, read_manifest(federation.opening, self._vault))
        predictor = Predictor(Recipe.of(config).spec, vector)
        self._served = Served(final, config.task, predictor, federation, verified=True, verified_at=now)
        return self._served
