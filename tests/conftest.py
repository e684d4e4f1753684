"""What holds for every test: no deadline for an example, files in memory, and the time that each tier took."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of its own in it
ROOM = 2**30
"""Bytes that must be free in it: four times what a whole run leaves there when nothing is removed."""

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_configure() -> None:
    """Keep the files of tests in memory where the system can: no test cuts the power, and a sync to disk takes 5 ms."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say for each tier how long its tests worked, whichever process ran them, and how long they took by the clock."""
    tiers: dict[str, list[pytest.TestReport]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                tiers.setdefault(report.nodeid.split("/")[1], []).append(report)
    for tier, own in sorted(tiers.items()):
        work, clock = (
            sum(each.duration for each in own),
            max(each.stop for each in own) - min(each.start for each in own),
        )
        terminalreporter.write_line(f"{tier}: {work:.0f} s of work, {clock:.0f} s from the first test to the last")
