"""The embedded chain as a child process, so that it does not share an interpreter with the roles.

Invariant: the child ends when its standard input ends, so it never outlives this process.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from scripts.commands.chain import READY
from scripts.wiring.home import PROJECT, Home

STOP_S = 30.0


class ChainProcess:
    """A running `hemaledger chain run`; a context manager."""

    def __init__(self, home: Home, port: int = 0) -> None:
        """Start the chain of `home` and wait until it answers; port 0 picks a free one.

        Raises:
            SystemExit: it did not start. It printed the reason on standard error; this is its exit code.
        """
        where = ["--home", str(Path(home.folder).resolve()), "--port", str(port)]
        self._child = subprocess.Popen(
            [sys.executable, "-m", "scripts.cli", "chain", "run", *where, "--with-parent"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=PROJECT,
            start_new_session=True,  # Ctrl-C ends the roles first
            text=True,
        )
        line = self._child.stdout.readline() if self._child.stdout else ""
        if not line.startswith(READY):
            self.close()
            sys.exit(self._child.returncode or 1)
        self.url = line.removeprefix(READY).strip()
        self.pid = self._child.pid

    def close(self) -> None:
        """Stop the chain. Its journal has every block that it answered with."""
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
