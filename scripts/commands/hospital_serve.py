"""`hemaledger hospital serve`: judge pictures for the sites of the consortium's hospitals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, name_option
from scripts.wiring.training_options import network_options

if TYPE_CHECKING:
    from scripts.wiring.home import Home

ANSWERS = "Questions are answered at "
"""What the command prints before its address once it answers."""


@click.command("serve")
@chain_options
@name_option()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8100, show_default=True, help="0 picks a free one.")
@click.option(
    "--places", type=click.IntRange(1, 64), default=8, show_default=True, help="Questions that may wait at once."
)
@click.option("--with-parent", is_flag=True, hidden=True, help="Stop when standard input ends.")
@network_options
@guarded
def serve_queries(home: Home, name: str, *, host: str, port: int, places: int, with_parent: bool) -> None:
    """Answer questions about pictures that other hospitals' sites seal to this one, with the newest model.

    Only hospitals of the consortium can ask. A picture is in memory only while the model judges it.
    """
    from scripts.server.query_server import build_queries, run_queries
    from scripts.server.server import check_port
    from scripts.wiring.parent import interrupt_with_parent

    check_port(host, port)
    if with_parent:
        interrupt_with_parent()
    run_queries(build_queries(home, name, places), host, port, lambda url: click.echo(f"{ANSWERS}{url}"))
