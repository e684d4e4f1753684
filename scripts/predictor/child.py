"""The process that runs the model: `python -m scripts.predictor.child`, with a socket as standard input.

Invariant: it has only the weights and the pixels that the site sent: no key, no ledger, no database. It ends when its
standard input ends, so it never outlives the site.

Source: client.py, which starts it.
"""

from __future__ import annotations

import sys
from typing import cast

import click
import numpy as np

from fl.protocol.strict_json import JsonValue
from fl.training.evaluation.predict import Predictor, no_weights
from fl.training.model.spec import ModelSpec
from fl.training.model.weights import vector_from_bytes
from fl.training.pictures.images import Pixels
from scripts.predictor.answering import answer_all
from scripts.predictor.client import REFUSALS, fingerprint
from scripts.predictor.messages import Message
from scripts.predictor.seen_answers import packed
from scripts.wiring.training_options import network_options

BODY_CAP = 2**32
COLOURS = 3


class Holder:
    """Answers questions with the newest model."""

    def __init__(self) -> None:
        self._predictor: Predictor | None = None
        self._name = ""

    def answer(self, question: Message) -> Message:
        """Return the answer; if the model is unusable or cannot be built here, the answer is the error."""
        try:
            if question.head["do"] == "open":
                return self._open(cast("dict[str, object]", question.head["spec"]), question.body)
            if question.head["do"] == "features":
                return Message({"model": self._name}, self._features(question.body))
            return self._look(question.body, with_map=question.head["do"] == "see")
        except REFUSALS as error:
            return Message({"error": error.name, "facts": cast("JsonValue", error.facts())})

    def _open(self, raw: dict[str, object], weights: bytes) -> Message:
        self._predictor = None  # free the old model first
        spec = ModelSpec.from_dict(raw)
        vector = vector_from_bytes(weights, len(weights) // 4) if weights else no_weights(spec)
        self._predictor = Predictor(spec, vector)
        self._name = fingerprint(spec, weights)
        return Message({"model": self._name})

    def _look(self, picture: bytes, *, with_map: bool) -> Message:
        predictor, pixels = self._shown(picture)
        body = packed(*predictor.see(pixels)) if with_map else predictor.answer(pixels).to_bytes()
        return Message({"model": self._name}, body)

    def _features(self, picture: bytes) -> bytes:
        predictor, pixels = self._shown(picture)
        return bytes(predictor.features(pixels[np.newaxis])[0].astype("<f4").tobytes())

    def _shown(self, picture: bytes) -> tuple[Predictor, Pixels]:
        if self._predictor is None:
            sys.exit("There is no model yet.")
        side = self._predictor.spec.size_px
        return self._predictor, np.frombuffer(picture, np.uint8).reshape(side, side, COLOURS)


@click.command()
@network_options
def main() -> None:
    """Answer the site's questions until it ends."""
    answer_all(Holder().answer, BODY_CAP)


if __name__ == "__main__":
    main()
