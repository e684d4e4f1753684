"""Private predictions with the newest model's encrypted last layer (PROTOCOL.md 9P).

Invariant: this module reads no model: only the round's configuration, the encrypted head and the ledger. Before an
answer is used, the picture was found fit, and enough trustees' servers said that they are there.

Source: webui/ports/private.py (the port); fl/roles/requester/head_questions.py (the questions).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from fl.crypto.discrete_log import Logarithms
from fl.crypto.encrypted_head import EncryptedHead
from fl.crypto.threshold import ThresholdKey
from fl.protocol.errors import FederationNotOpened, HeadUnknown, QuorumNotReached, QuotaUsed
from fl.protocol.federation import Federation
from fl.protocol.keys.ceremony import Committee
from fl.protocol.names import Address, Digest, KeyUse
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Round
from fl.protocol.task import Domain
from fl.replay.heads import newest_of
from fl.replay.round_documents import digest_of, read_config
from fl.roles.requester.head_questions import HeadQuestions, PrivateAnswer
from fl.roles.serving.current_model import Current
from fl.roles.serving.model_facts import Fact, State, Verification
from fl.training.evaluation.int8_head import in_steps, shares_of
from fl.training.model.spec import ModelSpec
from fl.training.pictures.field import Frame
from fl.training.pictures.gate import prepare
from fl.training.pictures.images import Pixels
from fl.training.recipe import Recipe
from webui.errors import NoHeadAnnounced, NoPrivateAnswersLeft, PrivateWayFailed, TrusteesSilent
from webui.federation.predictions import describe
from webui.ports.federation import Prediction, ServedModel
from webui.ports.private import PrivateOffer, PrivateWay

ALIVE_S = 10.0
"""How long the site believes what trustees' servers said about themselves."""


class TrusteeServer(Protocol):
    """The way to one trustee's server."""

    def ask(self, question: bytes) -> bytes:
        """Return the sealed answer; raise ServerSilent if there is none."""

    def alive(self) -> bool:
        """Return whether the server says within seconds that it is there."""


class PublicNetwork(Protocol):
    """The part of a network that everybody has."""

    def features(self, spec: ModelSpec, picture: Pixels) -> npt.NDArray[np.float32]:
        """Return float32 [d] for uint8 [S, S, 3]; raise UnavailableError if it does not answer now."""


@dataclass(frozen=True)
class _Found:
    """What a private prediction uses now."""

    federation: Federation
    round: Round
    config: RoundConfig
    spec: ModelSpec
    committee: Committee
    head: EncryptedHead
    unused: Mapping[int, int]
    """Bought answers by request."""
    at: int
    """When the ledger was read, in seconds since 1970."""

    @property
    def served(self) -> ServedModel:
        checked = Fact(State.CHECKED, self.at)
        block = self.federation.position.block if self.federation.position else 0
        verification = Verification(checked, None, None, block)
        current = Current(self.round, self.config.task, None, self.federation, verification)
        return describe(current, self.spec.preparation)


