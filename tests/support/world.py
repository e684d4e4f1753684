"""A consortium whose time is the test's and whose agents act when the test says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.crypto.envelope import seal
from fl.crypto.envelope_form import Core
from fl.events import Event
from fl.protocol.audit import Report
from fl.protocol.federation import Federation
from fl.protocol.names import NO_ADDRESS, Blob, Digest, Role
from fl.protocol.ports import Ledger
from fl.protocol.records import FederationOpened, ModelProposed, UpdateCommitted
from fl.protocol.rounds.round import Phase, Round
from fl.replay.expected_files import model_core, model_recipients, update_core, update_recipients
from fl.replay.ledger_view import Keyring, LedgerView
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Plan
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.background_training import Train, TrainingJob
from fl.training.aggregation.quantise import LocalMetrics, Vector, quantise, to_bytes
from fl.training.local.config import LocalConfig
from fl.training.model.weights import model_digest, vector_to_bytes
from fl.training.recipe import Recipe
from tests.support.federation import (
    CONFIG,
    SPEC,
    Clock,
    Consortium,
    Party,
    endorser,
    found,
    initial,
    memory_connect,
    nudge,
    settle,
)

COMMIT_S, CLOSE_S = 120, 120


@dataclass
class World:
    """One consortium of three hospitals, by name."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    consortium: Consortium = field(init=False)
    connect: Callable[[str], Ledger] = field(init=False)

    def __post_init__(self) -> None:
        self.connect = memory_connect(self.clock)
        self.consortium = found(self.folder, self.connect, now=self.clock)

    def party(self, name: str) -> Party:
        return next(party for party in self.consortium.everybody() if party.name == name)

    def join(self, name: str, role: Role) -> Party:
        return self.consortium.join(name, role)

    def plan(self, rounds: int = 1, **changes: int) -> Plan:
        plan = replace(self.consortium.plan(rounds), min_hospitals=2, min_commitments=2)
        return replace(plan, **changes)  # type: ignore[arg-type]

    def coordinator(self, rounds: int = 1, **changes: int) -> Coordinator:
        ports = self.consortium.coordinator.ports(self.consortium.vault)
        return Coordinator(ports, self.plan(rounds, **changes), initial())

    def hospital(self, name: str, train: Train | None = None) -> Hospital:
        return self.hospital_of(self.party(name), train)

    def hospital_of(self, party: Party, train: Train | None = None) -> Hospital:
        return Hospital(party.ports(self.consortium.vault), train or nudge(party.name))

    def hospitals(self, *names: str) -> list[Hospital]:
        return [self.hospital(name) for name in names or ("alpha", "beta", "gamma")]

    def auditor(self, party: Party | None = None) -> Auditor:
        ports = (party or self.consortium.auditor).ports(self.consortium.vault)
        return Auditor(ports, lambda _model, _config: Evaluation({"auroc": 0.5}))

    def run(self, rounds: int = 1) -> None:
        """Run an honest federation until so many rounds are final."""
        settle(self.coordinator(rounds), self.auditor(), *self.hospitals())

    def freeze_a_round(self) -> Coordinator:
        """Bring a round to FROZEN with everybody's update, and return the coordinator."""
        coordinator, hospitals = self.coordinator(99), self.hospitals()
        while self.round is None or self.round.phase != Phase.OPEN:
            coordinator.step()
        settle(*hospitals)
        coordinator.step()
        assert self.current.phase == Phase.FROZEN
        return coordinator

    @property
    def federation(self) -> Federation:
        return LedgerView(self.consortium.operator).refresh()

    @property
    def round(self) -> Round | None:
        rounds = self.federation.rounds
        return rounds[-1] if rounds else None

    @property
    def current(self) -> Round:
        assert self.round is not None
        return self.round

    def phases(self) -> list[str]:
        return [found.phase.name for found in self.federation.rounds]

    def events(self, name: str) -> list[Event]:
        return [what for what, _facts in self.party(name).events]

    def refusals(self, name: str) -> list[str]:
        """Return why a member took no further part in a round, or attested nothing, as it reported it."""
        refused = (Event.ROUND_REFUSED, Event.MODEL_NOT_ATTESTED)
        return [str(facts["reason"]) for what, facts in self.party(name).events if what in refused]

    def seal_model(self, vector: Vector, source: Round | None = None) -> Digest:
        """Put a model into the vault under the header of a round, and return the envelope's digest."""
        current = source or self.current
        recipients = model_recipients(current, self.federation.book, None)
        return self.consortium.vault.put(seal(model_core(current), recipients, vector_to_bytes(vector)))

    def propose(self, model: Digest, envelope: Digest) -> None:
        ledger = self.consortium.coordinator.ledger
        ledger.append(ModelProposed(ledger.account, self.current.number, model, envelope))

    def honest_model(self) -> Vector:
        """Return the weighted mean of what the hospitals learned in round 1, within the quantiser's step."""
        start = initial().vector
        learned = [nudge(party.name)(TrainingJob(1, start, CONFIG)) for party in self.consortium.hospitals]
        vectors = [vector.astype(np.float64) for vector, _ in learned]
        mean = np.average(vectors, axis=0, weights=[metrics.samples for _, metrics in learned])
        return mean.astype(np.float32)


