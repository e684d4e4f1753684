"""The ports to the federation, and the values that cross them.

Invariant: the site opens no model and no chain itself. All facts about them come through these ports, which load a
model only after every check (digest on the ledger, sender, final round, then decryption).

Source: PROTOCOL.md 4 (order of checks), 7 (auditor), 8 (fail closed, "unverified since T").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fl.audit.narrative import Explained, Results
from fl.protocol.audit import Finding
from fl.protocol.codec import JsonValue
from fl.protocol.names import Address, Digest
from fl.protocol.task import Task
from fl.roles.serving.model_facts import Verification
from fl.training.pictures.field import Frame
from fl.training.pictures.heat import Seen
from fl.training.pictures.images import Pixels
from fl.training.pictures.preparation import PLAIN
from webui.ports.audit_runs import AuditRunner
from webui.ports.decryption_requests import RequestService
from webui.ports.health import HealthService
from webui.ports.hospital import HospitalService
from webui.ports.key_orders import KeyService
from webui.ports.ledger import History
from webui.ports.local_training import TrainingService
from webui.ports.log import LogService
from webui.ports.presence import PresenceService
from webui.ports.private import PrivateService, PrivateWay
from webui.ports.proofs import NoProofs, ProofService
from webui.ports.records import RecordService
from webui.ports.shares import ShareService
from webui.ports.tables import NoTables, TableService
from webui.ports.withdrawals import WithdrawalService


@dataclass(frozen=True)
class HeldOut:
    """An auditor's description of its held-out images."""

    name: str
    """The auditor's name for them; may be empty."""
    images: int
    persons: int
    origin: str
    """`real` or `drawn`."""


@dataclass(frozen=True)
class Report:
    """The first readable auditor's report on the model of a round."""

    metrics: Mapping[str, float] | None = None
    """On the auditor's own images: name -> value; shares (accuracy, sensitivity...) in 0..1. None if there are none."""
    training: Mapping[str, float] | None = None
    """The metrics of the sum."""
    data: HeldOut | None = None
    """The images behind `metrics`; None if the auditor does not describe them."""
    alarm: str = ""
    """Why an auditor found the model far worse than chance; empty if none did."""


@dataclass(frozen=True)
class ServedModel:
    """The current model, and what is known about it."""

    round: int
    model_digest: Digest
    envelope_digest: Digest
    protection: str
    """`masked` or `sealed`, from the terms of the round."""
    coordinator_name: str
    final_at: int
    """Seconds since 1970: when the round became final."""
    attested_by: tuple[str, ...]
    """Names of the auditors who replayed the round."""
    verification: Verification
    """What was checked for this answer, and when."""
    task: Task
    """What its classes mean."""
    preparation: str = PLAIN
    """The named steps between a picture and the network (fl/training/pictures/preparation.py)."""


@dataclass(frozen=True)
class ReportedModel:
    """The current model with an auditor's report on it."""

    model: ServedModel
    report: Report


@dataclass(frozen=True)
class Route:
    """Which hospital's server judged a picture, and why that one."""

    server: str
    """The hospital's registered name."""
    why: str
    """`fl.roles.serving.routing.Why`."""
    km: float | None = None
    """Its distance; None if a place is unknown."""


@dataclass(frozen=True)
class Prediction:
    """The model's answer about one image."""

    label: str
    """The code of the likeliest class of `model.task`."""
    probability: float | None
    """The sum over the disease classes of the task, in 0..1; None if no class is a disease."""
    shares: Mapping[str, float]
    """Class code -> probability in 0..1, for all classes in the task's order."""
    model: ServedModel
    kept: tuple[str, ...] | None = None
    """The codes of the classes that remain possible (the conformal set); None if the model has no calibration."""
    seen: Seen | None = None
    """What the network saw, and where it saw what speaks for `label`; None if it cannot be looked into."""
    route: Route | None = None
    """None if the site knows no other server than its own."""
    private: PrivateWay | None = None
    """How the answer came if its last layer stayed encrypted; None for a normal one."""


@dataclass(frozen=True)
class GoneBack:
    """What the coordinator's newest return to an earlier model means for answers."""

    superseded: frozenset[int]
    """Rounds whose models are no longer in use, after all returns."""
    to: int
    """The round whose model was current again; 0: the first model."""
    since: int
    """When the first model that this return ended became current, in seconds since 1970."""
    at: int
    """When the coordinator went back."""
    mark: str
    """Its own for each return."""


