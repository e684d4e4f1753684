"""`hemaledger coordinator plan`: what the plan on disk asks of the hospitals."""

from __future__ import annotations

from pathlib import Path

import click

from fl.protocol.names import Role
from scripts.wiring.exit import guarded
from scripts.wiring.options import home_option, name_option


@click.command("plan")
@home_option
@name_option("coordinator")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Copy the plan to this file, for review.")
@guarded
def show_plan(home: Path, name: str, out: Path | None) -> None:
    """Print the plan on disk. Hospitals can review the copy (`hospital policy check` and `approve`)."""
    from fl.files import write_atomic
    from scripts.output.plan import lines_of
    from scripts.wiring.home import Home
    from scripts.wiring.plan_file import plan_file, read_plan

    path = plan_file(Home(home).member(name).as_a(Role.COORDINATOR))
    document = read_plan(path).document
    for config, parameters, digest in zip(document.configs, document.parameters, document.digests, strict=True):
        for line in lines_of(document.protection, document.hospitals, parameters, config):
            click.echo(line)
        click.echo(f"  digest: {digest.hex()}")
    if out is not None:
        write_atomic(out, path.read_bytes())
        click.echo(f"The plan is in {out}. Nothing in it is secret.")
