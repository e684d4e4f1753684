"""The models of tables of a site: one federation each, and one process that computes with all of them."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from fl.protocol.errors import SettingInvalid, UnavailableError
from fl.replay.ledger_view import Keyring
from fl.roles.serving.circuit_breaker import CircuitBreakerLedger, CircuitBreakerVault
from fl.storage.keyring import LiveKeys
from fl.training.tables.suggestions import SHIPPED, load_suggestions
from scripts.predictor.tables import TableProcess
from scripts.server.followed import followed
from scripts.wiring.agent import announce
from scripts.wiring.clock import now
from scripts.wiring.home import Home
from scripts.wiring.roles import signatures
from webui.federation.tables import FederationTables, TableSource

RETRY_S = 10.0
"""After how many seconds a federation that did not answer at the start is tried again."""
MOST_TABLES = 16
_KEY = re.compile(r"[a-z][a-z0-9-]{0,39}")


@dataclass(frozen=True)
class TableOptions:
    """The models of tables that a site offers."""

    homes: Mapping[str, Home] = field(default_factory=dict)
    """By their short names, in the operator's order."""
    suggestions: Path = SHIPPED

    @classmethod
    def parse(cls, words: Sequence[str], suggestions: Path | None, home: Home) -> TableOptions:
        """Return the options of `serve`; `home` has the number of confirmations.

        Raises:
            SettingInvalid: a word is not KEY=FOLDER, a key comes twice, or there are too many.
            EncodingError: the suggestions are no such file.
        """
        homes = dict[str, Home]()
        for word in words:
            key, given, folder = word.partition("=")
            if not given or not _KEY.fullmatch(key) or not folder:
                why = f"{word!r} is not KEY=FOLDER; a key has lower-case letters, digits and hyphens: heart=runs/heart"
                raise SettingInvalid("table", why)
            if key in homes or len(homes) == MOST_TABLES:
                raise SettingInvalid("table", f"each key may come once, and there may be {MOST_TABLES}")
            homes[key] = Home(Path(folder), home.chosen_confirmations)
            _ = homes[key].deployment  # raises SettingInvalid if the folder holds no consortium
        load_suggestions(suggestions or SHIPPED)
        return cls(homes, suggestions or SHIPPED)


NO_TABLES = TableOptions()


def start_tables(options: TableOptions) -> TableProcess | None:
    """Start the process that computes with tables; None if the site has none."""
    if not options.homes:
        return None
    process = TableProcess(options.suggestions.read_bytes())
    process.start()
    return process


def open_tables(options: TableOptions, name: str, process: TableProcess) -> FederationTables:
    """Return the models of tables as the member `name` reads them.

    Raises:
        SettingInvalid, KeystoreUnreadable: the member or its keys are missing in one of the folders.
    """
    sources = {}
    for key, home in options.homes.items():
        keyring = Keyring(LiveKeys(home.member(name).folder, home.member(name).password))
        sources[key] = _Patient(partial(_source, home, name, keyring))
    return FederationTables(sources, process.open)


def _source(home: Home, name: str, keyring: Keyring) -> TableSource:
    following = followed(home, home.member(name), announce("site"))
    ledger = CircuitBreakerLedger(following, time.monotonic)
    vault = CircuitBreakerVault(home.vault, home.vault_name)
    return TableSource(ledger, vault, keyring, signatures(), now)


class _Patient:
    """Opens a federation, and does not try again at once if it does not answer."""

    def __init__(self, connect: Callable[[], TableSource]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._failed: UnavailableError | None = None
        self._again_at = 0.0

    def __call__(self) -> TableSource:
        with self._lock:
            if self._failed is not None and time.monotonic() < self._again_at:
                raise self._failed
            try:
                return self._connect()
            except UnavailableError as error:
                self._failed, self._again_at = error, time.monotonic() + RETRY_S
                raise
