"""Flower's own programs as processes, over a federation of agents on one machine."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from scripts.wiring.flower_sites import VENV, coordinator_socket, socket_of
from tests.support.processes import Party, Process, free_port, invoke

FLWR = VENV / "bin" / "flwr"
MISSING = f"flwr is not installed in {VENV} (make flower)"


class Program(Process):
    """A program of Flower as a process of its own, with its output line by line."""

    def command(self) -> list[str]:
        return list(self.arguments)


@dataclass
class FlowerParty:
    """A federation whose rounds Flower starts."""

    party: Party
    folder: Path
    programs: dict[str, Program] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        quiet = {"FLWR_TELEMETRY_ENABLED": "0", "FLWR_DISABLE_UPDATE_CHECK": "1"}
        return {"FLWR_HOME": str(self.folder / "flwr"), "PATH": f"{FLWR.parent}:{os.environ['PATH']}", **quiet}

    def up(self, *options: str) -> str:
        """Write all folders."""
        found = invoke(
            "federation", "up", "--home", str(self.party.home.folder), "--flower", str(self.folder), *options
        )
        assert found.exit_code == 0, found.output
        return found.output

    def start_superlink(self) -> Program:
        program = self._start("superlink", self.folder / "superlink" / "run.sh")
        program.wait_for("Uvicorn running|Application startup complete")
        return program

    def register(self, name: str) -> None:
        """Let the SuperLink know a hospital's key."""
        key = self.folder / "hospitals" / name / "node.pub"
        self.flwr("supernode", "register", str(key), "hemaledger", "--name", name)

    def start_node(self, name: str) -> Program:
        # the ports of SuperNodes are of this test alone
        return self._start(name, self.folder / "hospitals" / name / "run.sh", "--port", str(free_port()))

    def start_hospital(self, name: str) -> Process:
        socket = socket_of(self.folder, name)
        options = ("--threads", "1", "--device", "cpu", "--flower-socket", str(socket))
        return self.party.start(name, "hospital", "run", "--name", name, *options)

    def start_coordinator(self, hospitals: int, rounds: int) -> Process:
        small = ("--preset", "synthetic", "--width", "8", "--image-size", "32", "--epochs", "1", "--no-calibrate")
        plan = ("--hospitals", str(hospitals), "--rounds", str(rounds), "--word-bits", "64", "--step-timeout", "75")
        socket = coordinator_socket(self.folder)
        return self.party.start("coordinator", "coordinator", "run", *small, *plan, "--flower-socket", str(socket))

    def flwr(self, *arguments: str) -> str:
        """Run a short command of `flwr`, and return what it says."""
        ran = subprocess.run(
            [str(FLWR), *arguments],
            env={**os.environ, **self.env},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout
        return ran.stdout

    def run(self, **config: int) -> Program:
        """Start `flwr run`, which shows the ServerApp's log."""
        options = [part for key, value in config.items() for part in ("-c", f"{key.replace('_', '-')}={value}")]
        return Program(str(FLWR), "run", str(self.folder / "app"), "hemaledger", "--stream", *options, env=self.env)

    def stop(self) -> None:
        for program in self.programs.values():
            program.kill()

    def _start(self, name: str, *arguments: object) -> Program:
        self.programs[name] = Program(*map(str, arguments), env=self.env)
        return self.programs[name]
