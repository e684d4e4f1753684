"""The port to models of tables, and the values that cross it.

Invariant: as for pictures, a model answers only after every check (digest on the ledger, sender, final round, then
decryption, and its means and spreads are those of the ledger's sums). A site may have several such models, or none.

Source: webui/ports/federation.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from fl.roles.serving.model_facts import Verification
from fl.training.tables.answer import Risk
from fl.training.tables.schema import Schema

if TYPE_CHECKING:  # federation.py holds the services, this one among them
    from webui.ports.federation import GoneBack, Report, ServedModel

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TableModel:
    """The current model of one table."""

    key: str
    """The operator's name for it, as in addresses: `heart`."""
    schema: Schema
    served: ServedModel
    report: Report
    """The first readable report of an auditor, on rows that no hospital trains on."""


@dataclass(frozen=True)
class TableAnswer:
    """The answer for one person."""

    risk: Risk
    unlike: tuple[str, ...]
    """The columns whose values are far from those of the patients that the model learned from."""
    model: TableModel


@dataclass(frozen=True)
class TableAnswers:
    """The answers for many persons, without parts and texts."""

    chances: Reals
    """float64 [n, 3]: probability and interval, in 0..1."""
    unlike: tuple[tuple[str, ...], ...]
    """As `TableAnswer.unlike`, one per person."""
    model: TableModel


class TableService(Protocol):
    """The verified models of tables. A key that `keys` does not have raises KeyError."""

    def keys(self) -> Sequence[str]:
        """Return the names of the models, in the operator's order."""

    def model(self, key: str) -> TableModel:
        """Return a current model.

        Raises:
            FederationNotOpened: its training has not ended yet.
            UnavailableError: chain, vault or process do not answer, and no verified model is cached.
            TamperedError: the ledger contradicts the model.
        """

    def answer(self, key: str, values: Reals) -> TableAnswer:
        """Return one person's risk for float64 [columns], in the schema's order; NaN = not known. Raises as `model`."""

    def answers(self, key: str, values: Reals) -> TableAnswers:
        """Return the risks of many persons for float64 [n, columns]. Raises as `model`."""

    def again(self, key: str, model: ServedModel) -> Verification:
        """Check now whether the ledger names a model that answered earlier; the result may be unknown."""

    def gone_back(self, key: str) -> GoneBack | None:
        """Return the newest return to an earlier model, without asking the ledger; None without one.

        Raises:
            UnavailableError: the federation cannot be opened.
        """


class NoTables:
    """A site without models of tables."""

    def keys(self) -> Sequence[str]:
        return ()

    def model(self, key: str) -> TableModel:
        raise KeyError(key)

    def answer(self, key: str, values: Reals) -> TableAnswer:  # noqa: ARG002  # the port's signature
        raise KeyError(key)

    def answers(self, key: str, values: Reals) -> TableAnswers:  # noqa: ARG002
        raise KeyError(key)

    def again(self, key: str, model: ServedModel) -> Verification:  # noqa: ARG002
        raise KeyError(key)

    def gone_back(self, key: str) -> GoneBack | None:
        raise KeyError(key)
