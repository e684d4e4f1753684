"""The process that computes with models of tables: `python -m scripts.predictor.table_child`; its input is a socket.

Invariant: it has only the models and the numbers that the site sent: no key, no ledger, no database, no name of a
patient. It ends when its standard input ends, so it never outlives the site.

Source: tables.py, which starts it.
"""

from __future__ import annotations

import hashlib
from typing import cast

import numpy as np

from fl.protocol.codec import Reader, write_document
from fl.protocol.strict_json import JsonValue
from fl.training.tables.saved import SavedModel
from fl.training.tables.suggestions import Suggestions
from scripts.predictor.answering import answer_all
from scripts.predictor.messages import Message
from scripts.predictor.tables import TABLE_REFUSALS

BODY_CAP = 2**28


class TableHolder:
    """Answers questions with the newest model of each table."""

    def __init__(self) -> None:
        self._models = dict[str, tuple[str, SavedModel, Suggestions]]()

    def answer(self, question: Message) -> Message:
        """Return the answer; if the model is unusable or the values do not fit, the answer is the error."""
        try:
            key = str(question.head["key"])
            if question.head["do"] == "open":
                return self._open(key, question.body)
            return self._compute(key, question)
        except TABLE_REFUSALS as error:
            return Message({"error": error.name, "facts": cast("JsonValue", error.facts())})

    def _open(self, key: str, body: bytes) -> Message:
        self._models.pop(key, None)
        reader = Reader(body, "model and suggestions")
        document, texts = reader.raw(reader.u32()), reader.raw(reader.u32())
        reader.end()
        model, suggestions = SavedModel.from_bytes(document), Suggestions.from_bytes(texts)
        schema = model.design.schema
        suggestions.check(schema.name, schema.names)
        _ = model.model  # raises if the numbers behind a network are missing
        name = hashlib.sha256(body).hexdigest()
        self._models[key] = name, model, suggestions
        return Message({"model": name})

    def _compute(self, key: str, question: Message) -> Message:
        name, model, suggestions = self._models[key]
        values = np.frombuffer(question.body, "<f8")
        if question.head["do"] == "risk":
            return Message({"model": name}, write_document(model.risk(values, suggestions).to_dict()))
        rows = values.reshape(-1, len(model.design.schema.columns))
        return Message({"model": name}, model.risks(rows).astype("<f8").tobytes())


def main() -> None:
    """Answer the site's questions until it ends."""
    answer_all(TableHolder().answer, BODY_CAP)


if __name__ == "__main__":
    main()
