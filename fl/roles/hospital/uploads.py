"""Weights that the hospital trained with tools of its own: sealed on the way, then sent in place of a training.

Invariant: an upload is used in one round at most. Before anything of it is used, the journal binds it to this round, so
after a crash it is the same upload in the same round, and never a second round. An upload that starts from another
model than the round does is refused and erased.

Source: PROTOCOL.md 5, Other rules (Uploaded weights).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from fl.crypto.envelope import open_file, seal
from fl.crypto.envelope_form import CORE_BYTES, Core, Header, Kind
from fl.crypto.hpke_keys import PrivateKey
from fl.events import Event, Notify
from fl.protocol.codec import Reader, Writer, sha256
from fl.protocol.errors import (
    EncodingError,
    KeystoreUnreadable,
    MalformedError,
    NothingToCount,
    RefusedError,
    TamperedError,
    UploadUnusable,
)
from fl.protocol.names import DIGEST_BYTES, LABEL_PREFIX, Address, Digest
from fl.protocol.ports import Anchor, Journal
from fl.replay.ledger_view import Keyring
from fl.roles.hospital.background_training import Train, TrainingJob
from fl.training.aggregation.choice import SCAFFOLD, Aggregation, by_quality
from fl.training.aggregation.quantise import LOSS_UNIT, LocalMetrics, Vector
from fl.training.aggregation.work import Learned, SumSpec, TrainedWeights
from fl.training.model.handed_in import Declared, check_change
from fl.training.model.weights import vector_from_bytes, vector_to_bytes
from fl.training.recipe import private_spend

_WHAT = "upload"
_HEAD_BYTES = 12


class UploadState(StrEnum):
    """What became of an upload."""

    TAKEN = "taken"
    """The agent used it in a round."""
    REFUSED = "refused"


@dataclass(frozen=True)
class Outcome:
    """What the agent did with an upload."""

    state: UploadState
    round: int
    why: str = ""
    """Why it was refused."""


class UploadBox(Protocol):
    """Where the site leaves uploads for the agent, and the agent its outcomes."""

    def waiting(self) -> Sequence[str]:
        """Return the names of uploads without an outcome, the newest first."""
        ...

    def get(self, name: str) -> bytes | None:
        """Return a sealed upload, None if its file is gone."""
        ...

    def put(self, name: str, file: bytes) -> None:
        """Store a sealed upload durably, or raise StorageFull."""
        ...

    def outcome(self, name: str) -> Outcome | None: ...

    def end(self, name: str, outcome: Outcome) -> None:
        """Record an outcome durably; the file of a refused upload is erased."""
        ...

    def tidy(self, kept: str) -> None:
        """Erase the files of all used uploads but one."""
        ...


@dataclass(frozen=True)
class Sealer:
    """Who seals and opens uploads: one hospital's account, with its keys."""

    anchor: Anchor
    account: Address
    keyring: Keyring

    def close(self, base: Digest, declared: Declared, weights: Vector) -> bytes:
        """Return an upload, sealed to this hospital's newest key.

        Args:
            base: The digest of the model that the training started from.
            declared: What the uploader says about it.
            weights: float32 [d].
        """
        key = self.keyring.of(max(self.keyring.keys))
        loss = min(round(declared.loss / LOSS_UNIT), 2**32 - 1)
        head = Writer().u32(declared.samples).u32(declared.correct).u32(loss).bytes()
        return base + seal(self._core(key, base), [key.member_key], head + vector_to_bytes(weights))

    def open(self, file: bytes, base: Digest, length: int) -> tuple[Declared, Vector]:
        """Return what an upload declares, and its weights, float32 [length].

        Raises:
            KeystoreUnreadable: it is sealed to a key that this machine does not have.
            MalformedError, RefusedError, TamperedError: it was changed, or belongs to another account or model.
        """
        sealed = file[DIGEST_BYTES:]
        key = self.keyring.of(Header.from_bytes(sealed[:CORE_BYTES]).epoch)
        reader = Reader(open_file(sealed, self._core(key, base), key), _WHAT)
        declared = Declared(reader.u32(), reader.u32(), reader.u32() * LOSS_UNIT).check()
        return declared, vector_from_bytes(bytes(reader.rest(4 * length)), length)

    def _core(self, key: PrivateKey, base: Digest) -> Core:
        context = sha256(LABEL_PREFIX + b"upload" + base)
        return Core(Kind.UPDATE, self.anchor, self.account, 0, key.epoch, context)


