"""`hemaledger chain settings`: the nodes that a folder asks, what it pays, and when a record counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.errors.shown_url import shown_url
from scripts.wiring.exit import guarded
from scripts.wiring.options import confirmations_option, home_option, max_fee_option, rpc_option, tip_option

if TYPE_CHECKING:
    from scripts.wiring.home import Deployment


@click.command()
@home_option
@rpc_option
@confirmations_option
@max_fee_option
@tip_option
@guarded
def settings(
    home: Path, rpc: tuple[str, ...], confirmations: int | None, max_fee_gwei: int | None, tip_gwei: int | None
) -> None:
    """Show the chain's settings in consortium.json, or change those that you give.

    Nodes and fees are this folder's own. When a record counts is the same for all members, so that all read alike:
    change --confirmations only when all of them do. Restart what runs. Every URL is tried before it is kept.
    """
    from chain.rpc.endpoints import split_urls
    from chain.rpc.node import connect
    from scripts.wiring.home import Home
    from scripts.wiring.nodes import node_of

    run_home = Home(home)
    old = run_home.deployment
    given = {"confirmations": confirmations, "max_fee": max_fee_gwei, "tip": tip_gwei}
    new = replace(old, **{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    if urls := split_urls(rpc):
        new = replace(new, url=urls[0], more_urls=urls[1:])
        for url in urls:
            connect(node_of(new, only=url))
    if new != old:
        run_home.save(new)
    for line in _lines(new):
        click.echo(line)


def _lines(deployment: Deployment) -> list[str]:
    from chain.transactions.fees import in_gwei
    from scripts.wiring.nodes import counts_when

    limit = "no limit" if deployment.max_fee is None else f"at most {in_gwei(deployment.max_fee)} gwei"
    tip = "as the node suggests" if deployment.tip is None else f"{in_gwei(deployment.tip)} gwei"
    fees = "gas is free" if deployment.free_gas else f"gas: {limit}; tip: {tip}"
    nodes = [f"node {number}: {shown_url(url)}" for number, url in enumerate(deployment.urls, start=1)]
    return [*nodes, f"a record counts {counts_when(deployment.confirmations)}", fees]
