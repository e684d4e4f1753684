"""Predictions by the most suitable hospital's server; the site's own is one of them.

Invariant: an answer counts only if the server used the model that the ledger names to this site. A picture leaves the
site only sealed to the key that the ledger records for that hospital, and only into allowed regions.

Source: fl/roles/serving/routing.py (the choice), fl/crypto/sealed_query.py (the seal).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Protocol

import numpy as np

from fl.crypto.sealed_query import Asker, open_answer, seal_query
from fl.protocol.errors import EncodingError, ServerSilent, TamperedError
from fl.protocol.keys.members import KeyBook, Member
from fl.protocol.names import Role
from fl.roles.serving.model_facts import Verification
from fl.roles.serving.query_messages import PictureAnswer, PictureQuestion, parse_answer
from fl.roles.serving.router import Router
from fl.roles.serving.routing import Choice, Health, Server, Wish
from fl.training.pictures.field import Frame
from fl.training.pictures.heat import Seen
from fl.training.pictures.images import Pixels
from webui.federation.predictions import FederationPredictions
from webui.ports.federation import GoneBack, Prediction, ReportedModel, Route, ServedModel

ROUNDING = 1e-3
"""How far the shares of a picture may be from 1 together."""


class Line(Protocol):
    """The way to another hospital's server."""

    def ask(self, question: bytes) -> bytes:
        """Return the sealed answer; raise ServerSilent if there is none."""


class Here:
    """The site's own model, as one of the servers."""

    def __init__(self, predictions: FederationPredictions) -> None:
        self._predictions = predictions
        self._lock = Lock()
        self._waiting = 0

    def health(self) -> Health:
        """Return which model answers here; raises as `PredictionService.model`."""
        model = self._predictions.model()
        return Health(model.round, model.model_digest, self._waiting)

    def look(self, picture: Pixels) -> Prediction:
        """Judge a prepared picture."""
        with self._lock:
            self._waiting += 1
        try:
            return self._predictions.look(picture)
        finally:
            with self._lock:
                self._waiting -= 1


@dataclass(frozen=True)
class RoutedPredictions:
    """Implements PredictionService."""

    own: FederationPredictions
    here: Here
    router: Router
    asker: Callable[[], Asker]
    """With the key that the ledger has now."""
    lines: Mapping[str, Line]
    """By the name of the hospital; the site's own is not among them."""
    book: Callable[[], KeyBook]
    name: str
    """Of the site's own hospital."""
    regions: Collection[str]
    """Into which a picture may go."""
    now: Callable[[], int]

    def predict(self, pixels: Pixels, frame: Frame | None = None, server: str = "") -> Prediction:
        model, picture = self.own.model(), self.own.prepared(pixels, frame)
        routed = self.router.ask(self._wish(model, server), lambda one: self._ask(one, picture, model))
        return replace(routed.answer, route=_route(routed.choice))

    def servers(self) -> Sequence[Route]:
        return [_route(choice) for choice in self.router.choices(self._wish(self.own.model(), ""))]

    def model(self) -> ServedModel:
        return self.own.model()

    def reported(self) -> ReportedModel:
        return self.own.reported()

    def gone_back(self) -> GoneBack | None:
        return self.own.gone_back()

    def again(self, model: ServedModel) -> Verification:
        return self.own.again(model)

    def _wish(self, model: ServedModel, server: str) -> Wish:
        return Wish(self.name, model.model_digest, self.regions, server)

    def _ask(self, server: Server, picture: Pixels, model: ServedModel) -> Prediction:
        if server.name == self.name:
            return self.here.look(picture)
        member = self._member(server.name)
        body = PictureQuestion(picture).to_bytes()
        question = seal_query(self.asker(), member.account, member.keys[-1], self.now(), body)
        sealed = self.lines[server.name].ask(question.data)
        try:
            answer = parse_answer(open_answer(question, sealed), len(picture))
        except (TamperedError, EncodingError) as error:
            raise ServerSilent(server.name, "its answer is not the one to this question") from error
        codes = model.task.codes
        if answer.model_digest != model.model_digest or set(answer.shares) != set(codes):
            raise ServerSilent(server.name, "it has another model")
        shares = {code: answer.shares[code] for code in codes}
        if not _agrees(answer, shares, several=model.task.several):
            raise ServerSilent(server.name, "its answer contradicts itself")
        disease = model.task.disease_probability(list(shares.values()))
        heat = np.frombuffer(answer.heat, np.uint8).reshape(len(picture), -1) if answer.heat else None
        seen = None if heat is None else Seen(picture, heat)
        return Prediction(answer.label, disease, shares, model, answer.kept, seen)

    def _member(self, name: str) -> Member:
        """Return the hospital with this name and its key, as the ledger has them now."""
        for member in self.book().having(Role.HOSPITAL):
            if member.name == name and member.keys:
                return member
        raise ServerSilent(name, "the ledger names no such hospital")


def _route(choice: Choice) -> Route:
    return Route(choice.server.name, choice.why.value, choice.km)


def _agrees(answer: PictureAnswer, shares: Mapping[str, float], *, several: bool) -> bool:
    """Return whether the parts of an answer fit together; `shares` are in the order of the task."""
    in_order = answer.kept is None or answer.kept == tuple(code for code in shares if code in answer.kept)
    likeliest = shares[answer.label] == max(shares.values())
    return in_order and likeliest and (several or abs(sum(shares.values()) - 1.0) <= ROUNDING)
