"""The current model: opened after all checks, and checked again before every answer.

Invariant: a model answers only after its digest, sender and final round were checked on the ledger and its envelope was
opened. If ledger or vault cannot be checked now, the time of the last check is kept. A model that contradicts the
ledger answers no more, nor does one behind which the coordinator went back.

Source: PROTOCOL.md 4 (receive order) and 8 (a cached model is "unverified since T").
Not here: time limits for a slow ledger or vault (circuit_breaker.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

from fl.protocol.errors import FederationNotOpened, MalformedError, ModelUnusable, UnavailableError, WrongRound
from fl.protocol.federation import Federation, LedgerOpening
from fl.protocol.names import NO_DIGEST, Address, Digest
from fl.protocol.ports import Ledger, Vault
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.task import Task
from fl.replay.expected_files import expected_model, model_files
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Keyring, LedgerView, grants_of
from fl.replay.round_documents import read_config, read_manifest
from fl.replay.trained_rounds import is_untrained
from fl.roles.requester.agent import Requester
from fl.roles.requester.model_release import Releases
from fl.roles.serving.file_watch import FileWatch
from fl.roles.serving.model_facts import Fact, State, Verification
from fl.training.calibration.answer import Answer
from fl.training.model.spec import ModelSpec
from fl.training.model.weights import Manifest, Vector
from fl.training.pictures.heat import Seen
from fl.training.pictures.images import Pixels
from fl.training.recipe import Recipe

NO_LEDGER = "the ledger does not answer"


class Predictor(Protocol):
    """A model that judges pictures; it may run in another process."""

    @property
    def spec(self) -> ModelSpec: ...

    def answer(self, image: Pixels) -> Answer:
        """Return the answer about one picture uint8 [H, W, 3].

        Raises:
            NonFinite: the result is not a probability.
            UnavailableError: it does not answer now.
        """
        ...

    def see(self, image: Pixels) -> tuple[Answer, Seen | None]:
        """Return the same answer, and what the network saw if it can be looked into; raises as `answer`."""
        ...


OpenModel = Callable[[ModelSpec, Vector], Predictor]
"""Builds a model from verified weights, or raises MalformedError."""
P = TypeVar("P")
"""What answers: a model of pictures, or of a table."""


@dataclass(frozen=True)
class Verified:
    """A final round with its verified weights."""

    federation: Federation
    round: Round
    config: RoundConfig
    vector: Vector
    """float32 [d]"""
    reader: FileReader
    """What opened it: also models that were released or granted to this member."""


Build = Callable[[Verified], P]
"""Builds what answers; raises MalformedError if the model is unusable, or FederationNotOpened if it is not ready."""


@dataclass(frozen=True)
class Current(Generic[P]):
    """A model that answers, and the result of its checks."""

    round: Round
    task: Task
    predictor: P
    federation: Federation
    verification: Verification


CurrentModel = Current[Predictor]


@dataclass
class _Open(Generic[P]):
    """The model in memory."""

    round: Round
    task: Task
    predictor: P
    files: tuple[tuple[Digest, int], ...]
    """The digest of its file, and of its parts if it has such, each with the largest possible size in bytes."""
    opened_at: int
    confirmed_at: int
    """When the ledger last named it as the newest model, in seconds since 1970."""


@dataclass(frozen=True)
class WholeModel:
    """A global model with everything that its digest covers."""

    federation: Federation
    source: Round | LedgerOpening
    manifest: Manifest
    vector: Vector
    """float32 [manifest.length]"""


class VerifiedCache(Generic[P]):
    """Keeps the newest final model of a federation open for one member; safe to use from several threads."""

    def __init__(
        self,
        ledger: Ledger,
        vault: Vault,
        account: Address,
        keyring: Keyring,
        now: Callable[[], int],
        build: Build[P],
    ) -> None:
        self._build = build
        self._view = LedgerView(ledger)
        self._vault = vault
        self._now = now
        release = Releases(self._view, Requester(ledger, vault, keyring))
        self._reader = FileReader(account, vault, keyring, release, partial(grants_of, self._view))
        self._watch = FileWatch(vault, now)
        self._open: _Open[P] | None = None
        self._lock = threading.Lock()

    def federation(self) -> Federation:
        """Return the ledger folded up to now."""
        with self._lock:
            return self._view.refresh()

    def known(self) -> Federation:
        """Return the ledger as far as it was read; nothing is asked."""
        return self._view.federation

    def current(self) -> Current[P]:
        """Return the current model, after another check of ledger and file.

        Raises:
            FederationNotOpened: no round has trained a model yet.
            UnavailableError: chain or vault does not answer, and no verified model is in memory.
            TamperedError: the ledger contradicts the file or the model, so nothing may answer.
        """
        with self._lock:
            ledger, model = self._follow()
            file = self._watch.look_all(model.files)
            federation = self._view.federation
            block = federation.position.block if federation.position else 0
            verification = Verification(ledger, file, Fact(State.CHECKED, model.opened_at), block)
            return Current(model.round, model.task, model.predictor, federation, verification)

    def again(self, number: int, model_digest: Digest, envelope_digest: Digest) -> Verification:
        """Check now whether the ledger names a model that answered earlier; the result says so, nothing is raised."""
        with self._lock:
            try:
                federation = self._view.refresh()
            except UnavailableError:
                return Verification(Fact(State.UNKNOWN, 0, NO_LEDGER), None, None)
            finals = (each for each in federation.rounds if each.number == number and each.phase == Phase.FINAL)
            named = any(_digests(each) == (model_digest, envelope_digest) for each in finals)
            fact = Fact(State.CHECKED if named else State.CONTRADICTED, self._now())
            return Verification(fact, None, None, federation.position.block if federation.position else 0)

    def whole(self, number: int | None = None) -> WholeModel:
        """Return the model of a final round, checked against its digest; also an untrained one.

        Args:
            number: The round; 0 is the model that opened the ledger. None: the model that the next round starts from.

        Raises:
            FederationNotOpened: the ledger has no model yet.
            WrongRound: that round made no model, or made it on an earlier ledger.
            NotReleased: trustees must release it first.
            UnavailableError, TamperedError: as `current`.
        """
        with self._lock:
            federation = self._view.refresh()
            manifest = read_manifest(federation.opening, self._vault)
            source = _source(federation, number)
            return WholeModel(federation, source, manifest, self._reader.model(source, manifest))

    def _follow(self) -> tuple[Fact, _Open[P]]:
        """Open the current model unless it is open; return what the ledger says now, and the open model."""
        now, why = self._now(), NO_LEDGER
        try:
            federation = self._view.refresh()
            if self._open is not None and self._open.round.number in federation.superseded:
                self._open = None  # it answers no more, whether or not another model can be opened
            final = federation.final_round
            if final is None or federation.untrained:
                raise FederationNotOpened
            if self._open is None or not _same(self._open.round, final):
                why = f"round {final.number} has ended since then, and its model cannot be opened here yet"
                self._open = self._opened(final)
            self._open.confirmed_at = now
            return Fact(State.CHECKED, now), self._open
        except UnavailableError:
            if self._open is None:
                raise
            return Fact(State.UNKNOWN, self._open.confirmed_at, why), self._open

    def _opened(self, final: Round) -> _Open[P]:
        """Open the model of a final round; raise ModelUnusable if a file with the right digest is not a model."""
        opening = self._view.federation.opening
        try:
            if is_untrained(self._view.federation, final, self._vault):
                raise FederationNotOpened
            config = read_config(final, self._vault)
            manifest = read_manifest(opening, self._vault)
            vector = manifest.weights_of(self._reader.model(final, manifest))
            predictor = self._build(Verified(self._view.federation, final, config, vector, self._reader))
            parts = model_files(final, manifest.length, self._vault)
            cap = expected_model(final, manifest.length, config.suite).cap
        except MalformedError as error:
            raise ModelUnusable(final.number, str(error)) from error
        now = self._now()
        files = {_digests(final)[1]: cap} | {part.expected.digest: part.expected.cap for part in parts}
        return _Open(final, config.task, predictor, tuple(files.items()), now, now)


class VerifiedModelCache(VerifiedCache[Predictor]):
    """The same for a model of pictures."""

    def __init__(
        self,
        ledger: Ledger,
        vault: Vault,
        account: Address,
        keyring: Keyring,
        now: Callable[[], int],
        open_model: OpenModel,
    ) -> None:
        super().__init__(
            ledger, vault, account, keyring, now, lambda one: open_model(Recipe.of(one.config).spec, one.vector)
        )


def _source(federation: Federation, number: int | None) -> Round | LedgerOpening:
    if number is None:
        return federation.source
    if number == 0:
        return federation.opening
    found = federation.round(number)
    if found.phase != Phase.FINAL or found.anchor != federation.opening.anchor:
        raise WrongRound(federation.last_round, number)
    return found


def _same(one: Round, other: Round) -> bool:
    return (one.context, _digests(one)) == (other.context, _digests(other))


def _digests(final: Round) -> tuple[Digest, Digest]:
    """Return the digests of a round's model and of its file."""
    proposal = final.proposal
    return (proposal.model_digest, proposal.envelope_digest) if proposal else (NO_DIGEST, NO_DIGEST)
