"""Commands of the demo that run as child processes, so that they do not share an interpreter with the roles.

Invariant: a child ends when its standard input ends, so it never outlives this process.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from scripts.commands.chain import READY
from scripts.commands.head import ANSWERS as HEAD_ANSWERS
from scripts.commands.hospital_serve import ANSWERS
from scripts.wiring.home import PROJECT, Home

STOP_S = 30.0


class ChildProcess:
    """A running `hemaledger COMMAND`; a context manager."""

    def __init__(self, command: Sequence[str], ready: str) -> None:
        """Start a command, and wait until it prints a line that begins with `ready` and ends with its address.

        Raises:
            SystemExit: it did not start. It printed the reason on standard error; this is its exit code.
        """
        self._child = subprocess.Popen(
            [sys.executable, "-m", "scripts.cli", *command, "--with-parent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=PROJECT,
            start_new_session=True,  # Ctrl-C ends the roles first
            text=True,
        )
        line = self._child.stdout.readline() if self._child.stdout else ""
        if not line.startswith(ready):
            self.close()
            sys.exit(self._child.returncode or 1)
        self.url = line.removeprefix(ready).strip()
        self.pid = self._child.pid

    def close(self) -> None:
        """Stop the command, and wait until it has ended."""
        for stream in (self._child.stdin, self._child.stdout):
            if stream is not None:
                stream.close()
        try:
            self._child.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class ChainProcess(ChildProcess):
    """The embedded chain. Its journal has every block that it answered with."""

    def __init__(self, home: Home, port: int = 0, consortia: int = 1) -> None:
        """Start the chain of `home` for so many consortia; port 0 picks a free one."""
        folder = str(home.folder.resolve())
        command = ["chain", "run", "--home", folder, "--port", str(port), "--consortia", str(consortia)]
        super().__init__([*command, "--log-format", "text", "--metrics", ""], READY)


class QueryProcess(ChildProcess):
    """A hospital's server for questions."""

    def __init__(self, home: Home, name: str) -> None:
        """Start the server of hospital `name` on a free port."""
        folder = str(home.folder.resolve())
        super().__init__(["hospital", "serve", "--home", folder, "--name", name, "--port", "0"], ANSWERS)


class HeadProcess(ChildProcess):
    """A trustee's server for questions about encrypted heads."""

    def __init__(self, home: Home, name: str) -> None:
        """Start the server of trustee `name` on a free port."""
        folder = str(home.folder.resolve())
        super().__init__(["head", "serve", "--home", folder, "--name", name, "--port", "0"], HEAD_ANSWERS)
