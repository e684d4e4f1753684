"""The web site of one hospital, connected to the real federation."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from wsgiref.types import WSGIApplication

from chain.relay import EthereumRelay
from fl.audit.access import AuditKey
from fl.audit.rounds import Bench
from fl.crypto.sealed_query import Asker
from fl.protocol.keys.members import KeyBook
from fl.roles.requester.agent import Requester
from fl.roles.serving.circuit_breaker import CircuitBreakerLedger, CircuitBreakerVault
from fl.roles.serving.current_model import OpenModel, VerifiedModelCache
from fl.roles.serving.router import Router
from fl.storage.key_orders import FolderKeyOrders
from fl.storage.lock import locked
from fl.storage.uploads import FolderUploads
from fl.storage.withdrawal_orders import FolderWithdrawalOrders
from fl.training.model.consent import given
from fl.transport.http_server import HttpServer
from scripts.predictor.client import CHILD, PredictorProcess
from scripts.predictor.tables import TableProcess
from scripts.server.allocator import give_memory_back
from scripts.server.audit_process import AuditProcess
from scripts.server.followed import followed
from scripts.server.health import MachineHealth
from scripts.server.local_training import TrainingProcess
from scripts.server.log import quieten
from scripts.server.presence import VaultSigns
from scripts.server.private import PrivateOptions, PublicNetwork
from scripts.server.proofs import LogProofs
from scripts.server.proxy import TrustedProxy
from scripts.server.request import Bounds
from scripts.server.server import Server, raise_file_limit
from scripts.server.tables import NO_TABLES, TableOptions, open_tables, start_tables
from scripts.wiring.agent import announce
from scripts.wiring.clock import now
from scripts.wiring.home import Home
from scripts.wiring.roles import keyring_of, ledger_settings, signatures
from scripts.wiring.servers import ServerList, read_servers
from scripts.wiring.witnesses import FolderLog
from webui.app import create_app
from webui.config import FORM_OVERHEAD, SiteConfig
from webui.federation.audits import FederationAudits
from webui.federation.decryption_requests import FederationRequests
from webui.federation.hospital import FederationHospital
from webui.federation.key_orders import FederationKeys
from webui.federation.predictions import FederationPredictions
from webui.federation.records import FederationRecords
from webui.federation.routed import Here, RoutedPredictions
from webui.federation.shares import FederationShares
from webui.federation.withdrawals import FederationWithdrawals
from webui.maintenance import TURN_S, upkeep_of
from webui.ports.federation import Services
from webui.ports.tables import NoTables
from webui.site import EXTENSION

IN_MEMORY_BYTES = SiteConfig.file_cap + 2 * FORM_OVERHEAD
"""The largest body: an auditor's file. It stays in memory."""
LARGE = {
    "/auditor/file": IN_MEMORY_BYTES,
    "/hospital/uploads": IN_MEMORY_BYTES,
    "/checks/new": SiteConfig.sample_cap + 2 * FORM_OVERHEAD,
}


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
    public: PublicNetwork | None = None
    """None: the site has no private predictions."""


@dataclass(frozen=True)
class Extras:
    """What a site may have besides its hospital's folder."""

    tables: TableOptions = NO_TABLES
    servers: Path | None = None
    """The file of hospital servers that may judge pictures."""
    backups: tuple[Path, ...] = ()
    """Folders in which backups end up."""
    private: PrivateOptions | None = None
    """None: the site has no private predictions."""