@dataclass
class FederationPrivate:
    """Implements PrivateService. Threads may share it; it asks one question at a time."""

    federation: Callable[[], Federation]
    questions: HeadQuestions
    network: PublicNetwork
    servers: Mapping[str, TrusteeServer]
    """By the trustee's name on the ledger."""
    logarithms: Callable[[], Logarithms]
    _head: EncryptedHead | None = field(init=False, default=None)
    _alive: tuple[float, frozenset[Address]] = field(init=False, default=(-ALIVE_S, frozenset()))
    """When the servers were asked, and which answered."""
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    """Of what is known; nobody waits for an answer with it."""
    _turn: threading.Lock = field(init=False, default_factory=threading.Lock)
    """Of the one question at a time."""

    def offer(self) -> PrivateOffer:
        with self._lock:
            found = self._find()
        return PrivateOffer(found.served, sum(found.unused.values()), found.committee.threshold)

    def predict(self, pixels: Pixels, frame: Frame | None = None) -> Prediction:
        with self._turn:
            with self._lock:
                found = self._find()
            task, spec = found.config.task, found.spec
            picture = prepare(pixels, spec.size_px, stained=task.domain == Domain.STAINED_CELL, frame=frame)
            seen = self.network.features(spec, picture)
            if len(seen) != found.head.facts.width:
                raise NoHeadAnnounced  # another network than the auditor's
            number, table = next(iter(found.unused)), self.logarithms()
            began = time.perf_counter()
            features = in_steps(seen[np.newaxis], found.head.facts.ceilings)[0].tobytes()
            answer = self._ask(found, number, features, table)
            ms = round(1000 * (time.perf_counter() - began))
        return _prediction(found, answer, number, ms)

    def _ask(self, found: _Found, number: int, features: bytes, table: Logarithms) -> PrivateAnswer:
        lines = {who: server.ask for who, server in self._known(found).items()}
        try:
            return self.questions.ask(found.federation, found.head, number, features, lines, table)
        except QuorumNotReached as error:
            self._alive = (-ALIVE_S, frozenset())  # what they said is not true any more
            raise PrivateWayFailed(error.actual, error.required) from error
        except QuotaUsed as error:
            raise NoPrivateAnswersLeft from error

    def _find(self) -> _Found:
        federation, now = self.federation(), self.questions.now()
        final = federation.final_round
        if final is None or federation.untrained:
            raise FederationNotOpened
        announcement = newest_of(federation, digest_of(final), now)
        if announcement is None:
            raise NoHeadAnnounced
        config, committee = read_config(final, self.questions.vault), federation.threshold.committee(KeyUse.INFERENCE)
        spec = Recipe.of(config).spec
        head = self._loaded(announcement.record.label, ThresholdKey.from_bytes(committee.public_key))
        fits = spec.public_network and head.facts.model == digest_of(final) and head.facts.classes == spec.classes
        if not fits or head.facts.consortium != federation.anchor.consortium:
            raise NoHeadAnnounced
        found = _Found(federation, final, config, spec, committee, head, self.questions.unused(federation, head), now)
        if not found.unused:
            raise NoPrivateAnswersLeft
        answering = len(self._answering(found))
        if answering < committee.threshold:
            raise TrusteesSilent(answering, committee.threshold)
        return found

    def _loaded(self, digest: Digest, key: ThresholdKey) -> EncryptedHead:
        """Return an encrypted head; loading it takes some tenths of a second, so the newest one is kept."""
        if self._head is None or self._head.digest != digest or self._head.key != key:
            try:
                self._head = self.questions.head(digest, key)
            except HeadUnknown as error:
                raise NoHeadAnnounced from error
        return self._head

    def _known(self, found: _Found) -> dict[Address, TrusteeServer]:
        """Return the servers of the committee's trustees by account."""
        named = {found.federation.book.name_of(each): each for each in found.committee.members}
        return {named[name]: server for name, server in self.servers.items() if name in named}

    def _answering(self, found: _Found) -> frozenset[Address]:
        """Return whose servers are there; they are asked again after `ALIVE_S` seconds."""
        asked_at, answered = self._alive
        if time.monotonic() - asked_at >= ALIVE_S:
            known = self._known(found)
            with ThreadPoolExecutor(max(1, len(known))) as threads:
                alive = threads.map(lambda server: server.alive(), known.values())
                answered = frozenset(who for who, there in zip(known, alive, strict=True) if there)
            self._alive = (time.monotonic(), answered)
        return answered


def _prediction(found: _Found, private: PrivateAnswer, number: int, ms: int) -> Prediction:
    task, head, book = found.config.task, found.head, found.federation.book
    row = shares_of(private.answer.sums, head.facts.scales, several=found.spec.several)
    shares = dict(zip(task.codes, row, strict=True))
    right = tuple(map(book.name_of, private.right))
    way = PrivateWay(head.digest, number, right, tuple(map(book.name_of, private.answer.wrong)), ms)
    label = task.codes[int(np.argmax(row))]
    return Prediction(label, task.disease_probability(row), shares, found.served, private=way)
