"""A site with private predictions: a real federation in memory, real trustees, and the real public network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np

from fl.crypto.discrete_log import logarithms
from fl.protocol.errors import ServerSilent
from fl.protocol.names import Address, CeremonyKind, Digest, KeyUse, Purpose
from fl.replay.ledger_view import Keyring, LedgerView
from fl.replay.round_documents import digest_of
from fl.roles.coordinator.agent import Coordinator
from fl.roles.requester.private_answers import PrivateAnswers
from fl.roles.serving.current_model import VerifiedModelCache
from fl.roles.trustee.head_answers import HeadDesk
from fl.training.evaluation.int8_head import Int8Head, ceilings_of
from fl.training.evaluation.predict import Features, Predictor, no_weights
from fl.training.model.spec import LITE0, ModelSpec
from fl.training.pictures.gate import prepare
from fl.training.pictures.images import Pixels
from fl.training.presets import DEFAULT_LOCAL
from fl.training.recipe import Recipe
from scripts.wiring.plans import first_model
from tests.support.clinic import Clinic, three_trustees
from tests.support.federation import CONFIG, Clock, Party, settle
from tests.support.site_town import Town, cell_pixels
from webui.federation.predictions import FederationPredictions
from webui.federation.private_predictions import FederationPrivate
from webui.ports.federation import Prediction, Services

SPEC = ModelSpec(kind=LITE0, trained="head")
RECIPE = Recipe(SPEC, DEFAULT_LOCAL, 1)
NAMES = ("ada", "ben", "cleo")


@cache
def _public() -> Predictor:
    return Predictor(SPEC, no_weights(SPEC))


class HereNetwork:
    """The public network in this process."""

    def __init__(self) -> None:
        self.asked = 0

    def features(self, spec: ModelSpec, picture: Pixels) -> Features:
        assert spec == SPEC
        self.asked += 1
        found: Features = _public().features(picture[np.newaxis])[0]
        return found


@dataclass
class DeskServer:
    """A trustee's server without HTTP, and the ways to break it."""

    name: str
    desk: HeadDesk
    up: bool = True
    refuses: bool = False
    """It says that it is there, but answers no question."""
    probed: int = 0

    def alive(self) -> bool:
        self.probed += 1
        return self.up

    def ask(self, question: bytes) -> bytes:
        if not self.up or self.refuses:
            raise ServerSilent(self.name, "there is no connection")
        return self.desk.handle(question)


@dataclass
class PrivateWorld:
    """A final round of which the head alone was trained, a head that an auditor announced, and trustees' servers."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    network: HereNetwork = field(default_factory=HereNetwork)
    clinic: Clinic = field(init=False)
    servers: dict[str, DeskServer] = field(init=False)
    head: Digest | None = None

    def __post_init__(self) -> None:
        self.clinic = three_trustees(self.folder, self.clock)
        self.train()
        self.clinic.start(CeremonyKind.GENERATE, self.clinic.parties, use=KeyUse.INFERENCE)
        settle(*self.clinic.trustees)
        self.servers = {party.name: DeskServer(party.name, self._desk(party)) for party in self.clinic.parties}
        vault, party = self.clinic.consortium.vault, self.clinic.hospital
        self.reader = VerifiedModelCache(party.ledger, vault, party.account, Keyring(party.keys), self.clock, Predictor)
        ports = party.ports(vault)
        self.private = FederationPrivate(
            self.reader.federation, PrivateAnswers(ports).questions, self.network, self.servers, logarithms
        )

    def train(self) -> None:
        """Add a final round."""
        consortium = self.clinic.consortium
        rounds = len(self.clinic.federation.rounds) + 1
        plan = replace(consortium.plan(rounds), config=replace(CONFIG, training=RECIPE.to_dict()))
        _, auditor, hospitals = consortium.agents(plan)
        leader = Coordinator(consortium.coordinator.ports(consortium.vault), plan, first_model(RECIPE))
        settle(leader, auditor, *hospitals)

    def announce(self) -> Digest:
        """Announce the newest model's head as the auditor."""
        seen = _public().features(self.prepared(cell_pixels(size=(450, 450)))[np.newaxis])
        layer = self.reader.current().predictor.network.get_submodule("head")  # type: ignore[attr-defined]
        weights, biases = (layer.get_parameter(part).detach().numpy() for part in ("weight", "bias"))
        plain = Int8Head.of(weights, biases, ceilings_of(1.2 * seen, 1))
        final = self.clinic.federation.final_round
        assert final is not None
        auditor = PrivateAnswers(self.clinic.consortium.auditor.ports(self.clinic.consortium.vault))
        self.head, _ = auditor.announce(self.clinic.federation, digest_of(final), plain, self.clock.now + 10**6)
        return self.head

    def buy(self, answers: int) -> int:
        assert self.head is not None
        member = PrivateAnswers(self.clinic.hospital.ports(self.clinic.consortium.vault))
        return member.buy(self.clinic.federation, self.head, answers, Purpose.TREATMENT, self.clock.now + 10**5)

    def prepared(self, pixels: Pixels) -> Pixels:
        return prepare(pixels, SPEC.size_px, stained=True, frame=None)

    def normal(self, pixels: Pixels) -> Prediction:
        """Return what the whole model says."""
        return FederationPredictions(self.reader, self.clinic.consortium.vault).predict(pixels)

    def account(self, name: str) -> Address:
        return next(party.account for party in self.clinic.parties if party.name == name)

    def _desk(self, party: Party) -> HeadDesk:
        vault = self.clinic.consortium.vault
        return HeadDesk(party.ports(vault), party.safe, LedgerView(party.ledger).refresh)


class PrivateTown(Town):
    """A site that offers private predictions; the rest of its federation is the fake's."""

    def __init__(self, folder: Path, world: PrivateWorld, **changes: object) -> None:
        self.world = world
        super().__init__(folder, **changes)

    def services(self) -> Services:
        return replace(self.federation.services, private=self.world.private)
