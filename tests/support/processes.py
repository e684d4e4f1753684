"""Commands as processes of their own, and consortia of them."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests
from click.testing import CliRunner, Result

from fl.protocol.federation import Federation
from fl.protocol.names import Address, Digest
from fl.replay.ledger_view import LedgerView
from scripts.cli import main
from scripts.wiring.home import Home
from scripts.wiring.roles import open_ledger

PASSWORD = {"HEMALEDGER_PASSWORD": "a password of a person"}
ROOT = Path(__file__).parents[2]
TIMEOUT_S = 400.0
"""Only what is wrong takes this long; less than the time that pyproject.toml gives a test."""
FIRST_PORT, PORTS_EACH, WORKERS = 20_000, 500, 16
HOSPITALS = ["alpha", "beta"]
SMALL = (
    *("--preset", "synthetic", "--width", "8", "--image-size", "32", "--epochs", "12"),
    *("--hospitals", "2", "--word-bits", "64", "--no-calibrate"),
)


class Process:
    """`hemaledger ...` as a process of its own, with its output line by line."""

    def __init__(self, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self.arguments = arguments
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            self.command(),
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def command(self) -> list[str]:
        """Return the program and its arguments."""
        return [sys.executable, "-m", "scripts.cli", *self.arguments]

    @property
    def output(self) -> str:
        return "".join(self.lines)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, pattern: str, timeout_s: float = TIMEOUT_S) -> re.Match[str]:
        """Return the first match in the output so far or to come."""
        with self._news:
            self._news.wait_for(lambda: re.search(pattern, self.output) or not self._reader.is_alive(), timeout_s)
        found = re.search(pattern, self.output)
        assert found, f"{' '.join(self.arguments)} never said {pattern!r}, but:\n{self.output}"
        return found

    def exit_code(self, timeout_s: float = TIMEOUT_S) -> int:
        code = self._process.wait(timeout_s)
        self._reader.join(timeout_s)
        return code

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self.exit_code()

    def stop(self) -> int:
        """End it as a service manager does."""
        self._process.terminate()
        return self.exit_code()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self.lines.append(line)
                self._news.notify_all()
        with self._news:
            self._news.notify_all()


def free_port() -> int:
    """Return a port that nobody has.

    It is out of the worker's own range, and below those that a system hands out by itself: nobody else takes it before
    it is used, nor while a process that comes back on it is away.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = FIRST_PORT + worker % WORKERS * PORTS_EACH
    for port in random.sample(range(first, first + PORTS_EACH), PORTS_EACH):
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("every port is taken")


def until(what: str, found: Callable[[], bool], timeout_s: float = TIMEOUT_S) -> None:
    """Wait for `found` to be true."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found():
            return
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {timeout_s:g} s")


@dataclass
class Party:
    """A consortium whose roles are processes."""

    home: Home
    port: int
    processes: dict[str, Process] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, name: str, *arguments: str) -> Process:
        self.processes[name] = Process(*arguments, "--home", str(self.home.folder))
        return self.processes[name]

    def start_chain(self) -> Process:
        chain = self.start("chain", "chain", "run", "--port", str(self.port))
        chain.wait_for("Chain ready at")
        return chain

    def start_hospital(self, name: str) -> Process:
        return self.start(name, "hospital", "run", "--name", name, "--threads", "1", "--device", "cpu")

    def start_site(self, name: str) -> tuple[Process, str]:
        """Serve a hospital's site, which asks staff for a password only; return its process and its address."""
        port = free_port()
        site = self.start("site", "serve", "--name", name, "--port", str(port), "--no-staff-second-step")
        site.wait_for("The site is at")
        address = f"http://127.0.0.1:{port}"
        until("the site's first answer", lambda: answers(address))
        return site, address

    def start_coordinator(self, rounds: int) -> Process:
        return self.start("coordinator", "coordinator", "run", *SMALL, "--rounds", str(rounds))

    def federation(self) -> Federation:
        return LedgerView(open_ledger(self.home)).refresh()

    def head(self) -> str:
        """Return the hash of the newest block, as the chain tells it."""
        body = {"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": ["latest", False]}
        with requests.Session() as session:
            session.trust_env = False
            block_hash: str = session.post(self.url, json=body, timeout=120).json()["result"]["hash"]
            return block_hash

    def promises(self, name: str) -> list[Digest]:
        """Return the digests that a hospital promised, by round, as its journal on disk holds them."""
        path = self.home.member(name).folder / "journal.sqlite"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal:
            rows = journal.execute("SELECT value FROM promise WHERE key LIKE 'update/%' ORDER BY rowid").fetchall()
        return [Digest(value) for (value,) in rows]

    def account(self, name: str) -> Address:
        return next(member.account for member in self.federation().book.members.values() if member.name == name)

    def audit(self, *arguments: str) -> Result:
        return invoke("audit", "--home", str(self.home.folder), "--auditor", "auditor", *arguments)


def invoke(*arguments: str, env: Mapping[str, str] | None = None) -> Result:
    """Run a short command in this process."""
    return CliRunner().invoke(main, list(arguments), env=dict(env or {}))


def answers(address: str) -> bool:
    """Return whether a site takes requests."""
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) == 0
