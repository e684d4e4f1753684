"""What the site needs from the federation: small ports and the values that cross them.

Invariant: the site never opens a model or a chain itself; whatever it shows about them came through these ports, which
load a model only on the verified path (digest on the ledger, sender, final round, then decryption).

Source: PROTOCOL.md 4 (order of checks), 7 (auditor), 8 (fail closed, "unverified since T").
Not here: implementations (fl/roles, wired in scripts/); tests/support/site_services.py passes the same suite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from fl.audit.narrative import Explained, Results
from fl.protocol.audit import Finding
from fl.protocol.names import Address, Digest
from fl.protocol.task import Task
from fl.roles.serving.model_facts import Verification
from fl.training.pictures.field import Frame
from fl.training.pictures.images import Pixels
from webui.ports.decryption_requests import RequestService
from webui.ports.records import RecordService


@dataclass(frozen=True)
class HeldOut:
    """The held-out images of an auditor, as it describes them."""

    name: str
    """As the auditor calls them; may be empty."""
    images: int
    persons: int
    origin: str
    """`real` or `drawn`."""


@dataclass(frozen=True)
class Report:
    """What auditors report on the model of a round, as the first one does whose report can be read."""

    metrics: Mapping[str, float] | None = None
    """On images of its own: name -> value; shares (accuracy, sensitivity...) in 0..1. None when it reports none."""
    training: Mapping[str, float] | None = None
    """The metrics of the sum."""
    data: HeldOut | None = None
    """On what `metrics` were measured; None where the auditor does not say."""
    alarm: str = ""
    """Why an auditor found the model far worse than chance; empty when none did."""


@dataclass(frozen=True)
class ServedModel:
    """The global model that answers now, and what is known about it."""

    round: int
    model_digest: Digest
    envelope_digest: Digest
    protection: str
    """`masked` or `sealed`, as the terms of the round say."""
    coordinator_name: str
    final_at: int
    """Seconds since 1970: when the round became final."""
    attested_by: tuple[str, ...]
    """Names of the auditors who replayed the round."""
    verification: Verification
    """What was checked of it when, at this answer."""
    task: Task
    """What its classes mean."""


@dataclass(frozen=True)
class ReportedModel:
    """The model that would answer now, with an auditor's report on it."""

    model: ServedModel
    report: Report


@dataclass(frozen=True)
class Prediction:
    """What the model says about one image."""

    label: str
    """The code of the likeliest class of `model.task`."""
    probability: float | None
    """Of what the task reports, in 0..1: the sum over its disease classes. None where no class is a disease."""
    shares: Mapping[str, float]
    """Class code -> probability in 0..1, for all classes in the task's order."""
    model: ServedModel


class PredictionService(Protocol):
    """The verified model as a function."""

    def predict(self, pixels: Pixels, frame: Frame | None = None) -> Prediction:
        """Judge one decoded picture, uint8 [H, W, 3]; `frame` is what the hospital says about its pictures.

        Raises:
            NoAnswer: it shows nothing that the model may judge.
            UnavailableError: the chain or the vault did not answer and no verified model is cached.
            TamperedError: the ledger contradicts the model; there is no prediction.
        """

    def again(self, model: ServedModel) -> Verification:
        """Look now at a model that answered once: whether the ledger names it. Says so when that is unknown."""

    def model(self) -> ServedModel:
        """Return the model that would answer now.

        Raises:
            FederationNotOpened: no round is final yet.
            UnavailableError, TamperedError: as `predict`.
        """

    def reported(self) -> ReportedModel:
        """Return the same with its report, which lies in the vault; raises as `model`."""


@dataclass(frozen=True)
class RoundHospital:
    """One hospital of a round's roster."""

    name: str
    committed: bool


@dataclass(frozen=True)
class RoundView:
    """One round as the ledger tells it."""

    number: int
    phase: str
    """Name of `fl.protocol.rounds.round.Phase` in lower case: open, frozen, proposed, final, aborted..."""
    protection: str
    opened_at: int
    ended_at: int | None
    """Seconds since 1970; None while the round runs."""
    hospitals: tuple[RoundHospital, ...]
    model_digest: Digest | None
    """Of the proposed or final model."""
    attested_by: tuple[str, ...]
    reason: str
    """Why an aborted round ended; empty otherwise."""
    report: Report
    task: Task | None = None
    """None while the round's configuration is not in the vault."""


@dataclass(frozen=True)
class DigestPlace:
    """One place where the ledger names a digest."""

    what: str
    """In words: `masked update`, `global model (sealed)`..."""
    sender_name: str
    sender: Address
    round: int
    """0 for what belongs to no round."""
    recorded_at: int
    """Seconds since 1970."""
    transaction: bytes
    block: int


@dataclass(frozen=True)
class FileFinding:
    """What the ledger knows about one file."""

    digest: Digest
    places: tuple[DigestPlace, ...]
    """In the order of the ledger; empty when it does not know the file."""


@dataclass(frozen=True)
class AuditSummary:
    """The last audit: the whole ledger replayed."""

    checks: int
    findings: tuple[Finding, ...]
    checked_at: int
    results: Mapping[int, Results]
    """By round; one that came later is not among them."""


class AuditService(Protocol):
    """The ledger as an auditor reads it. Every method may raise UnavailableError."""

    def rounds(self) -> Sequence[RoundView]:
        """Return all rounds, the newest first."""

    def look_up(self, digest: Digest) -> FileFinding:
        """Return where the ledger names the SHA-256 of a file, and as what."""

    def findings(self) -> AuditSummary | None:
        """Return the last audit's result, or None when none ran yet."""

    def explain(self, number: int, results: Results) -> Explained:
        """Return a round in plain words, with what was checked of it.

        Raises:
            WrongRound: there is no such round.
        """

    def obstacle(self, number: int) -> str:
        """Return why the site's hospital cannot sum a round again with its own key; empty when it can.

        Raises:
            WrongRound: there is no such round.
        """

    def replay(self, number: int) -> Results:
        """Replay a round now, from ledger and vault, as far as the hospital's own key opens it.

        Raises:
            WrongRound: there is no such round.
        """


@dataclass(frozen=True)
class Services:
    """The ports to the federation and the clock: everything that the site gets handed in."""

    predictions: PredictionService
    audits: AuditService
    records: RecordService
    requests: RequestService
    clock: Callable[[], int]
    """Seconds since 1970, UTC."""
