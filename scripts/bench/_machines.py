"""Roles as processes that can be killed, each in its own home, and if wanted in a network namespace of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import click

from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.data.labels import LabelMap
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from fl.transport.flower.certificates import key_to_pem, new_authority, new_key, new_server
from scripts.commands.data import HOLDOUT, parts_of
from scripts.wiring.home import PROJECT, Home
from scripts.wiring.training import save_labelled

STOP_S = 60.0
BUCKET, REGION = "vault", "us-east-1"
STORE_KEYS = {"AWS_ACCESS_KEY_ID": "member", "AWS_SECRET_ACCESS_KEY": "a secret of the benchmark"}
PLAN = SyntheticPlan(subjects=12, cells=12, size_px=32)
SEED = 7
SMALL = (
    *("--preset", "synthetic", "--width", "8", "--image-size", "32", "--epochs", "1", "--no-calibrate"),
    *("--protection", "masked"),
)
"""Options of a coordinator whose network is so small that a round is all protocol."""


@dataclass
class Machine:
    """One process: a command that can be started again and again; what it prints is in `log`."""

    name: str
    command: tuple[str, ...]
    log: Path
    prefix: tuple[str, ...] = ()
    """For example `ip netns exec NAME`."""
    env: Mapping[str, str] = field(default_factory=dict)
    _running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                [*self.prefix, *self.command],
                cwd=PROJECT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def running(self) -> bool:
        return self._running is not None and self._running.poll() is None

    @property
    def exit_code(self) -> int | None:
        return None if self._running is None else self._running.poll()

    @property
    def output(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()

    def stop(self) -> int | None:
        """End it as a service manager does; return its exit status."""
        if self._running is None:
            return None
        if self.running:
            self._running.send_signal(signal.SIGTERM)
        try:
            return self._running.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return self._running.returncode


def hemaledger(*words: str) -> tuple[str, ...]:
    """Return a command of `hemaledger` as the system takes it."""
    return (sys.executable, "-m", "scripts.cli", *words)


def draw_images(hospitals: tuple[str, ...], places: Mapping[str, Home], auditor: str) -> None:
    """Save drawn cells for each hospital and the auditor, in the home of each."""
    parts = parts_of(draw_dataset(PLAN, SEED), len(hospitals), SEED)
    labels = LabelMap(LEUKEMIA, {code: code for code in LEUKEMIA.codes})
    save_labelled(parts.pop(HOLDOUT), labels, places[auditor].member(auditor))
    for name, part in zip(hospitals, parts.values(), strict=True):
        save_labelled(part, labels, places[name].member(name))


def own_homes(home: Home, names: Sequence[str]) -> dict[str, Home]:
    """Give each member a home of its own beside `home`: consortium.json, its keys and its images, nothing else."""
    homes = {name: Home(home.folder.parent / f"{home.folder.name}-{name}") for name in names}
    for name, own in homes.items():
        shutil.copytree(home.member(name).folder, own.member(name).folder)
        shutil.copy(home.deployment_file, own.deployment_file)
    return homes


@dataclass(frozen=True)
class Store:
    """Where a store that speaks S3 answers."""

    endpoint: str
    authority: Path | None = None
    """The certificate of the CA that signed its own; None: it speaks plain HTTP."""

    def vault(self, prefix: str, endpoint: str = "") -> str:
        """Return the address of a vault there, perhaps by another endpoint of the same store."""
        return f"s3://{BUCKET}/{prefix}?endpoint={endpoint or self.endpoint}&region={REGION}"


@contextmanager
def s3_store(
    folder: Path, prefix: tuple[str, ...] = (), host: str = "127.0.0.1", *, tls: bool = False
) -> Iterator[Store]:
    """Yield moto's server as a process of its own, with the bucket `vault`; its log and keys are in `folder`."""
    port = _free_port()
    command = [*prefix, sys.executable, "-m", "moto.server", "-H", host, "-p", str(port)]
    store = Store(f"http{'s' if tls else ''}://{host}:{port}", folder / "store-ca.pem" if tls else None)
    if tls:
        command += ["-c", str(folder / "store.pem"), "-k", str(folder / "store.key")]
        _certify(folder, host)
    with (folder / "store.log").open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        _create_bucket(store, server)
        yield store
    finally:
        server.kill()
        server.wait()


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _certify(folder: Path, host: str) -> None:
    """Write a CA's certificate, and a server's key and certificate."""
    now, authority_key, key = datetime.now(UTC), new_key(), new_key()
    authority = new_authority(authority_key, "the benchmark's CA", now)
    (folder / "store-ca.pem").write_bytes(authority)
    (folder / "store.key").write_bytes(key_to_pem(key))
    (folder / "store.pem").write_bytes(new_server(key, authority, authority_key, (host,), now))


def _create_bucket(store: Store, server: subprocess.Popen[bytes]) -> None:
    """Create the bucket as soon as the store answers."""
    from boto3 import client
    from botocore.exceptions import BotoCoreError

    for name, value in STORE_KEYS.items():
        os.environ.setdefault(name, value)
    verify = str(store.authority) if store.authority else None
    while True:
        try:
            made = client("s3", endpoint_url=store.endpoint, region_name=REGION, verify=verify)
            made.create_bucket(Bucket=BUCKET)
        except BotoCoreError as error:
            if server.poll() is not None:
                raise click.ClickException("the store did not start: is moto installed (make test)?") from error
        else:
            return