def build_site(home: Home, name: str, config: SiteConfig, extras: Extras = Extras()) -> RunningSite:
    """Return a hospital's site; the model runs in its own process, which may use what this one may.

    Raises:
        SettingInvalid: the file of servers cannot be used.
    """
    listed = read_servers(extras.servers, name) if extras.servers else None
    models = PredictorProcess(command=(*CHILD, *given().arguments()))
    models.start()
    calculator = start_tables(extras.tables)
    offered = open_tables(extras.tables, name, calculator) if calculator else NoTables()
    public = extras.private.start() if extras.private else None
    services = open_services(home, name, models.open, listed, extras.backups, public)
    called = {**(listed.called if listed else {}), name: config.hospital_name}
    app = create_app(replace(config, hospitals=called), replace(services, tables=offered))
    return RunningSite(app, upkeep_of(app), app.extensions[EXTENSION].wake, models, calculator, public)


def open_services(
    home: Home,
    name: str,
    open_model: OpenModel,
    servers: ServerList | None = None,
    backups: tuple[Path, ...] = (),
    public: PublicNetwork | None = None,
) -> Services:
    member = home.member(name)
    following = followed(home, member, announce("site"))
    ledger = CircuitBreakerLedger(following, time.monotonic)
    keyring = keyring_of(member)
    vault = CircuitBreakerVault(home.vault, home.vault_name)
    reader = VerifiedModelCache(ledger, vault, ledger.account, keyring, now, open_model)
    records = FederationRecords(ledger, reader.federation, keyring)
    asking = Requester(ledger, vault, keyring)
    bench = Bench(vault, AuditKey(ledger.account, keyring), signatures())
    relay = EthereumRelay(ledger_settings(home, notify=announce("site")))
    own = FederationPredictions(reader, vault)

    def asker() -> Asker:
        member = reader.federation().book.active(ledger.account)
        return Asker(ledger.anchor.consortium, ledger.account, keyring.of(len(member.keys)))

    private = public.service(home, name, reader.federation, (ledger.account, keyring), vault) if public else None
    return Services(
        private=private,
        predictions=own if servers is None else _routed(own, servers, asker, lambda: reader.federation().book, name),
        audits=FederationAudits(ledger, reader.federation, bench, home.audit_report),
        records=records,
        requests=FederationRequests(reader.federation, records, asking, relay, vault, now),
        clock=now,
        proofs=LogProofs(home, ledger.account, reader.federation),
        auditor=AuditProcess.of(home, name),
        machine=MachineHealth(home, vault, backups),
        hospital=FederationHospital(ledger, reader, vault, ledger.account, keyring, FolderUploads(member.uploads)),
        training=TrainingProcess(member.training, training_command(home, name), now),
        shares=FederationShares(reader.federation, vault, relay),
        log=FolderLog(home, reader.federation, now),
        presence=VaultSigns(home, now, time.monotonic),
        keys=FederationKeys(FolderKeyOrders(member.key_orders), lambda: locked(member.folder), now),
        withdrawals=FederationWithdrawals(
            reader.federation,
            vault,
            ledger.account,
            FolderWithdrawalOrders(member.withdrawal_orders),
            lambda: locked(member.folder),
            now,
        ),
    )


def _routed(
    own: FederationPredictions, listed: ServerList, asker: Callable[[], Asker], book: Callable[[], KeyBook], name: str
) -> RoutedPredictions:
    """Return predictions by several servers; a thread asks each of them how it is."""
    here = Here(own)
    lines = {one.name: HttpServer(one.name, one.url) for one in listed.servers if one.url}
    router = Router(listed.servers, {name: here, **lines}, time.monotonic)
    router.watch()
    return RoutedPredictions(own, here, router, asker, lines, book, name, listed.regions, now)


def training_command(home: Home, name: str) -> tuple[str, ...]:
    """Return the command that trains for this hospital; it may use the networks that this process may."""
    return ("hospital", "train", "--home", str(home.folder.resolve()), "--name", name, *given().arguments())


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
        if running.public is not None:
            running.public.process.close()


def _keep_up(running: RunningSite, stop: threading.Event) -> None:
    """Run the upkeep now, then every `TURN_S` seconds or when woken, until `stop`."""
    while not stop.is_set():
        running.wake.clear()
        running.upkeep()
        running.wake.wait(TURN_S)
