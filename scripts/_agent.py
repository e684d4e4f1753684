"""Runs one role as a process of its own until it is told to stop."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Mapping

import click

from fl.roles.runner import Agent, Run, run
from scripts._wiring import Notify

PATIENCE_S = 3600.0


def announce(name: str) -> Notify:
    """Return a notifier that prints one line per event."""

    def notify(what: str, facts: Mapping[str, object]) -> None:
        told = ", ".join(f"{key} {_short(value)}" for key, value in facts.items() if value is not None)
        click.echo(f"{time.strftime('%H:%M:%S')} {name}: {what}{' (' + told + ')' if told else ''}")

    return notify


def serve_agent(agent: Agent, notify: Notify, done: object = None) -> None:
    """Run until SIGINT or SIGTERM, or until `done()` holds."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    finished = done if callable(done) else lambda: False
    run(agent, Run(stop, notify, patience_s=PATIENCE_S, done=finished))


def _short(value: object) -> object:
    return f"{value:.4g}" if isinstance(value, float) else value
