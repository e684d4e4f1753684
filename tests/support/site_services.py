"""The site's services over a ledger in memory: small, honest, and breakable on purpose.

Invariant: the same order of checks as the real thing (digest on the ledger, then final round, then the file is
opened), so that a page tested here behaves over the real services; tests/memory/test_webui_services.py runs
against both.

Source: python-tuf, tests/repository_simulator.py.
Not here: a network; the "model" weighs how purple a cell is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

import numpy as np

from fl.audit.narrative import Explained, Passage, Results
from fl.protocol.audit import AuditStep, Finding
from fl.protocol.codec import JsonValue
from fl.protocol.errors import ChainUnavailable, FederationNotOpened, HashMismatch, WrongRound
from fl.protocol.names import Address, Digest
from fl.protocol.task import Task
from fl.protocol.task_catalogue import LEUKEMIA
from fl.roles.serving.current_model import NO_LEDGER
from fl.roles.serving.file_watch import NO_VAULT
from fl.roles.serving.model_facts import Fact, State, Verification
from fl.training.pictures.field import Frame
from fl.training.pictures.gate import prepare
from fl.training.pictures.heat import Seen
from fl.training.pictures.images import Pixels
from tests.support.site_audits import SteppedAuditor
from tests.support.site_decryption_requests import FakeRequests
from tests.support.site_history import small_history
from tests.support.site_hospital import FakeHospital, FakeTraining, KeyOrdersInMemory
from tests.support.site_records import FakeRecords
from tests.support.site_withdrawals import FakeWithdrawals
from tests.support.witnessed_world import WatchedLog
from webui.federation.key_orders import FederationKeys
from webui.ports.federation import (
    AuditSummary,
    DigestPlace,
    FileFinding,
    GoneBack,
    HeldOut,
    Prediction,
    Report,
    ReportedModel,
    RoundHospital,
    RoundView,
    Route,
    ServedModel,
    Services,
)
from webui.ports.ledger import History

NOON = 1_795_435_200
"""Monday, 23 November 2026, 12:00 UTC."""
SIZE_PX = 128
COORDINATOR = Address(bytes.fromhex("c0") * 20)
METRICS = {"accuracy": 0.872, "sensitivity": 0.893, "specificity": 0.846, "auroc": 0.931}
REPORT = Report(METRICS, data=HeldOut("ALL images of one laboratory", 412, 38, "real"))


def sha(data: bytes) -> Digest:
    return Digest(sha256(data).digest())


@dataclass
class Clock:
    now: int = NOON

    def __call__(self) -> int:
        return self.now


@dataclass
class FakeFederation:
    """A federation that finished some rounds; the knobs break it."""

    clock: Clock = field(default_factory=Clock)
    final_round: int = 7
    chain_up: bool = True
    vault_up: bool = True
    protection: str = "sealed"
    recorded_file: bytes = b"the sealed global model of round 7"
    recorded_model: Digest | None = None
    """A model digest that the ledger names, besides."""
    served_file: bytes = b"the sealed global model of round 7"
    findings_of_last_audit: tuple[Finding, ...] = ()
    audited: bool = True
    probability: float | None = None
    """What every image gets; None: its own purple share."""
    task: Task = LEUKEMIA
    sees: bool = True
    """Whether the network can be looked into, so that there is a map of what it saw."""
    report: Report = REPORT
    routes: tuple[Route, ...] = ()
    """The hospitals whose servers can be chosen."""
    gone_back: GoneBack | None = None
    """Which models are no longer in use."""
    _cached: ServedModel | None = None

    def __post_init__(self) -> None:
        self.records = FakeRecords(self.clock, lambda: self.chain_up)
        self.requests = FakeRequests(self.records)
        self.auditor = SteppedAuditor()
        self.hospital = FakeHospital(lambda: self.chain_up)
        self.training = FakeTraining()
        self.keys = KeyOrdersInMemory()
        self.withdrawals = FakeWithdrawals(lambda: self.chain_up, self.clock)

    def stop_chain(self) -> None:
        self.chain_up = False

    def start_chain(self) -> None:
        self.chain_up = True

    def lose_vault(self) -> None:
        self.vault_up = False

    def find_vault(self) -> None:
        self.vault_up = True

    def replace_model(self) -> None:
        """Somebody swaps the model file; what was cached is gone, as after a restart."""
        self.served_file = b"another model"
        self._cached = None

    @property
    def services(self) -> Services:
        return Services(
            predictions=FakePredictions(self),
            audits=FakeAudits(self),
            records=self.records,
            requests=self.requests,
            clock=self.clock,
            auditor=self.auditor,
            hospital=self.hospital,
            training=self.training,
            log=WatchedLog(self.clock, self.ask_ledger),
            keys=FederationKeys(self.keys, lambda: self.keys.agent_runs, self.clock),
            withdrawals=self.withdrawals,
        )

    def ask_ledger(self) -> None:
        if not self.chain_up:
            raise ChainUnavailable("http://ledger.example", "connection refused")

    def verified_model(self) -> ServedModel:
        try:
            self.ask_ledger()
        except ChainUnavailable:
            if self._cached is None:
                raise
            return self._looked_at(Fact(State.UNKNOWN, self._cached.verification.ledger.at, NO_LEDGER))
        if self.final_round == 0:
            raise FederationNotOpened
        if sha(self.served_file) != sha(self.recorded_file):
            raise HashMismatch(sha(self.recorded_file), sha(self.served_file))
        self._cached = self._model()
        return self._looked_at(self._cached.verification.ledger)

    def _looked_at(self, ledger: Fact) -> ServedModel:
        """Return the model at hand with what is known of it now."""
        assert self._cached is not None
        known = self._cached.verification
        assert known.file is not None
        file = Fact(State.CHECKED, self.clock.now) if self.vault_up else Fact(State.UNKNOWN, known.file.at, NO_VAULT)
        self._cached = replace(self._cached, verification=replace(known, ledger=ledger, file=file))
        return self._cached

    def _model(self) -> ServedModel:
        checked = Fact(State.CHECKED, self.clock.now)
        return ServedModel(
            round=self.final_round,
            model_digest=sha(b"weights of round %d" % self.final_round),
            envelope_digest=sha(self.recorded_file),
            protection=self.protection,
            coordinator_name="North Coordination Office",
            final_at=self.clock.now - 86_400,
            attested_by=("National Audit Laboratory",),
            verification=Verification(checked, checked, checked, block=1284),
            task=self.task,
        )


class FakePredictions:
    def __init__(self, federation: FakeFederation) -> None:
        self._federation = federation

    def model(self) -> ServedModel:
        return self._federation.verified_model()

    def reported(self) -> ReportedModel:
        return ReportedModel(self.model(), self._federation.report)

    def gone_back(self) -> GoneBack | None:
        return self._federation.gone_back

    def again(self, model: ServedModel) -> Verification:
        federation = self._federation
        if not federation.chain_up:
            return Verification(Fact(State.UNKNOWN, 0, NO_LEDGER), None, None)
        right = model.envelope_digest == sha(federation.recorded_file)
        state = State.CHECKED if right else State.CONTRADICTED
        return Verification(Fact(state, federation.clock.now), None, None)

    def predict(self, pixels: Pixels, frame: Frame | None = None, server: str = "") -> Prediction:
        model = self._federation.verified_model()
        picture = prepare(pixels, SIZE_PX, frame=frame)
        seen = Seen(picture, picture[..., 2].copy()) if self._federation.sees else None
        probability = self._federation.probability
        if probability is None:
            red, green, blue = (float(np.mean(pixels[..., channel])) for channel in range(3))
            probability = min(max((red + blue - green) / 300.0, 0.0), 1.0)
        routes = self._federation.routes
        chosen = next((route for route in routes if route.server == server), next(iter(routes), None))
        return replace(self._of(model, probability), route=chosen, seen=seen)

    def servers(self) -> Sequence[Route]:
        return self._federation.routes

    def _of(self, model: ServedModel, probability: float) -> Prediction:
        """Return all of `probability` in the last disease class, the rest in the first other one."""
        task = model.task
        ill = [one.code for one in task.classes if one.disease][-1:]
        well = next(one.code for one in task.classes if not one.disease)
        shares = {code: probability if code in ill else 0.0 for code in task.codes} | {well: 1 - probability}
        row = [shares[code] for code in task.codes]
        return Prediction(max(shares, key=shares.__getitem__), task.disease_probability(row), shares, model)


class FakeAudits:
    def __init__(self, federation: FakeFederation) -> None:
        self._federation = federation

    def rounds(self) -> Sequence[RoundView]:
        self._federation.ask_ledger()
        return [self._round(number) for number in range(self._federation.final_round, 0, -1)]

    def history(self) -> History:
        self._federation.ask_ledger()
        return small_history()

    def look_up(self, digest: Digest) -> FileFinding:
        federation = self._federation
        federation.ask_ledger()
        if digest not in {sha(federation.recorded_file), federation.recorded_model}:
            return FileFinding(digest, ())
        place = DigestPlace(
            what="global model (sealed)",
            sender_name="North Coordination Office",
            sender=COORDINATOR,
            round=federation.final_round,
            recorded_at=federation.clock.now - 86_400,
            transaction=sha(b"transaction"),
            block=1284,
        )
        return FileFinding(digest, (place,))

    def findings(self) -> AuditSummary | None:
        federation = self._federation
        if not federation.audited:
            return None
        results = {number: self._results(number) for number in range(1, federation.final_round)}
        return AuditSummary(1318, federation.findings_of_last_audit, federation.clock.now - 3600, results)

    def training_of(self, number: int) -> Mapping[str, JsonValue]:
        return {"local, epochs": 3 if number > 4 else 2, "model, preparation": "plain/1"}

    def explain(self, number: int, results: Results, when: Callable[[int], str]) -> Explained:
        self._check(number)
        at = when(self._federation.clock.now)
        told = tuple(
            Passage(step, title, f"{title}, {at}.", f"all of {title.lower()}.", results.outcome(step), (), digests)
            for step, title, digests in (
                (AuditStep.OPENING, "Opening", {}),
                (AuditStep.SUM, "Sum", {"new model (weights)": sha(b"weights of round %d" % number)}),
            )
        )
        return Explained(number, told, "The round is over.", "Nobody could see one update.", results)

    def obstacle(self, number: int) -> str:
        self._check(number)
        return "" if self._federation.protection == "masked" else "its updates are sealed to others"

    def replay(self, number: int) -> Results:
        self._check(number)
        return self._results(number)

    def _results(self, number: int) -> Results:
        found = tuple(each for each in self._federation.findings_of_last_audit if each.round == number)
        return Results(frozenset({AuditStep.OPENING, AuditStep.SUM}), found)

    def _check(self, number: int) -> None:
        self._federation.ask_ledger()
        if not 1 <= number <= self._federation.final_round:
            raise WrongRound(self._federation.final_round, number)

    def _round(self, number: int) -> RoundView:
        aborted = number == self._federation.final_round - 2
        hospitals = ("St Elisabeth", "University Clinic West", "Harbour Hospital")
        opened = self._federation.clock.now - 86_400 * (self._federation.final_round - number + 1) - 1800
        return RoundView(
            number=number,
            phase="aborted" if aborted else "final",
            protection=self._federation.protection,
            opened_at=opened,
            ended_at=opened + 1800,
            hospitals=tuple(RoundHospital(name, not (aborted and name.startswith("Harbour"))) for name in hospitals),
            model_digest=None if aborted else sha(b"weights of round %d" % number),
            attested_by=() if aborted else ("National Audit Laboratory",),
            reason="2 of 3 hospitals committed before the deadline" if aborted else "",
            report=Report() if aborted else Report(METRICS),
        )
