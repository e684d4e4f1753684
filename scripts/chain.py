"""`hemaledger chain`: the embedded Ethereum chain as a process of its own."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

import click

from chain.devchain import DevChainSettings, serve
from scripts._exit import guarded
from scripts._home import Home
from scripts._options import home_option

PROJECT = Path(__file__).resolve().parent.parent
"""Where hardhat.config.js and node_modules lie."""


@click.group()
def chain() -> None:
    """Run the embedded Ethereum chain."""


@chain.command()
@home_option
@click.option("--port", type=click.IntRange(0, 65535), default=8545, show_default=True, help="0 picks a free one.")
@guarded
def run(home: Path, port: int) -> None:
    """Run the chain until stopped. Its journal survives any crash: a restart gives the same head block."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    serve(chain_settings(Home(home), port), lambda url: click.echo(f"Chain ready at {url}"), stop)


def chain_settings(home: Home, port: int) -> DevChainSettings:
    """Return the settings of a run's embedded chain."""
    return DevChainSettings(project=PROJECT, folder=home.chain, clock=time.time, port=port)
