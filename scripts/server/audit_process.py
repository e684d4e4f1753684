"""The full audit as a process of its own, for the site: it is `hemaledger audit`, so both give one report.

Invariant: the site loads no training library and loses no processor's lock to an audit; stopping ends the process at
once, and a process that was stopped leaves the last report as it was.

Source: webui/ports/audit_runs.py (the port).
"""

from __future__ import annotations

import queue
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from fl.protocol.errors import AccuracyAlarm, AuditFailed, TamperedError
from scripts.wiring.home import Home

PROGRESS = re.compile(r"progress (\d{1,9}) (\d{1,9})\n?")
"""A line of `hemaledger audit --progress-lines`."""
LINE_CAP = 4096
ASK_S = 0.5
"""How often a stop is looked for."""
ENDS_S = 5.0
COMPLETED = {0, TamperedError.exit_code, AccuracyAlarm.exit_code}
"""Exit codes of an audit that came to its end, with findings or without."""
FORMS = {"json": "audit.json", "html": "audit.html"}
REPORT_CAP = 64 * 2**20


def audit_command(home: Path, name: str) -> tuple[str, ...]:
    """Return the command of an audit with the key of one member in `home`."""
    tail = ("--home", str(home), "--auditor", name, "--progress-lines", "--output", "/dev/null")
    return (sys.executable, "-m", "scripts.cli", "audit", *tail)


@dataclass(frozen=True)
class AuditProcess:
    """Implements AuditRunner."""

    command: Sequence[str]
    folder: Path
    """Where the command leaves its report."""

    @classmethod
    def of(cls, home: Home, name: str) -> AuditProcess:
        return cls(audit_command(home.folder, name), home.folder)

    def run(self, tell: Callable[[int, int], None], stopped: Callable[[], bool]) -> bool:
        last = ""
        with _started(self.command) as (process, lines):
            while (line := _next(lines, stopped)) is not None:
                if line == "":
                    return False
                match = PROGRESS.fullmatch(line)
                if match is not None:
                    tell(int(match[1]), int(match[2]))
                else:
                    last = line.strip() or last
            code = process.wait(ENDS_S)
        if code not in COMPLETED:
            raise AuditFailed(last or f"it ended with exit code {code}")
        return True

    def report(self, form: str) -> bytes | None:
        path = self.folder / FORMS[form]
        try:
            with path.open("rb") as file:
                return file.read(REPORT_CAP)
        except OSError:
            return None


@contextmanager
def _started(command: Sequence[str]) -> Iterator[tuple[subprocess.Popen[str], queue.Queue[str | None]]]:
    """Start a process and read its lines in the background; end it when the block ends."""
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    lines: queue.Queue[str | None] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process.stdout, lines), name="audit-lines", daemon=True)
    reader.start()
    try:
        yield process, lines
    finally:
        _end(process)
        reader.join(ENDS_S)
        if process.stdout is not None:
            process.stdout.close()


def _read(stream: IO[str] | None, lines: queue.Queue[str | None]) -> None:
    while stream is not None and (line := stream.readline(LINE_CAP)):
        lines.put(line)
    lines.put(None)


def _next(lines: queue.Queue[str | None], stopped: Callable[[], bool]) -> str | None:
    """Return the next line, None at the end, and "" if the audit was stopped."""
    while not stopped():
        try:
            return lines.get(timeout=ASK_S)
        except queue.Empty:
            continue
    return ""


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(ENDS_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(ENDS_S)
