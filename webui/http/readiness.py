"""Which parts of the site answer now, for an operator's probes.

Invariant: strangers may read it, so it names no address, path or person. Each part is checked within seconds.

Source: Kubernetes' three kinds of probes (live, ready); docs/site.md.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import text

from fl.protocol.errors import (
    HemaledgerError,
    TamperedError,
    UnavailableError,
    VaultMissing,
    VaultUnavailable,
)
from fl.roles.serving.model_facts import Fact, State
from webui.ports.federation import PredictionService
from webui.site import Site
from webui.store.database import Database

OK, UNKNOWN, DOWN = "ok", "cannot be checked now", "does not answer"
NO_MODEL, CONTRADICTED = "no round is final yet", "do not use: it contradicts the ledger"


@dataclass(frozen=True)
class Readiness:
    """Each part of the site in a few words."""

    database: str
    chain: str
    vault: str
    model: str
    checked_at: int | None = None
    """Seconds since 1970: when the ledger last confirmed the model."""

    @property
    def answers(self) -> bool:
        """Return whether a patient who uploads a picture gets an answer now."""
        return self.database == OK and self.model == OK

    @property
    def whole(self) -> bool:
        return {self.database, self.chain, self.vault, self.model} == {OK}

    def document(self) -> dict[str, object]:
        status = "ok" if self.whole else "degraded" if self.answers else "unavailable"
        parts = {name: getattr(self, name) for name in ("database", "chain", "vault", "model")}
        return {"status": status, **parts, "checked_at": self.checked_at}


def readiness(site: Site) -> Readiness:
    return _of_model(_database(site.database), site.services.predictions)


def _database(database: Database) -> str:
    try:
        with database.reading() as session:
            session.execute(text("SELECT 1"))
    except HemaledgerError:
        return DOWN
    return OK


def _of_model(database: str, predictions: PredictionService) -> Readiness:
    try:
        known = predictions.model().verification
    except TamperedError:
        return Readiness(database, OK, UNKNOWN, CONTRADICTED)
    except (VaultMissing, VaultUnavailable):
        return Readiness(database, OK, DOWN, UNKNOWN)
    except UnavailableError:
        return Readiness(database, DOWN, UNKNOWN, UNKNOWN)
    except HemaledgerError:
        return Readiness(database, OK, UNKNOWN, NO_MODEL)
    return Readiness(database, _part(known.ledger), _part(known.file), OK, known.ledger.at)


def _part(fact: Fact | None) -> str:
    return OK if fact is not None and fact.state == State.CHECKED else UNKNOWN
