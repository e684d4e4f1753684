"""`hemaledger serve`: the web site of one hospital."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from wsgiref.types import WSGIApplication

import click

from chain.relay import EthereumRelay
from fl.audit.access import AuditKey
from fl.audit.rounds import Bench
from fl.protocol.errors import PortInUse
from fl.replay.ledger_view import Keyring
from fl.roles.requester.agent import Requester
from fl.roles.serving.circuit_breaker import CircuitBreakerLedger, CircuitBreakerVault
from fl.roles.serving.current_model import OpenModel, VerifiedModelCache
from fl.roles.serving.successor_ledger import SuccessorLedger
from fl.storage.files import write_atomic
from fl.storage.keyring import load_keys
from scripts.predictor.client import PredictorProcess
from scripts.server.allocator import give_memory_back
from scripts.server.log import quieten
from scripts.server.proxy import TrustedProxy
from scripts.server.request import Bounds
from scripts.server.server import Server, raise_file_limit
from scripts.wiring.agent import announce
from scripts.wiring.exit import guarded
from scripts.wiring.home import Home
from scripts.wiring.listing import frame_of, frame_option
from scripts.wiring.options import chain_options, name_option
from scripts.wiring.roles import OWNER_ONLY, ledger_settings, now, open_ledger, signatures
from webui.app import create_app
from webui.config import FORM_OVERHEAD, MAX_CARE_DAYS, SiteConfig
from webui.federation.audits import FederationAudits
from webui.federation.disclosures import FederationRequests
from webui.federation.predictions import FederationPredictions
from webui.federation.records import FederationRecords
from webui.maintenance import TURN_S, upkeep_of
from webui.ports.federation import Services
from webui.site import EXTENSION
from webui.store.accounts import AccountStore
from webui.store.database import Database, upgrade_database
from webui.store.demo import demo_accounts
from webui.store.passwords import Passwords

PAGE_TIMEOUT_S = 5.0
"""How long the site waits for one answer of the node, in the background; a page waits less (fl/roles/serving/circuit_breaker.py)."""
IN_MEMORY_BYTES = SiteConfig.file_cap + 2 * FORM_OVERHEAD
"""The largest body, of an auditor's file; none goes into a temporary file."""
LARGE = {"/auditor/file": IN_MEMORY_BYTES}


@dataclass(frozen=True)
class RunningSite:
    """A site, and what it does by itself."""

    app: WSGIApplication
    upkeep: Callable[[], None]
    wake: threading.Event
    """Set when the next turn should come at once."""
    models: PredictorProcess


@click.command()
@chain_options
@name_option()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--hospital-name", default="Hemaledger Clinic", show_default=True, help="What the pages show.")
@click.option("--zone", default="UTC", show_default=True, help="IANA time zone of the hospital.")
@click.option(
    "--care-days",
    type=click.IntRange(0, MAX_CARE_DAYS),
    default=SiteConfig.care_days,
    show_default=True,
    help="How long after the last appointment a doctor still sees a patient's records.",
)
@frame_option("What a picture of a cell on black shows. auto: its cell says it; where it does not, there is no answer.")
@click.option("--tls/--no-tls", default=False, show_default=True, help="Whether a TLS proxy stands in front.")
@click.option("--trusted-proxy", help="IP address from which that proxy connects; its X-Forwarded-* are believed.")
@click.option("--site-host", "site_hosts", multiple=True, help="Name by which browsers call the site; may be repeated.")
@click.option("--proxies", type=click.IntRange(1, 8), default=1, show_default=True, help="How many stand in a row.")
@guarded
def serve(
    home: Home,
    name: str,
    trusted_proxy: str | None,
    proxies: int,
    site_hosts: tuple[str, ...],
    **given: str | int | bool,
) -> None:
    """Serve patients, doctors and auditors with the model that the ledger confirms, as hospital NAME."""
    proxy = TrustedProxy.parse(trusted_proxy, proxies, tls=bool(given["tls"]))
    host, port = str(given["host"]), int(given["port"])
    config = site_config(home, str(given["hospital_name"]), str(given["zone"]), tls=bool(given["tls"]))
    config = replace(config, hosts=(host, f"[{host}]", *site_hosts), care_days=int(given["care_days"]))
    config = replace(config, picture_frame=frame_of(given))
    check_port(host, port)
    running = build_site(home, name, config)
    click.echo(f"The site is at http://{host}:{port}")
    run_site(running, host, port, proxy)


def site_config(home: Home, hospital: str, zone: str, *, tls: bool, demo: bool = False) -> SiteConfig:
    """Return the site's settings; its secret is created once and kept."""
    secret = home.folder / "site" / "secret"
    secret.parent.mkdir(mode=OWNER_ONLY, parents=True, exist_ok=True)
    if not secret.exists():
        write_atomic(secret, secrets.token_bytes(32), mode=0o600)
    return SiteConfig(
        database_url=f"sqlite:///{(home.folder / 'site' / 'site.sqlite').resolve()}",
        secret_key=secret.read_bytes(),
        hospital_name=hospital,
        zone=zone,
        secure_cookies=tls,
        demo_accounts=demo,
    )


def build_site(home: Home, name: str, config: SiteConfig) -> RunningSite:
    """Return the site of a hospital over the real federation; the model has a process of its own."""
    models = PredictorProcess()
    models.start()
    app = create_app(config, open_services(home, name, models.open))
    return RunningSite(app, upkeep_of(app), app.extensions[EXTENSION].wake, models)


def open_services(home: Home, name: str, open_model: OpenModel) -> Services:
    """Return what the site of a hospital needs from the real federation."""
    member = home.member(name)
    following = SuccessorLedger(lambda: open_ledger(home, member, PAGE_TIMEOUT_S), announce("site"))
    ledger = CircuitBreakerLedger(following, time.monotonic)
    keyring = Keyring(load_keys(member.folder, member.password))
    vault = CircuitBreakerVault(home.vault, str(home.vault_folder))
    reader = VerifiedModelCache(ledger, vault, (ledger.account, keyring), now, open_model)
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


def open_accounts(config: SiteConfig) -> AccountStore:
    """Return the site's accounts; the database is brought to the newest revision first."""
    upgrade_database(config.database_url)
    return AccountStore(Database(config.database_url), Passwords(config.passwords), now)


def seed_demo(config: SiteConfig, home: Home) -> list[tuple[str, str]]:
    """Create the demo's invented people; return (role and e-mail, password) of each."""
    path = home.folder / "site" / "demo-password"
    if not path.exists():
        write_atomic(path, secrets.token_urlsafe(9).encode(), mode=0o600)
    password = path.read_text(encoding="ascii")
    accounts = demo_accounts(password)
    open_accounts(config).seed(accounts)
    return [(f"{account.role.value}: {account.email}", password) for account in accounts]


def check_port(host: str, port: int) -> None:
    """Raise PortInUse when somebody listens there."""
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


def _keep_up(running: RunningSite, stop: threading.Event) -> None:
    """Do what is due, now and after every `TURN_S` or when something waits for it, until `stop`."""
    while not stop.is_set():
        running.wake.clear()
        running.upkeep()
        running.wake.wait(TURN_S)
