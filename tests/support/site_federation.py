"""The site's real services over a small real federation in one process: the other subject of the contract suite.

Invariant: only the chain is in memory; rounds, envelopes, vault, model and the verified path are the real ones.
"""

from __future__ import annotations

import atexit
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from fl.audit.access import AuditKey
from fl.audit.rounds import Bench
from fl.protocol.errors import ChainUnavailable
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Protection
from fl.protocol.ports import Anchor, Ledger
from fl.protocol.records import Entry, Position, Receipt, Record
from fl.replay.ledger_view import Keyring
from fl.roles.requester.agent import Requester
from fl.roles.serving.current_model import VerifiedModelCache
from fl.roles.serving.model_facts import Verification
from fl.storage.vault import FolderVault
from fl.training.evaluation.predict import Predictor
from fl.training.local.config import LocalConfig
from fl.training.pictures.field import Frame
from fl.training.pictures.images import Pixels
from fl.training.recipe import Recipe
from tests.support.federation import CONFIG, SPEC, Consortium, endorser, found, memory_connect, run_all
from tests.support.ledger import MemoryLedger
from tests.support.relay import MemoryRelay
from tests.support.site_town import Town
from webui.federation.audits import FederationAudits
from webui.federation.decryption_requests import FederationRequests
from webui.federation.predictions import FederationPredictions
from webui.federation.records import FederationRecords
from webui.ports.decryption_requests import RequestService
from webui.ports.federation import (
    AuditService,
    GoneBack,
    Prediction,
    PredictionService,
    ReportedModel,
    Route,
    ServedModel,
    Services,
)

RECIPE = Recipe(SPEC, LocalConfig(), seed=1)
CAP = 64 * 2**20


@dataclass
class BreakableLedger:
    """A ledger whose node can be taken away."""

    behind: Ledger
    up: bool = True

    @property
    def anchor(self) -> Anchor:
        return self.behind.anchor

    @property
    def account(self) -> Address:
        return self.behind.account

    def append(self, record: Record) -> Receipt:
        return self.behind.append(record)

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        if not self.up:
            raise ChainUnavailable("http://ledger.example", "connection refused")
        return self.behind.replay(after)

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        return self.behind.wait(after, timeout_s)


@dataclass
class RealWorld:
    """Two final rounds, seen by the hospital `alpha`, whose site this is."""

    consortium: Consortium
    ledger: BreakableLedger
    report: Path
    services: Services = field(init=False)
    reader: VerifiedModelCache = field(init=False)

    def __post_init__(self) -> None:
        self._restart()
        keyring = Keyring(self.consortium.hospitals[0].keys)
        records = FederationRecords(self.ledger, self._federation, keyring)
        self.services = Services(
            _Late(self), self._audits(), records, _requests(self, records), lambda: int(time.time())
        )

    @property
    def recorded_file(self) -> bytes:
        proposal = self.reader.federation().rounds[-1].proposal
        assert proposal is not None
        return self.consortium.vault.get(proposal.envelope_digest, CAP)

    def stop_chain(self) -> None:
        self.ledger.up = False

    def start_chain(self) -> None:
        self.ledger.up = True

    def lose_vault(self) -> None:
        """Move the vault's folder away."""
        self._vault.rename(self._vault.with_name("elsewhere"))

    def find_vault(self) -> None:
        self._vault.with_name("elsewhere").rename(self._vault)

    @property
    def _vault(self) -> Path:
        return self.report.with_name("vault")

    def replace_model(self) -> None:
        proposal = self.reader.federation().rounds[-1].proposal
        assert proposal is not None
        path = self.consortium.vault.path(proposal.envelope_digest)
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        self._restart()

    def predictions(self) -> PredictionService:
        return FederationPredictions(self.reader, self.consortium.vault)

    def _federation(self) -> Federation:
        return self.reader.federation()

    def _audits(self) -> AuditService:
        party = self.consortium.hospitals[0]
        key = AuditKey(party.account, Keyring(party.keys))
        bench = Bench(self.consortium.vault, key, endorser())
        return FederationAudits(self.ledger, self._federation, bench, self.report)

    def _restart(self) -> None:
        party = self.consortium.hospitals[0]
        keyring = Keyring(party.keys)
        self.reader = VerifiedModelCache(
            self.ledger, self.consortium.vault, party.account, keyring, lambda: int(time.time()), Predictor
        )


def _requests(world: RealWorld, records: FederationRecords) -> RequestService:
    """Return requests over the same ledger; nobody here answers any (site_committee.py does)."""
    hospital = world.consortium.hospitals[0]
    requester = Requester(world.ledger, world.consortium.vault, Keyring(hospital.keys))
    behind = world.ledger.behind
    assert isinstance(behind, MemoryLedger)
    relay, vault = MemoryRelay(behind), world.consortium.vault
    return FederationRequests(world._federation, records, requester, relay, vault, lambda: int(time.time()))


@dataclass
class _Late:
    """The predictions of the reader that runs now."""

    world: RealWorld

    def predict(self, pixels: Pixels, frame: Frame | None = None, server: str = "") -> Prediction:
        return self.world.predictions().predict(pixels, frame, server)

    def servers(self) -> Sequence[Route]:
        return self.world.predictions().servers()

    def gone_back(self) -> GoneBack | None:
        return self.world.predictions().gone_back()

    def again(self, model: ServedModel) -> Verification:
        return self.world.predictions().again(model)

    def model(self) -> ServedModel:
        return self.world.predictions().model()

    def reported(self) -> ReportedModel:
        return self.world.predictions().reported()


@cache
def _finished(protection: Protection) -> tuple[Consortium, Path]:
    """Run two rounds of three hospitals, once for all worlds; return them and the folder of their vault."""
    folder = Path(mkdtemp(prefix="hemaledger-site-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    consortium = found(folder, memory_connect())
    plan = replace(consortium.plan(2), config=replace(CONFIG, training=RECIPE.to_dict()))
    if protection == Protection.MASKED:
        plan = replace(plan, protection=protection, step_timeout_s=60)
    coordinator, auditor, hospitals = consortium.agents(plan)
    run_all(coordinator, [auditor, *hospitals])
    return consortium, folder / "vault"


def forget_worlds() -> None:
    """Let the next world be a new one: tests of one process share a ledger, and some put records on it."""
    _finished.cache_clear()


def masked_world(folder: Path) -> RealWorld:
    """Return what `real_world` does, of masked rounds."""
    return real_world(folder, Protection.MASKED)


def real_world(folder: Path, protection: Protection = Protection.SEALED) -> RealWorld:
    """Return a site's view of a finished federation, with a vault of its own that a test may break."""
    finished, vault = _finished(protection)
    shutil.copytree(vault, folder / "vault")
    consortium = replace(finished, vault=FolderVault(folder / "vault"))
    report = folder / "audit.json"
    document = {
        "checks": {"files": 9, "records": 30},
        "findings": [],
        "notes": [],
        "rounds": [],
        "checked_at": int(time.time()),
    }
    report.write_text(json.dumps(document), encoding="utf-8")
    return RealWorld(consortium, BreakableLedger(consortium.hospitals[0].ledger), report)


class RealTown(Town):
    """A whole site over a finished federation, with a vault of its own; people and clock are the fake's."""

    def __init__(self, folder: Path, protection: Protection) -> None:
        self.world = real_world(folder, protection)
        super().__init__(folder)

    def services(self) -> Services:
        return replace(self.world.services, clock=self.federation.clock)
