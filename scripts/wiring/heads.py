"""Private predictions from the command line: which model, what its fixed network sees, and who answers.

Only a model of which the head alone was trained has a network that everybody can build without the model.

Source: PROTOCOL.md 9P.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fl.crypto.encrypted_head import EncryptedHead
from fl.crypto.threshold import ThresholdKey
from fl.protocol.errors import SettingInvalid
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Digest, Role
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.task import Domain, Task
from fl.replay.ledger_view import LedgerView, Ports
from fl.replay.round_documents import digest_of, read_config
from fl.roles.requester.head_questions import PrivateAnswer
from fl.roles.requester.private_answers import PrivateAnswers
from fl.training.evaluation.int8_head import Int8Head, ceilings_of, in_steps, shares_of
from fl.training.evaluation.predict import Predictor, no_weights
from fl.training.model.device import use_threads
from fl.training.model.spec import ModelSpec
from fl.training.pictures.field import Frame
from fl.training.pictures.gate import prepare
from fl.training.pictures.images import Pixels
from fl.training.recipe import Recipe
from fl.transport.http_server import HttpServer
from scripts.wiring.agent import announce
from scripts.wiring.evaluation import open_model, own_images
from scripts.wiring.head_table import logarithms_of
from scripts.wiring.home import Home
from scripts.wiring.roles import open_ports

DAY_S = 86_400
MOST_PICTURES = 500
"""Held-out pictures from which the largest feature is taken."""


@dataclass(frozen=True)
class Member:
    """A member with what it reaches, and the federation as it is now."""

    ports: Ports
    federation: Federation
    answers: PrivateAnswers

    @classmethod
    def of(cls, home: Home, name: str, role: Role) -> Member:
        ports = open_ports(home, home.member(name).as_a(role), announce(name))
        return cls(ports, LedgerView(ports.ledger).refresh(), PrivateAnswers(ports))


@dataclass(frozen=True)
class Told:
    """A private answer for people."""

    shares: dict[str, float]
    """Class name -> probability, without calibration."""
    wrong: tuple[str, ...]
    """Trustees whose parts were wrong."""
    failed: dict[str, str]
    """Trustees that did not answer -> why."""
    seconds: float
    """From the features to the answer."""


def announce_head(home: Home, name: str, days: int) -> tuple[Digest, int, int]:
    """Encrypt the newest final model's head as an auditor; return its digest, the request, and its answers at most.

    Raises:
        SettingInvalid: more than the head was trained, or the auditor has no held-out images.
        NoCommittee: no committee has the key for predictions.
    """
    from fl.replay.heads import PART

    opened = open_model(home, name)
    _check_spec(opened.recipe.spec)
    images = own_images(home, name, opened.task)[name].images[:MOST_PICTURES]
    ceilings = ceilings_of(opened.predictor.features(images), 1)
    layer = opened.predictor.network.get_submodule("head")
    weights, biases = (layer.get_parameter(part).detach().numpy() for part in ("weight", "bias"))
    member = Member.of(home, name, Role.AUDITOR)
    plain, until = Int8Head.of(weights, biases, ceilings), member.ports.now() + days * DAY_S
    head, number = member.answers.announce(member.federation, digest_of(opened.current.round), plain, until)
    return head, number, plain.weights.shape[1] // PART


def ask_trustees(
    home: Home, name: str, number: int, pixels: Pixels, frame: Frame | None, urls: Mapping[str, str]
) -> Told:
    """Ask the trustees' servers about one picture uint8 [H, W, 3] as a hospital.

    Raises:
        NoAnswer: the picture does not show what the model judges.
        SettingInvalid: more than the head was trained, or a name is no trustee's.
        HemaledgerError: as PrivateAnswers.ask.
    """
    use_threads(1)
    member = Member.of(home, name, Role.HOSPITAL)
    request = member.federation.threshold.request(number)
    head = member.answers.questions.head(request.record.label, ThresholdKey.from_bytes(request.committee.public_key))
    current = _round_of(member.federation, head.facts.model)
    config = read_config(current, home.vault)
    recipe, task = Recipe.of(config), config.task
    _check_spec(recipe.spec)
    picture = prepare(pixels, recipe.spec.size_px, stained=task.domain == Domain.STAINED_CELL, frame=frame)
    seen = Predictor(recipe.spec, no_weights(recipe.spec)).features(picture[np.newaxis])
    lines = {_trustee(member.federation, who): HttpServer(who, url).ask for who, url in urls.items()}
    logarithms = logarithms_of(home)
    began = time.perf_counter()
    features = in_steps(seen, head.facts.ceilings)[0].tobytes()
    found = member.answers.questions.ask(member.federation, head, number, features, lines, logarithms)
    return _told(member.federation, head, recipe.spec, task, found, time.perf_counter() - began)


def _told(
    federation: Federation, head: EncryptedHead, spec: ModelSpec, task: Task, found: PrivateAnswer, seconds: float
) -> Told:
    row = shares_of(found.answer.sums, head.facts.scales, several=spec.several)
    shares = {one.name: share for one, share in zip(task.classes, row, strict=True)}
    name_of = federation.book.name_of
    failed = {name_of(who): str(error) for who, error in found.failed.items()}
    return Told(shares, tuple(map(name_of, found.answer.wrong)), failed, seconds)


def _check_spec(spec: ModelSpec) -> None:
    if not spec.public_network:
        raise SettingInvalid(
            "model",
            "private predictions need a lite0 of which only the head was trained; of another model every hospital "
            "needs the whole file to compute anything, and so has its last layer",
        )


def _round_of(federation: Federation, model: Digest) -> Round:
    for current in reversed(federation.rounds):
        if current.phase == Phase.FINAL and digest_of(current) == model:
            return current
    raise SettingInvalid("head", "it is of no final model of this ledger")


def _trustee(federation: Federation, name: str) -> Address:
    for member in federation.book.having(Role.TRUSTEE):
        if member.name == name:
            return member.account
    raise SettingInvalid("trustee", f"no trustee is called {name}")
