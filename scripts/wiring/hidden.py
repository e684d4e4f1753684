"""Answers about encrypted rows of tables: the host's card and desk, and a hospital's question."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fl.crypto.ckks import AskerKey
from fl.crypto.sealed_query import Asker, open_answer, seal_query
from fl.files import write_atomic
from fl.protocol.errors import KeyEpochMismatch, SettingInvalid
from fl.protocol.federation import Federation
from fl.protocol.keys.members import Member
from fl.protocol.names import Address, Digest, Role
from fl.protocol.rounds.round import Phase
from fl.replay.ledger_view import LedgerView
from fl.replay.round_documents import digest_of
from fl.roles.serving.hidden_rows import HiddenDesk
from fl.storage.journal import SqliteJournal
from fl.training.tables.answer import unlike
from fl.training.tables.hidden_card import CARD_CAP, HiddenCard
from fl.training.tables.logistic import probability
from fl.training.tables.network import Network
from fl.training.tables.polynomial import PolynomialNetwork
from fl.training.tables.rows import parse_values
from fl.training.tables.saved import SavedModel, load_model
from fl.transport.http_server import HttpServer
from scripts.wiring.agent import announce
from scripts.wiring.clock import now
from scripts.wiring.home import Home
from scripts.wiring.roles import keyring_of, open_ledger

PATIENCE_S = 180.0


@dataclass(frozen=True)
class HiddenAnswer:
    """An answer for people."""

    share: float
    """The risk, rounded to a thousandth: nobody needs more, and fewer digits say less about the key."""
    reported: str
    round: int
    unlike: tuple[str, ...]
    """The columns whose values are far from those of the patients that the network learned from."""
    question_bytes: int
    seconds: tuple[float, float, float]
    """To encrypt, to be answered, to decrypt."""


def polynomial_of(saved: SavedModel) -> PolynomialNetwork:
    """Return the form of a network that is computed under encryption, or raise SettingInvalid for a regression."""
    if not isinstance(saved.model, Network):
        raise SettingInvalid("MODEL", "it is a regression; encrypted rows are for networks")
    return PolynomialNetwork.of(saved.model, saved.design)


def write_card(model: Path, card: Path) -> HiddenCard:
    """Write the card of a network; raises as `load_model` and `polynomial_of`."""
    saved = load_model(model)
    polynomial_of(saved)
    made = HiddenCard(saved.design, saved.digest)
    write_atomic(card, made.to_bytes())
    return made


def open_desk(home: Home, name: str, model: Path, each: int) -> HiddenDesk:
    """Return the desk of hospital `name` for a network that the ledger names.

    Raises:
        SettingInvalid: the ledger names no such model, or it is no network.
    """
    saved, member = load_model(model), home.member(name)
    ledger = open_ledger(home, member, notify=announce(name))
    view = LedgerView(ledger)
    named(view.refresh(), saved.digest)
    card, journal = HiddenCard(saved.design, saved.digest).digest, SqliteJournal(member.folder / "journal.sqlite")
    weights = polynomial_of(saved)
    return HiddenDesk(ledger.account, keyring_of(member), view.refresh, journal, now, card, weights, each)


def ask_host(home: Home, name: str, card_file: Path, host: tuple[str, str], values: Sequence[str]) -> HiddenAnswer:
    """Ask the server of `host` (name and URL) about one person as hospital `name`.

    Raises:
        SettingInvalid: the card cannot be read, its model is not on the ledger, or no hospital has this name.
        HemaledgerError: as HttpServer.ask and AskerKey.
    """
    card = _card(card_file)
    member = home.member(name)
    ledger = open_ledger(home, member, notify=announce(name))
    federation = LedgerView(ledger).refresh()
    number = named(federation, card.model)
    given = parse_values(dict(each.partition("=")[::2] for each in values), card.design.schema)
    row = card.design.matrix(given[None, :])[0, 1:].tolist()
    began = time.perf_counter()
    key, body = AskerKey.ask(card.digest, row)
    sent = time.perf_counter()
    asker, receiver = _asker(home, name, federation, ledger.account), _hospital(federation, host[0])
    question = seal_query(asker, receiver.account, receiver.keys[-1], now(), body)
    sealed = HttpServer(*host, timeout_s=PATIENCE_S).ask(question.data)
    answered = time.perf_counter()
    odds = key.read(open_answer(question, sealed))
    seconds = (sent - began, answered - sent, time.perf_counter() - answered)
    share = round(float(probability(np.array([odds]))[0]), 3)
    far = unlike(card.design, given)
    return HiddenAnswer(share, card.design.schema.reported, number, far, len(question.data), seconds)


def named(federation: Federation, model: Digest) -> int:
    """Return the round whose model the ledger names so and which is in use, or raise SettingInvalid."""
    for current in reversed(federation.rounds):
        in_use = current.phase == Phase.FINAL and current.number not in federation.superseded
        if in_use and digest_of(current) == model:
            return current.number
    raise SettingInvalid("MODEL", "the ledger names no such model, or one that is no longer in use")


def _card(path: Path) -> HiddenCard:
    try:
        with path.open("rb") as file:
            return HiddenCard.from_bytes(file.read(CARD_CAP + 1))
    except OSError as error:
        raise SettingInvalid("card", f"{path} cannot be read") from error


def _asker(home: Home, name: str, federation: Federation, account: Address) -> Asker:
    key = federation.book.active(account, Role.HOSPITAL).key
    if key is None:
        raise KeyEpochMismatch(1, 0)
    return Asker(federation.anchor.consortium, account, keyring_of(home.member(name)).of(key.epoch))


def _hospital(federation: Federation, name: str) -> Member:
    for member in federation.book.having(Role.HOSPITAL):
        if member.name == name and member.keys:
            return member
    raise SettingInvalid("host", f"no hospital is called {name}")