class PredictionService(Protocol):
    """The verified model as a function."""

    def predict(self, pixels: Pixels, frame: Frame | None = None, server: str = "") -> Prediction:
        """Judge one decoded picture, uint8 [H, W, 3]; `frame` is the hospital's setting for its pictures.

        `server` is the hospital that the person chose; empty for no choice.

        Raises:
            NoAnswer: the picture is not one that the model may judge.
            UnavailableError: the chain or the vault did not answer and no verified model is cached.
            TamperedError: the ledger contradicts the model; there is no prediction.
        """

    def servers(self) -> Sequence[Route]:
        """Return the hospitals whose servers may judge a picture now, the best first; empty without a choice."""

    def again(self, model: ServedModel) -> Verification:
        """Check now whether the ledger names a model that answered earlier; the result may be unknown."""

    def gone_back(self) -> GoneBack | None:
        """Return which models are no longer in use, as the site knows the ledger now; None if all are."""

    def model(self) -> ServedModel:
        """Return the current model.

        Raises:
            FederationNotOpened: no round is final yet.
            UnavailableError, TamperedError: as `predict`.
        """

    def reported(self) -> ReportedModel:
        """Return the current model with its report from the vault; raises as `model`."""


@dataclass(frozen=True)
class RoundHospital:
    """One hospital of a round's roster."""

    name: str
    committed: bool


@dataclass(frozen=True)
class RoundView:
    """One round, as the ledger records it."""

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
    superseded: bool = False
    """Whether the coordinator went back to an earlier model than this round's."""


@dataclass(frozen=True)
class DigestPlace:
    """One place where the ledger names a digest."""

    what: str
    """In words: `masked update`, `global model (sealed)`..."""
    sender_name: str
    sender: Address
    round: int
    """0 if it belongs to no round."""
    recorded_at: int
    """Seconds since 1970."""
    transaction: bytes
    block: int


@dataclass(frozen=True)
class FileFinding:
    """Where the ledger names one file."""

    digest: Digest
    places: tuple[DigestPlace, ...]
    """In the order of the ledger; empty if it does not name the file."""


@dataclass(frozen=True)
class AuditSummary:
    """The last audit: the whole ledger replayed."""

    checks: int
    findings: tuple[Finding, ...]
    checked_at: int
    results: Mapping[int, Results]
    """By round; rounds after the audit are missing."""
    alarms: tuple[Finding, ...] = ()
    """Models that auditors reported as far worse than chance."""
    notes: tuple[str, ...] = ()
    """What was not checked, and why."""
    successors: tuple[str, ...] = ()
    """Which models followed after a return to an earlier one, without whom, and what that cost."""
    kinds: Mapping[str, int] = field(default_factory=dict)
    """Kind of check -> how many were made."""
    verdict: str = ""


class AuditService(Protocol):
    """The ledger as an auditor reads it. Every method may raise UnavailableError."""

    def history(self) -> History:
        """Return the whole ledger up to now."""

    def rounds(self) -> Sequence[RoundView]:
        """Return all rounds, the newest first."""

    def look_up(self, digest: Digest) -> FileFinding:
        """Return where the ledger names the SHA-256 of a file, and as what."""

    def findings(self) -> AuditSummary | None:
        """Return the last audit's result, or None if none has run."""

    def training_of(self, number: int) -> Mapping[str, JsonValue]:
        """Return the settings of a round's training by path, such as `local, epochs`; empty if they cannot be read."""

    def explain(self, number: int, results: Results, when: Callable[[int], str]) -> Explained:
        """Return a round in plain words, with the results of its checks; `when` says a moment in seconds since 1970.

        Raises:
            WrongRound: there is no such round.
        """

    def obstacle(self, number: int) -> str:
        """Return why this hospital cannot compute the sum of a round again with its key; empty if it can.

        Raises:
            WrongRound: there is no such round.
        """

    def replay(self, number: int) -> Results:
        """Replay a round now from ledger and vault, as far as the hospital's own key can open it.

        Raises:
            WrongRound: there is no such round.
        """


@dataclass(frozen=True)
class Services:
    """The ports to the federation, and the clock."""

    predictions: PredictionService
    audits: AuditService
    records: RecordService
    requests: RequestService
    clock: Callable[[], int]
    """Seconds since 1970, UTC."""
    tables: TableService = field(default_factory=NoTables)
    proofs: ProofService = field(default_factory=NoProofs)
    auditor: AuditRunner | None = None
    """Makes full audits; None where this site cannot."""
    machine: HealthService | None = None
    """Measures the machine; None where nobody does."""
    hospital: HospitalService | None = None
    """The hospital's own part; None where a test has none."""
    training: TrainingService | None = None
    """Trainings on this machine; None where a test has none."""
    shares: ShareService | None = None
    """Trustees' sealed shares; None where a test has none."""
    keys: KeyService | None = None
    """Orders for a new key of the hospital; None where a test has none."""
    log: LogService | None = None
    """The log's witnesses; None where nobody reads them."""
    withdrawals: WithdrawalService | None = None
    """Withdrawals, and orders for them to the hospital's agent; None where a test has none."""
    private: PrivateService | None = None
    """Private predictions; None where the operator named no trustees' servers."""
    presence: PresenceService | None = None
    """Signs of life of the members' agents; None where nobody reads them."""
