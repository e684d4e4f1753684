"""The site's connection to the process that computes with models of tables (table_child.py).

Invariant: as for pictures: the process gets only verified models, and the site accepts only answers that name them. It
holds one model per table; a newer one replaces an older one.

Source: fl/training/tables/document.py (what is sent), answer.py (what comes back).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fl.protocol.codec import Writer, parse_document
from fl.protocol.errors import (
    DatasetUnusable,
    EncodingError,
    NonFinite,
    PredictorSilent,
    WeightsMismatch,
    WeightsTooLarge,
)
from fl.training.tables.answer import Risk
from scripts.predictor.messages import Message
from scripts.predictor.process import PATIENCE, ChildProcess, Patience, twice

TABLE_CHILD = (sys.executable, "-m", "scripts.predictor.table_child")
TABLE_REFUSALS = (DatasetUnusable, EncodingError, NonFinite, WeightsMismatch, WeightsTooLarge)
ANSWER_CAP = 1 << 19
"""Bytes of one person's answer."""
CHANCES = 3
"""Probability and the ends of its interval."""
Reals = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RemoteTable:
    """A model of a table that the process runs (a webui.federation.tables.TableCalculator)."""

    key: str
    body: bytes
    """The model's document and the hospital's suggestions."""
    name: str
    process: TableProcess

    def risk(self, values: Reals) -> Risk:
        """Return one person's answer for float64 [columns], NaN = not known.

        Raises:
            NonFinite, DatasetUnusable: the model computed no probability, or the values do not fit.
            PredictorSilent: the process gave no usable answer.
        """
        return self.process.risk(self, values)

    def risks(self, values: Reals) -> Reals:
        """Return float64 [n, 3], probability and interval, for [n, columns]; raises as `risk`."""
        return self.process.risks(self, values)


class TableProcess(ChildProcess):
    """The process that computes with tables."""

    refusals = TABLE_REFUSALS

    def __init__(self, texts: bytes, patience: Patience = PATIENCE, command: Sequence[str] = TABLE_CHILD) -> None:
        """Answer with the suggestions `texts`, a file of fl/training/tables/suggestions.py."""
        super().__init__(patience, command)
        self._texts = texts
        self._held = dict[str, str]()
        """Key -> name of the model that the process has."""

    def open(self, key: str, document: bytes) -> RemoteTable:
        """Give the process a verified model.

        Raises:
            One of TABLE_REFUSALS: it is no usable model, or the suggestions name a column that it does not have.
            PredictorSilent: the process gave no usable answer.
        """
        body = Writer().text(document).text(self._texts).bytes()
        model = RemoteTable(key, body, hashlib.sha256(body).hexdigest(), self)
        with self._turn():
            twice(lambda: self._load(model))
        return model

    def risk(self, model: RemoteTable, values: Reals) -> Risk:
        body = self._compute(model, "risk", values, ANSWER_CAP)
        try:
            return Risk.from_dict(parse_document(body, "answer"))
        except EncodingError as error:
            self.close()
            raise PredictorSilent("it answered in another form") from error

    def risks(self, model: RemoteTable, values: Reals) -> Reals:
        size = len(values) * CHANCES * 8
        body = self._compute(model, "risks", values, size)
        found = np.frombuffer(body, "<f8").reshape(-1, CHANCES) if len(body) == size else np.full((1, CHANCES), np.nan)
        if not ((found >= 0) & (found <= 1)).all():
            self.close()
            raise PredictorSilent("its answers are no probabilities")
        return found

    def _compute(self, model: RemoteTable, what: str, values: Reals, cap: int) -> bytes:
        question = Message({"do": what, "key": model.key}, values.astype("<f8").tobytes())

        def ask() -> bytes:
            self._load(model)
            return self._ask(question, model, cap, self._patience.answer_s)

        with self._turn():
            return twice(ask)

    def _load(self, model: RemoteTable) -> None:
        """Make sure that the process runs and has `model`."""
        self._connection()
        if self._held.get(model.key) != model.name:
            self._held.pop(model.key, None)
            self._ask(Message({"do": "open", "key": model.key}, model.body), model, 0, self._patience.open_s)
            self._held[model.key] = model.name

    def _stop(self) -> None:
        super()._stop()
        self._held.clear()
