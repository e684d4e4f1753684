"""`hemaledger chain`: run the embedded Ethereum chain as its own process, or prepare one that members run together."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from scripts.commands.chain_network import key, network
from scripts.commands.chain_settings import settings
from scripts.wiring.exit import guarded
from scripts.wiring.home import PROJECT
from scripts.wiring.options import home_option
from scripts.wiring.watch.options import WatchOptions, watch_options

if TYPE_CHECKING:
    from chain.embedded.chain import DevChainSettings
    from scripts.wiring.home import Home

DEFAULT_PORT = 8545
READY = "Chain ready at "


@click.group()
def chain() -> None:
    """Run the embedded Ethereum chain, prepare one that members run together, or change how a chain is used."""


@chain.command()
@home_option
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="0 picks a free port. Default: the port in consortium.json, else 8545.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on. See docs/operator.md.")
@click.option(
    "--name",
    "names",
    multiple=True,
    help="Host name that members use to reach the chain. Repeatable; not needed for IP addresses.",
)
@click.option(
    "--consortia",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many accounts may found a consortium on this chain: one for each model.",
)
@click.option("--with-parent", is_flag=True, hidden=True, help="Stop when standard input ends.")
@watch_options
@guarded
def run(
    home: Path,
    port: int | None,
    host: str,
    names: tuple[str, ...],
    consortia: int,
    *,
    with_parent: bool,
    watch: WatchOptions,
) -> None:
    """Run the chain until stopped. Its journal survives a crash: after a restart the newest block is the same."""
    from chain.embedded.chain import serve
    from fl.events import Event
    from scripts.wiring.home import Home
    from scripts.wiring.parent import when_parent_ends
    from scripts.wiring.watch.log import Speaker
    from scripts.wiring.watch.watching import ChainWatching

    run_home = Home(home)
    watching = ChainWatching(Speaker("chain", "chain"), watch, run_home)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: watching.ask_to_stop())
    if with_parent:
        when_parent_ends(watching.ask_to_stop)

    def ready(url: str) -> None:
        watching.url = url
        if watch.log_format == "json":
            watching.notify(Event.CHAIN_READY, {"url": url})
        else:
            click.echo(f"{READY}{url}")

    port = usual_port(run_home) if port is None else port
    chosen = chain_settings(run_home, port, host, consortia)
    chosen = replace(chosen, names=frozenset(map(str.lower, names)))
    with watching.running():
        serve(chosen, ready, watching.stop)
        watching.notify(Event.STOPPED, {})


def usual_port(home: Home) -> int:
    """Return the port in consortium.json, on which the members expect the chain."""
    known = urlsplit(home.deployment.url).port if home.deployment_file.exists() else None
    return known or DEFAULT_PORT


def chain_settings(home: Home, port: int, host: str = "127.0.0.1", consortia: int = 1) -> DevChainSettings:
    from chain.embedded.chain import DevChainSettings

    return DevChainSettings(PROJECT, home.chain, time.time, port=port, host=host, consortia=consortia)


chain.add_command(key)
chain.add_command(network)
chain.add_command(settings)
