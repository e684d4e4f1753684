"""Writes what each site of a federation over Flower needs: the SuperLink's folder, the app, and each SuperNode's.

DIR/superlink/          ca.pem, ca.key, server.pem, server.key, guarded_superlink.py, run.sh; later state.sqlite
DIR/app/                pyproject.toml, hemaledger_flower/: the Flower app
DIR/flwr/config.toml    the connection for `flwr run`
DIR/federation.json     what a hospital needs; nothing secret
DIR/hospitals/NAME/     ca.pem, node.key, node.pub, run.sh; later call.sock

Invariant: a private key is made where it is used and stays there (0600). Nothing that exists is replaced, except
scripts, the app, and a server certificate that lacks a host or ends soon; so the command may be repeated.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from fl.files import write_atomic
from fl.protocol import strict_json
from fl.protocol.codec import Fields, JsonValue, write_document
from fl.protocol.errors import EncodingError, SettingInvalid
from fl.transport.flower import certificates
from scripts.wiring.clock import now
from scripts.wiring.home import OWNER_ONLY, PROJECT

FORM = "hemaledger-flower/1"
FLWR = "1.41.0"
"""The version in requirements-flower.txt."""
PACKAGE = "hemaledger_flower"
SECRET, PLAIN, SCRIPT = 0o600, 0o644, 0o755
FILE_CAP = 64 * 1024
VENV = PROJECT / "build" / "flower-venv"
THIS_MACHINE, EVERYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104 - only the fleet answers there (guarded_superlink.py)
QUIET = "export FLWR_TELEMETRY_ENABLED=0 FLWR_DISABLE_UPDATE_CHECK=1"
NODE_PORT = 9094
"""Of a SuperNode's own processes, on 127.0.0.1 only; further nodes of one machine count up."""


@dataclass(frozen=True)
class Federation:
    """What everybody may know about a federation over Flower."""

    hosts: tuple[str, ...]
    """Names and addresses under which hospitals reach the SuperLink; the first is used."""
    port: int
    ca: bytes
    """The authority's certificate, as PEM."""

    @property
    def address(self) -> str:
        host = f"[{self.hosts[0]}]" if ":" in self.hosts[0] else self.hosts[0]
        return f"{host}:{self.port}"

    def to_bytes(self) -> bytes:
        hosts: list[JsonValue] = list(self.hosts)
        return write_document({"form": FORM, "hosts": hosts, "port": self.port, "ca": self.ca.decode(), "flwr": FLWR})

    @classmethod
    def from_bytes(cls, data: bytes) -> Federation:
        """Parse, or raise EncodingError."""
        what = "federation of Flower"
        document = strict_json.loads(data, what, FILE_CAP)
        if not isinstance(document, dict):
            raise EncodingError(what, "it is not an object")
        fields = Fields(document, what)
        hosts, port = document.get("hosts"), fields.integer("port")
        if fields.text("form") != FORM or not isinstance(hosts, list) or not hosts or not 0 < port < 2**16:
            raise EncodingError(what, "it is something else")
        names = tuple(str(host) for host in hosts)
        check_hosts(names)
        return cls(names, port, fields.text("ca").encode())


@dataclass(frozen=True)
class Node:
    """One hospital's SuperNode."""

    name: str
    socket: Path
    """Of the hospital's agent."""
    port: int = NODE_PORT
    """Of the SuperNode's own processes, on 127.0.0.1."""


def check_hosts(hosts: tuple[str, ...]) -> None:
    """Check names before they are written into a certificate and a script.

    Raises:
        SettingInvalid: one is neither an address nor a name of DNS.
    """
    for host in hosts:
        letters = host.replace("-", "").replace(".", "").replace(":", "")
        if not host.isascii() or not letters.isalnum() or len(host) > 253:  # noqa: PLR2004 - RFC 1035
            raise SettingInvalid("host", f"{host!r} is neither an address nor a name")


def former(folder: Path) -> Federation | None:
    """Return what an earlier call wrote into the folder, or None."""
    file = folder / "federation.json"
    return _read(file) if file.exists() else None


def kept(folder: Path, given: Path) -> Federation:
    """Keep a coordinator's federation.json in the folder, and return it.

    Raises:
        SettingInvalid: the folder has SuperNodes of another federation.
        EncodingError: the file is something else.
    """
    found, before = _read(given), former(folder)
    if before is not None and before.ca != found.ca:
        raise SettingInvalid("from", f"{folder} belongs to another SuperLink; use another folder")
    write_atomic(_made(folder) / "federation.json", found.to_bytes(), mode=PLAIN)
    return found


def write_superlink(folder: Path, hosts: tuple[str, ...], port: int, venv: Path) -> Federation:
    """Write the SuperLink's folder and federation.json; return what hospitals need."""
    check_hosts(hosts)
    here = _made(folder / "superlink")
    moment = certificates.at(now())
    ca_key = certificates.read_key(
        _kept(here / "ca.key", lambda: certificates.key_to_pem(certificates.new_key())), "ca.key"
    )
    if not (here / "ca.pem").exists():
        write_atomic(here / "ca.pem", certificates.new_authority(ca_key, "Hemaledger Flower CA", moment), mode=PLAIN)
    ca = (here / "ca.pem").read_bytes()
    data = _kept(here / "server.key", lambda: certificates.key_to_pem(certificates.new_key()))
    server = here / "server.pem"
    if not server.exists() or not certificates.serves(server.read_bytes(), hosts, moment):
        key = certificates.read_key(data, "server.key")
        write_atomic(server, certificates.new_server(key, ca, ca_key, hosts, moment), mode=PLAIN)
    source = resources.files("fl.transport.flower").joinpath("guarded_superlink.py").read_bytes()
    write_atomic(here / "guarded_superlink.py", source, mode=PLAIN)
    write_atomic(here / "run.sh", _superlink_script(hosts, port, venv).encode(), mode=SCRIPT)
    federation = Federation(hosts, port, ca)
    write_atomic(folder / "federation.json", federation.to_bytes(), mode=PLAIN)
    return federation


