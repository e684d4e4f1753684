"""Which models are no longer in use, because the coordinator went back to an earlier one.

Invariant: the models of pictures and of each table come from ledgers of their own; each is asked about its own models.

Source: PROTOCOL.md 5X.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from fl.protocol.errors import UnavailableError
from webui.ports.federation import GoneBack, PredictionService, ServedModel
from webui.ports.tables import TableService


@dataclass(frozen=True)
class ModelsInUse:
    """Answers about the models of one site."""

    predictions: PredictionService
    tables: TableService

    def gone_back(self, table: str = "") -> GoneBack | None:
        """Return the newest return to an earlier model, of pictures or of a table; None without one, or if unknown."""
        if not table:
            return self.predictions.gone_back()
        if table in self.tables.keys():  # noqa: SIM118 # a port, not a mapping
            with suppress(UnavailableError):
                return self.tables.gone_back(table)
        return None

    def ended(self, model: ServedModel, table: str = "") -> GoneBack | None:
        """Return the newest return if the model is no longer in use; else None."""
        back = self.gone_back(table)
        return back if back is not None and model.round in back.superseded else None
