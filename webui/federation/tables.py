"""Answers of the current models of tables, each from a federation of its own.

Invariant: adapters only translate; fl/roles/serving and fl/replay make every check. A model answers only if its means
and spreads follow from the sums on its ledger, and if its training has ended.

Source: webui/ports/tables.py (the port); PROTOCOL.md 5L.
Not here: the arithmetic. It is in a process of its own (scripts/predictor), because this one never loads torch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import FederationNotOpened, ModelUnusable, NonFinite, RefusedError, UnavailableError
from fl.protocol.ports import Endorser, Ledger, Vault
from fl.replay.ledger_view import Keyring
from fl.replay.round_documents import digest_of
from fl.replay.table_design import TableDesigns
from fl.roles.serving.current_model import NO_LEDGER, Current, Verified, VerifiedCache
from fl.roles.serving.model_facts import Fact, State, Verification
from fl.training.tables.answer import Risk, unlike
from fl.training.tables.design import Design
from fl.training.tables.document import design_in, document_of, has_ended
from webui.federation.audits import report_on
from webui.federation.predictions import describe, gone_back_of
from webui.ports.federation import GoneBack, ServedModel
from webui.ports.tables import TableAnswer, TableAnswers, TableModel

Reals = npt.NDArray[np.float64]


class TableCalculator(Protocol):
    """A model of a table that computes; it may run in another process."""

    def risk(self, values: Reals) -> Risk:
        """Return the answer for float64 [columns]; raise NonFinite, or UnavailableError if it does not answer now."""
        ...

    def risks(self, values: Reals) -> Reals:
        """Return float64 [n, 3], probability and interval, for [n, columns]; raises as `risk`."""
        ...


OpenTable = Callable[[str, bytes], TableCalculator]
"""(key, document) -> what computes; raises MalformedError if the document is no usable model."""


@dataclass(frozen=True)
class OpenedTable:
    """A model of a table that answers."""

    design: Design
    calculator: TableCalculator


@dataclass(frozen=True)
class TableSource:
    """The federation of one table, as this hospital reads it."""

    ledger: Ledger
    vault: Vault
    keyring: Keyring
    endorser: Endorser
    """Checks signatures; its own key is not used."""
    now: Callable[[], int]
    """Seconds since 1970."""

    def cache(self, key: str, open_table: OpenTable) -> VerifiedCache[OpenedTable]:
        account = self.ledger.account

        def build(one: Verified) -> OpenedTable:
            training = one.config.training
            if not has_ended(training, one.vector):
                raise FederationNotOpened
            designs = TableDesigns(account, one.reader, self.vault, self.endorser)
            try:
                designs.check(one.federation, one.round, one.config)
            except RefusedError as error:
                raise ModelUnusable(one.round.number, str(error)) from error
            document = document_of(training, one.vector, digest_of(one.round))
            return OpenedTable(design_in(training), open_table(key, document))

        return VerifiedCache(self.ledger, self.vault, account, self.keyring, self.now, build)


class FederationTables:
    """Implements TableService; safe to use from several threads."""

    def __init__(self, sources: Mapping[str, Callable[[], TableSource]], open_table: OpenTable) -> None:
        """Answer for each key of `sources`; what it gives opens the federation, or raises UnavailableError."""
        self._sources = dict(sources)
        self._open_table = open_table
        self._opened = dict[str, tuple[VerifiedCache[OpenedTable], Vault]]()
        self._locks = {key: threading.Lock() for key in sources}

    def keys(self) -> Sequence[str]:
        return tuple(self._sources)

    def model(self, key: str) -> TableModel:
        return self._describe(key, self._cache(key).current())

    def answer(self, key: str, values: Reals) -> TableAnswer:
        current = self._cache(key).current()
        opened = current.predictor
        try:
            risk = opened.calculator.risk(values)
        except NonFinite as error:
            raise ModelUnusable(current.round.number, str(error)) from error
        return TableAnswer(risk, unlike(opened.design, values), self._describe(key, current))

    def answers(self, key: str, values: Reals) -> TableAnswers:
        current = self._cache(key).current()
        opened = current.predictor
        try:
            chances = opened.calculator.risks(values)
        except NonFinite as error:
            raise ModelUnusable(current.round.number, str(error)) from error
        far = tuple(unlike(opened.design, row) for row in values)
        return TableAnswers(chances, far, self._describe(key, current))

    def again(self, key: str, model: ServedModel) -> Verification:
        try:
            return self._cache(key).again(model.round, model.model_digest, model.envelope_digest)
        except UnavailableError:  # it was not opened since the start
            return Verification(Fact(State.UNKNOWN, 0, NO_LEDGER), None, None)

    def gone_back(self, key: str) -> GoneBack | None:
        return gone_back_of(self._cache(key).known())

    def _cache(self, key: str) -> VerifiedCache[OpenedTable]:
        """Return the open federation of a table; open it if that was not possible before."""
        with self._locks[key]:
            if key not in self._opened:
                source = self._sources[key]()
                self._opened[key] = source.cache(key, self._open_table), source.vault
            return self._opened[key][0]

    def _describe(self, key: str, current: Current[OpenedTable]) -> TableModel:
        report = report_on(current.round, self._opened[key][1])
        return TableModel(key, current.predictor.design.schema, describe(current), report)