def write_app(folder: Path, federation: Federation, socket: Path) -> None:
    """Write the Flower app and the connection of `flwr run`.

    Args:
        folder: DIR.
        federation: Where the SuperLink is.
        socket: The coordinator's, on the SuperLink's machine.
    """
    package = _made(folder / "app" / PACKAGE, mode=0o755)
    for file in resources.files("fl.transport.flower.app").iterdir():
        if file.name.endswith(".py"):
            write_atomic(package / file.name, file.read_bytes(), mode=PLAIN)
    write_atomic(folder / "app" / "pyproject.toml", _app_settings(socket).encode(), mode=PLAIN)
    ca = (folder / "superlink" / "ca.pem").absolute()
    connection = f'[superlink.hemaledger]\naddress = "127.0.0.1:{federation.port}"\nroot-certificates = {_toml(ca)}\n'
    settings = _made(folder / "flwr") / "config.toml"
    write_atomic(settings, f'[superlink]\ndefault = "hemaledger"\n\n{connection}'.encode(), mode=PLAIN)


def write_node(folder: Path, federation: Federation, node: Node, venv: Path) -> Path:
    """Write one hospital's SuperNode; its key is made here and only here. Return the node's folder."""
    here = _made(folder / "hospitals" / node.name)
    data = _kept(here / "node.key", lambda: certificates.key_to_openssh(certificates.new_key()))
    key = certificates.read_key(data, "node.key")
    write_atomic(here / "node.pub", certificates.public_line(key, "hemaledger"), mode=PLAIN)
    write_atomic(here / "ca.pem", federation.ca, mode=PLAIN)
    write_atomic(here / "run.sh", _node_script(federation, node, venv).encode(), mode=SCRIPT)
    return here


def socket_of(folder: Path, name: str, sockets: Path | None = None) -> Path:
    """Return the path of a hospital's socket; `sockets` is a folder for all of them."""
    own = folder / "hospitals" / name / "call.sock"
    return (own if sockets is None else sockets / f"{name}.sock").absolute()


def coordinator_socket(folder: Path) -> Path:
    return (folder / "superlink" / "call.sock").absolute()


def _made(folder: Path, mode: int = OWNER_ONLY) -> Path:
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    return folder


def _kept(file: Path, make: Callable[[], bytes]) -> bytes:
    """Return what a secret file has; write it first if it is missing."""
    if not file.exists():
        write_atomic(file, make(), mode=SECRET)
    return file.read_bytes()


def _read(file: Path) -> Federation:
    with file.open("rb") as data:
        return Federation.from_bytes(data.read(FILE_CAP + 1))


def _superlink_script(hosts: tuple[str, ...], port: int, venv: Path) -> str:
    listen = THIS_MACHINE if set(hosts) <= {THIS_MACHINE, "localhost"} else EVERYWHERE
    options = (
        f"--host {listen} --port {port} --database state.sqlite --enable-supernode-auth",
        "--ssl-ca-certfile ca.pem --ssl-certfile server.pem --ssl-keyfile server.key",
        "--disable-runtime-dependency-installation",
    )
    return _script(venv, "python guarded_superlink.py", options)


def _node_script(federation: Federation, node: Node, venv: Path) -> str:
    config = f"name={json.dumps(node.name)} socket={json.dumps(str(node.socket))}"
    options = (
        f"--superlink {shlex.quote(federation.address)} --root-certificates ca.pem",
        "--auth-supernode-private-key node.key",
        f"--port {node.port} --node-config {shlex.quote(config)}",
    )
    return _script(venv, "flower-supernode", options)


def _script(venv: Path, program: str, options: tuple[str, ...]) -> str:
    lines = " \\\n  ".join((f"exec {program}", *options, '"$@"'))
    where = f'PATH="${{FLOWER_VENV:-{venv.absolute()}}}/bin:$PATH"; export PATH'
    return f"""#!/bin/sh
# Written by `hemaledger federation up`.
set -e
cd "$(dirname "$0")"
{where}
{QUIET}
export FLWR_HOME="$PWD/flwr"
{lines}
"""


def _app_settings(socket: Path) -> str:
    return f"""[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "hemaledger-flower"
version = "1.0.0"
description = "Calls the agents of a Hemaledger federation, once a round"
license = "Apache-2.0"
dependencies = ["flwr=={FLWR}"]

[tool.flwr.app]
publisher = "hemaledger"

[tool.flwr.app.components]
serverapp = "{PACKAGE}.server_app:app"
clientapp = "{PACKAGE}.client_app:app"

[tool.flwr.app.config]
# How many rounds one `flwr run` makes; 0: until the coordinator's plan is done.
rounds = 0
# How many SuperNodes must be there before a round opens.
min-nodes = 1
# Where the coordinator's agent takes calls, on the SuperLink's machine.
coordinator = {_toml(socket)}
# How long a hospital's ClientApp waits for a round's end.
round-seconds = 7200
# How long the ServerApp waits for the last answers after a round's end.
grace-seconds = 20
"""


def _toml(path: Path) -> str:
    return json.dumps(str(path))
