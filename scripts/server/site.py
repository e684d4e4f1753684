"""The web site of one hospital, connected to the real federation."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from wsgiref.types import WSGIApplication

from chain.relay import EthereumRelay
from fl.audit.access import AuditKey
from fl.audit.rounds import Bench
from fl.protocol.errors import PortInUse
from fl.replay.ledger_view import Keyring
from fl.roles.requester.agent import Requester
from fl.roles.serving.circuit_breaker import CircuitBreakerLedger, CircuitBreakerVault
from fl.roles.serving.current_model import OpenModel, VerifiedModelCache
from fl.roles.serving.successor_ledger import SuccessorLedger
from fl.storage.keyring import load_keys
from fl.training.model.consent import given
from scripts.predictor.client import CHILD, PredictorProcess
from scripts.predictor.tables import TableProcess
from scripts.server.allocator import give_memory_back
from scripts.server.log import quieten
from scripts.server.proxy import TrustedProxy
from scripts.server.request import Bounds
from scripts.server.server import Server, raise_file_limit
from scripts.server.tables import NO_TABLES, PAGE_TIMEOUT_S, TableOptions, open_tables, start_tables
from scripts.wiring.agent import announce
from scripts.wiring.clock import now
from scripts.wiring.home import Home
from scripts.wiring.roles import ledger_settings, open_ledger, signatures
from webui.app import create_app
from webui.config import FORM_OVERHEAD, SiteConfig
from webui.federation.audits import FederationAudits
from webui.federation.decryption_requests import FederationRequests
from webui.federation.predictions import FederationPredictions
from webui.federation.records import FederationRecords
from webui.maintenance import TURN_S, upkeep_of
from webui.ports.federation import Services
from webui.ports.tables import NoTables
from webui.site import EXTENSION

IN_MEMORY_BYTES = SiteConfig.file_cap + 2 * FORM_OVERHEAD
"""The largest body: an auditor's file. It stays in memory."""
LARGE = {"/auditor/file": IN_MEMORY_BYTES, "/checks/new": SiteConfig.sample_cap + 2 * FORM_OVERHEAD}


@dataclass(frozen=True)
class RunningSite:
    """A site and its background work."""

    app: WSGIApplication
    upkeep: Callable[[], None]
    wake: threading.Event
    """Set it to start the next upkeep at once."""
    models: PredictorProcess
    tables: TableProcess | None = None
    """None: the site has no models of tables."""


def build_site(home: Home, name: str, config: SiteConfig, tables: TableOptions = NO_TABLES) -> RunningSite:
    """Return a hospital's site; the model runs in its own process, which may use what this one may."""
    models = PredictorProcess(command=(*CHILD, *given().arguments()))
    models.start()
    calculator = start_tables(tables)
    offered = open_tables(tables, name, calculator) if calculator else NoTables()
    app = create_app(config, replace(open_services(home, name, models.open), tables=offered))
    return RunningSite(app, upkeep_of(app), app.extensions[EXTENSION].wake, models, calculator)


def open_services(home: Home, name: str, open_model: OpenModel) -> Services:
    member = home.member(name)
    following = SuccessorLedger(lambda: open_ledger(home, member, PAGE_TIMEOUT_S), announce("site"))
    ledger = CircuitBreakerLedger(following, time.monotonic)
    keyring = Keyring(load_keys(member.folder, member.password))
    vault = CircuitBreakerVault(home.vault, str(home.vault_folder))
    reader = VerifiedModelCache(ledger, vault, ledger.account, keyring, now, open_model)
    records = FederationRecords(ledger, reader.federation, keyring)
    asking = Requester(ledger, vault, keyring)
    bench = Bench(vault, AuditKey(ledger.account, keyring), signatures())
    relay = EthereumRelay(ledger_settings(home))
    return Services(
        predictions=FederationPredictions(reader, vault),
        audits=FederationAudits(ledger, reader.federation, bench, home.audit_report),
        records=records,
        requests=FederationRequests(reader.federation, records, asking, relay, vault, now),
        clock=now,
    )


def check_port(host: str, port: int) -> None:
    """Raise PortInUse if another process listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUse(host, port) from error


def run_site(running: RunningSite, host: str, port: int, proxy: TrustedProxy | None = None) -> None:
    """Serve until interrupted."""
    give_memory_back()
    quieten(time.monotonic)
    bounds = Bounds(connections=raise_file_limit(Bounds.connections), large=LARGE)
    server = Server(running.app, bounds, proxy, host=host, port=port)
    stop = threading.Event()
    threading.Thread(target=_keep_up, args=(running, stop), name="upkeep", daemon=True).start()
    try:
        server.run()
    finally:
        stop.set()
        running.wake.set()
        server.shut()
        running.models.close()
        if running.tables is not None:
            running.tables.close()


def _keep_up(running: RunningSite, stop: threading.Event) -> None:
    """Run the upkeep now, then every `TURN_S` seconds or when woken, until `stop`."""
    while not stop.is_set():
        running.wake.clear()
        running.upkeep()
        running.wake.wait(TURN_S)
