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
from pathlib import Path

import click

from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.data.labels import LabelMap
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
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
    """One role: a command that can be started again and again; what it prints is in `log`."""

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
                [*self.prefix, sys.executable, "-m", "scripts.cli", *self.command],
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


@contextmanager
def s3_store(folder: Path, prefix: tuple[str, ...] = (), host: str = "127.0.0.1") -> Iterator[str]:
    """Yield the endpoint of a store that speaks S3, moto's server as a process of its own, with the bucket `vault`."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = folder / "store.log"
    command = [*prefix, sys.executable, "-m", "moto.server", "-H", host, "-p", str(port)]
    with log.open("wb") as out:
        server = subprocess.Popen(command, stdout=out, stderr=out)
    try:
        endpoint = f"http://{host}:{port}"
        _create_bucket(endpoint, server)
        yield endpoint
    finally:
        server.kill()
        server.wait()


def _create_bucket(endpoint: str, server: subprocess.Popen[bytes]) -> None:
    """Create the bucket as soon as the store answers."""
    from boto3 import client
    from botocore.exceptions import BotoCoreError

    for name, value in STORE_KEYS.items():
        os.environ.setdefault(name, value)
    while True:
        try:
            client("s3", endpoint_url=endpoint, region_name=REGION).create_bucket(Bucket=BUCKET)
        except BotoCoreError as error:
            if server.poll() is not None:
                raise click.ClickException("the store did not start: is moto installed (make test)?") from error
        else:
            return


def store_address(endpoint: str, prefix: str) -> str:
    return f"s3://{BUCKET}/{prefix}?endpoint={endpoint}&region={REGION}"