def digest(vector: Vector) -> Digest:
    return model_digest(initial().manifest.digest, vector)


def restless(name: str) -> Train:
    """Return a training that never gives the same twice."""
    calls = [0]

    def train(task: TrainingJob) -> tuple[Vector, LocalMetrics]:
        calls[0] += 1
        return nudge(f"{name}{calls[0]}")(task)

    return train


def audit(world: World) -> Report:
    party = world.consortium.auditor
    made = Audit(
        world.consortium.operator.anchor,
        world.consortium.vault,
        AuditKey(party.account, Keyring(party.keys, party.long_keys)),
        endorser(),
    )
    return made.run(world.consortium.operator.replay(), lambda _done, _of: None)[0]


def check_audit(world: World) -> None:
    report = audit(world)
    assert report.findings == []
    assert report.checks["aggregates"] == 1


def opened(world: World, rounds: int = 99, **plan: int) -> Coordinator:
    """Return the coordinator of an open round."""
    coordinator = world.coordinator(rounds, **plan)
    while world.round is None or world.round.ended:
        coordinator.step()
    return coordinator


def open_with_a_malformed_manifest(world: World) -> None:
    """Open the federation as a faulty coordinator does."""
    ledger, vault = world.consortium.coordinator.ledger, world.consortium.vault
    model = Digest(bytes([1]) * 32)
    ledger.append(FederationOpened(ledger.account, NO_ADDRESS, 0, model, model, vault.put(b"no manifest")))


def after_the_commit_deadline(world: World) -> None:
    world.clock.now = world.current.terms.commit_deadline + 1


def send(world: World, party: Party, file: Blob) -> None:
    """Commit to a file and upload it, as a hospital with its own tools would."""
    made = world.consortium.vault.put(file)
    party.ledger.append(UpdateCommitted(party.account, world.current.number, made))


def sealed(world: World, party: Party, body: bytes, core: Core | None = None) -> Blob:
    return seal(
        core or update_core(world.current, party.account), update_recipients(world.current, world.federation.book), body
    )


def own_body(party: Party) -> bytes:
    trained, metrics = nudge(party.name)(TrainingJob(1, initial().vector, CONFIG))
    return to_bytes(quantise(initial().vector, trained, metrics, CONFIG))


RECIPE = Recipe(SPEC, LocalConfig(), 1)


def run_rounds(world: World, rounds: int) -> None:
    """Run rounds whose configuration holds a recipe that a predictor can be built from."""
    plan = replace(world.plan(rounds), config=replace(CONFIG, training=RECIPE.to_dict()))
    coordinator = Coordinator(world.consortium.coordinator.ports(world.consortium.vault), plan, initial())
    settle(coordinator, world.auditor(), *world.hospitals())
