"""A hospital's part in a federation in memory: a model of six values, a round that a test moves, no agent.

Not here: real rounds (tests/memory/test_webui_own_tools.py has them).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.model_signature import SignedModel, with_signature
from fl.protocol.errors import ChainUnavailable, FederationNotOpened, UploadUnusable, WrongRound
from fl.protocol.names import Address, Digest
from fl.protocol.ports import Anchor
from fl.protocol.task_catalogue import LEUKEMIA
from fl.roles.hospital.key_orders import KeyOrder, OrderOutcome
from fl.roles.hospital.uploads import Outcome
from fl.training.model.handed_in import BASE, MOST_SAMPLES, Declared, check_change, weights_in
from fl.training.model.tensor_file import read_tensors, write_tensors
from fl.training.model.weights import Manifest, model_digest
from webui.errors import TrainingRunning
from webui.ports.hospital import (
    CheckedUpload,
    GlobalModel,
    MemberView,
    ModelOrigin,
    PhaseView,
    Receipt,
    RoundFigures,
    RoundNow,
    RoundPart,
)
from webui.ports.local_training import LocalTraining, TrainingStep

MANIFEST = Manifest(("layer.weight", "layer.bias"), ((2, 2), (2,)))
VECTOR = np.arange(6, dtype=np.float32)
ANCHOR = Anchor(b"\x11" * 32, 31337, Address(b"\x21" * 20), Address(b"\x22" * 20))
HOSPITALS = ("St Elisabeth", "University Clinic West", "Harbour Hospital")


def weights(hospital: FakeHospital, change: float = 0.5) -> bytes:
    """Return a file of weights that passes every check."""
    base = hospital.model().origin.digest.hex()
    return write_tensors(MANIFEST, VECTOR + np.float32(change), {"base": base})


def running(number: int) -> RoundNow:
    """Return a masked round whose masked updates are awaited."""
    done = tuple(PhaseView(name, "done", HOSPITALS, ()) for name in ("advertise", "share", "complain"))
    now = PhaseView("mask", "now", HOSPITALS[:2], HOSPITALS[2:])
    later = tuple(PhaseView(name, "later", (), ()) for name in ("agree", "unmask", "proposed"))
    receipts = (
        Receipt("KeysAdvertised", None, 1290, b"\x01" * 32, 1_795_435_000),
        Receipt("UpdateCommitted", Digest(b"\x0c" * 32), 1297, b"\x02" * 32, 1_795_435_100),
    )
    return RoundNow(
        number=number,
        phase="mask",
        protection="masked",
        opened_at=1_795_434_900,
        deadline=1_795_436_000,
        phases=(*done, now, *later),
        invited=True,
        commitment=Digest(b"\x0c" * 32),
        counted=False,
        model_digest=None,
        reason="",
        receipts=receipts,
    )


@dataclass
class FakeHospital:
    """Implements HospitalService; the knobs are fields."""

    chain_up: Callable[[], bool]
    rounds: int = 7
    changes: int = 0
    """Increased by a test when something happened."""
    key: PrivateKey = field(default_factory=lambda: PrivateKey.generate(1))
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    parts: dict[int, RoundPart] = field(default_factory=dict)
    handed: dict[str, CheckedUpload] = field(default_factory=dict)

    def model(self, number: int | None = None) -> GlobalModel:
        self._ask()
        if self.rounds == 0:
            raise FederationNotOpened
        if number is not None and number > self.rounds:
            raise WrongRound(self.rounds, number)
        return GlobalModel(
            origin=self._origin(self.rounds if number is None else number),
            manifest=MANIFEST,
            vector=VECTOR,
            task=LEUKEMIA,
            recipe={"kind": "hemanet", "size_px": 16, "preparation": "plain/1", "outputs": "classes"},
            bound=5.0,
            network="def build():\n    ...\n",
            no_network="",
            most_samples=MOST_SAMPLES,
            metrics={"accuracy": 0.87, "auroc": 0.93},
            anchor={"consortium": "0x" + "11" * 32, "chain_id": 31337, "ledger": "0x" + "22" * 20},
        )

    def signed(self, model: GlobalModel, files: Mapping[str, bytes]) -> Mapping[str, bytes]:
        return with_signature(self.key, Address(b"\x33" * 20), SignedModel(ANCHOR, model.origin.digest, 0), files)

    def origin(self) -> ModelOrigin | None:
        self._ask()
        return self._origin(self.rounds) if self.rounds else None

    def check(self, data: bytes, declared: Declared, base: str) -> CheckedUpload:
        file, model = read_tensors(data), self.model()
        stated = file.metadata.get(BASE, base)
        if stated != model.origin.digest.hex():
            raise UploadUnusable("it starts from another model")
        declared.check(model.most_samples)
        weights = weights_in(file, model.manifest, model.vector)
        return CheckedUpload(model.origin.digest, declared, weights, check_change(weights, model.vector, model.bound))

    def hand_over(self, name: str, upload: CheckedUpload) -> None:
        self.handed[name] = upload

    def outcome(self, name: str) -> Outcome | None:
        return self.outcomes.get(name)

    def part(self, number: int) -> RoundPart | None:
        return self.parts.get(number)

    def now(self) -> RoundNow | None:
        self._ask()
        return running(self.rounds + 1) if self.rounds else None

    def version(self) -> str:
        self._ask()
        return f"{self.rounds}-{self.changes}"

    def members(self) -> Sequence[MemberView]:
        self._ask()
        rows = [("North Coordination Office", "coordinator"), ("National Audit Laboratory", "auditor")]
        rows += [(name, "hospital") for name in HOSPITALS]
        return [
            MemberView(
                name=name,
                role=role,
                account=bytes([place]) * 20,
                own=name == HOSPITALS[0],
                revoked=False,
                epoch=1,
                key_id=bytes(16),
                key_since=1_760_000_000,
            )
            for place, (name, role) in enumerate(rows, 1)
        ]

    def figures(self) -> Sequence[RoundFigures]:
        self._ask()
        return [
            RoundFigures(
                number,
                1_795_000_000 + 86_400 * number,
                {"accuracy": 0.70 + 0.03 * number, "auroc": 0.80 + 0.02 * number},
                {"samples": 1200.0, "loss": 0.9 / number},
            )
            for number in range(1, self.rounds + 1)
        ]

    def _ask(self) -> None:
        if not self.chain_up():
            raise ChainUnavailable("http://ledger.example", "connection refused")

    def _origin(self, number: int) -> ModelOrigin:
        digest = model_digest(MANIFEST.digest, VECTOR)
        return ModelOrigin(number, digest, MANIFEST.digest, Digest(b"\x0e" * 32), 1_795_400_000)


@dataclass
class FakeTraining:
    """Implements TrainingService; a test moves it."""

    state: LocalTraining = field(default_factory=LocalTraining)
    file: bytes = b""

    def now(self) -> LocalTraining:
        return self.state

    def start(self, passes: int) -> None:
        if self.state.step is TrainingStep.RUNNING:
            raise TrainingRunning
        self.state = LocalTraining(TrainingStep.RUNNING, 1_795_435_200, passes)

    def stop(self) -> None:
        self.state = replace(self.state, step=TrainingStep.STOPPED)

    def result(self) -> tuple[bytes, Declared] | None:
        done = self.state.step is TrainingStep.DONE
        return (self.file, Declared(self.state.samples, self.state.correct, self.state.loss)) if done else None


@dataclass
class KeyOrdersInMemory:
    """Implements KeyOrderBox; a test plays the agent."""

    agent_runs: bool = True
    order: KeyOrder | None = None
    outcomes: dict[str, OrderOutcome] = field(default_factory=dict)

    def newest(self) -> KeyOrder | None:
        return self.order

    def put(self, order: KeyOrder) -> None:
        self.order = order

    def outcome(self, name: str) -> OrderOutcome | None:
        return self.outcomes.get(name)

    def note(self, name: str, outcome: OrderOutcome) -> None:
        self.outcomes[name] = outcome
