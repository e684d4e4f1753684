"""What holds for every test: no example of a property fails because the machine was busy; tiers say what they took."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many seconds of work each tier took, whichever process did it."""
    seconds: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[report.nodeid.split("/")[1]] += round(report.duration)
    for tier, took in sorted(seconds.items()):
        terminalreporter.write_line(f"{tier}: {took} s of work")
