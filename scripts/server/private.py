"""Private predictions of a site: the trustees' servers that the operator named, and the network that everybody has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

from fl.protocol.errors import SettingInvalid
from fl.protocol.federation import Federation
from fl.protocol.names import Address
from fl.protocol.ports import Vault
from fl.replay.ledger_view import Keyring
from fl.roles.requester.head_questions import HeadQuestions
from fl.storage.journal import SqliteJournal
from fl.transport.http_server import HttpServer
from scripts.predictor.client import CHILD, PredictorProcess
from scripts.wiring.clock import now
from scripts.wiring.head_table import logarithms_of, urls_of
from scripts.wiring.home import Home
from webui.federation.private_predictions import FederationPrivate

MOST_TRUSTEES = 64


@dataclass(frozen=True)
class PrivateOptions:
    """The trustees' servers of a site with private predictions."""

    urls: Mapping[str, str]
    """By the trustee's name on the ledger."""

    @classmethod
    def parse(cls, words: tuple[str, ...]) -> PrivateOptions | None:
        """Return the options of `serve`; None without a word.

        Raises:
            SettingInvalid: a word is not NAME=URL, or there are too many.
        """
        if len(words) > MOST_TRUSTEES:
            raise SettingInvalid("private-trustee", f"at most {MOST_TRUSTEES} may be named")
        return cls(urls_of(words, "private-trustee")) if words else None

    def start(self) -> PublicNetwork:
        """Start the process that runs the public network; it never gets a model."""
        process = PredictorProcess(command=CHILD)
        process.start()
        return PublicNetwork(self, process)


@dataclass(frozen=True)
class PublicNetwork:
    """The process, and what it is for."""

    options: PrivateOptions
    process: PredictorProcess

    def service(
        self,
        home: Home,
        name: str,
        federation: Callable[[], Federation],
        reader: tuple[Address, Keyring],
        vault: Vault,
    ) -> FederationPrivate:
        """Return the private predictions of hospital `name`; what it asked is in the journal of its folder."""
        account, keyring = reader
        journal = SqliteJournal(home.member(name).folder / "journal.sqlite")
        questions = HeadQuestions(account, vault, journal, keyring, now)
        servers = {trustee: HttpServer(trustee, url) for trustee, url in self.options.urls.items()}
        table = lru_cache(maxsize=1)(partial(logarithms_of, home))
        return FederationPrivate(federation, questions, self.process, servers, table)