@dataclass(frozen=True)
class Uploads:
    """The uploads of one hospital, as its agent uses them."""

    box: UploadBox
    sealer: Sealer
    journal: Journal
    notify: Notify
    alone: bool = False
    """Whether the agent never trains itself: it waits for an upload until the deadline of the round."""

    def ready(self, job: TrainingJob) -> bool:
        """Return whether the job can begin: the agent trains itself, or an upload that fits is there."""
        return not self.alone or _sums(job) or self._bound(job) is not None or bool(self._fitting(job))

    def instead_of(self, train: Train) -> Train:
        """Return the training that an upload replaces where one fits."""

        def learn(job: TrainingJob) -> Learned:
            if _sums(job):
                if self.alone:
                    raise NothingToCount(job.round)
                return train(job)
            taken = self._take(job)
            if taken is None and self.alone:
                raise UploadUnusable("no upload for this round could be used, and this agent trains nothing itself")
            return train(job) if taken is None else taken

        return learn

    def _take(self, job: TrainingJob) -> TrainedWeights | None:
        """Return the upload for this job, None without one; the newest that fits counts, and others are refused."""
        bound = self._bound(job)
        self.box.tidy(bound or "")
        names = [bound] if bound is not None else self._fitting(job)
        while names:
            name = names.pop(0)
            try:
                learned = self._use(name, job)
            except (MalformedError, RefusedError, TamperedError, KeystoreUnreadable) as error:
                self._refuse(name, job, str(error))
                continue
            for older in names:
                self._refuse(older, job, "a newer upload took its place")
            return learned
        return None

    def _bound(self, job: TrainingJob) -> str | None:
        name = self.journal.get(_round_key(job.context))
        return name.decode() if name is not None else None

    def _fitting(self, job: TrainingJob) -> list[str]:
        """Return the waiting uploads that start from the job's model; the others are refused and erased."""
        fitting = []
        for name in self.box.waiting():
            file = self.box.get(name)
            if file is None or file[:DIGEST_BYTES] == job.base:
                fitting.append(name)
            else:
                self._refuse(name, job, f"it starts from another model than round {job.round} does")
        return fitting

    def _use(self, name: str, job: TrainingJob) -> TrainedWeights:
        """Bind an upload to the round for good, then return what it has."""
        file = self.box.get(name)
        if file is None:
            raise UploadUnusable("its file is gone")
        why = _obstacle(job) or self._barred(job)
        if why:
            raise UploadUnusable(why)
        declared, weights = self.sealer.open(file, job.base, job.previous.size)
        check_change(weights, job.previous, job.config.l2_bound)
        if self.journal.once(_name_key(name), job.context) != job.context:
            raise UploadUnusable("it was used in an earlier round, and an upload is used once")
        self.journal.once(_round_key(job.context), name.encode())
        self.box.end(name, Outcome(UploadState.TAKEN, job.round))
        self.notify(Event.UPLOAD_TAKEN, {"round": job.round, "upload": name, "samples": declared.samples})
        return weights, LocalMetrics(declared.samples, declared.correct, declared.loss)

    def _barred(self, job: TrainingJob) -> str:
        """Return why no upload may be used with this model; empty if one may."""
        if self.journal.get(barred_key(job.base)) is None:
            return ""
        return (
            "this folder was restored from a backup, and an upload from the same model may have been sent before; "
            "upload again after the next model"
        )

    def _refuse(self, name: str, job: TrainingJob, why: str) -> None:
        self.box.end(name, Outcome(UploadState.REFUSED, job.round, why))
        self.notify(Event.UPLOAD_REFUSED, {"round": job.round, "upload": name, "reason": why})


class NoBox:
    """A box in which nobody puts anything."""

    def waiting(self) -> Sequence[str]:
        return ()

    def get(self, _name: str) -> bytes | None:
        return None

    def put(self, _name: str, _file: bytes) -> None:
        raise EncodingError(_WHAT, "there is no box for it")

    def outcome(self, _name: str) -> Outcome | None:
        return None

    def end(self, _name: str, _outcome: Outcome) -> None:
        """Do nothing: there are no uploads."""

    def tidy(self, _kept: str) -> None:
        """Do nothing: there are no uploads."""


MakeUploads = Callable[[Sealer, Journal, Notify], Uploads]


def no_uploads(sealer: Sealer, journal: Journal, notify: Notify) -> Uploads:
    """Return uploads that never come."""
    return Uploads(NoBox(), sealer, journal, notify)


def _obstacle(job: TrainingJob) -> str:
    """Return why a round cannot use any upload; empty if it can."""
    training = job.config.training
    if Aggregation.of(training).rule == SCAFFOLD:
        return "this round also sums control variates, which only the agent's own training has"
    if by_quality(training):
        return "in this round hospitals also count by a score that only the agent's own training has"
    if private_spend(job.config).noise:
        return "this round trains privately, and nobody can check that the noise is in uploaded weights"
    return ""


def _sums(job: TrainingJob) -> bool:
    return SumSpec.from_dict(job.config.training) is not None


def barred_key(base: Digest) -> str:
    """Return the journal key that bars uploads that start from a model (after_restore.py)."""
    return f"uploads barred/{base.hex()}"


def _round_key(context: bytes) -> str:
    return f"upload of/{context.hex()}"


def _name_key(name: str) -> str:
    return f"upload used/{name}"
