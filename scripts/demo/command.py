"""`hemaledger demo`: a whole federation on this machine, from an empty folder to a patient's browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fl.protocol.names import Protection
from scripts.wiring.exit import guarded
from scripts.wiring.options import device_option, label_options, reading_options, task_options


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Images; without it cells are drawn.")
@click.option("--home", type=click.Path(path_type=Path), help="Folder of the run; a new one under runs/ by default.")
@click.option("--resume", is_flag=True, help="Go on with the demo in --home, where it was interrupted or served.")
@task_options
@label_options
@click.option("--despite-alarm", is_flag=True, help="Go on after a model far worse than chance.")
@click.option("--hospitals", type=click.IntRange(2, 100), default=3, show_default=True)
@click.option("--rounds", type=click.IntRange(1), help="Rounds; chosen by the kind of data by default.")
@click.option("--seed", type=int, default=2026, show_default=True)
@click.option(
    "--protection",
    type=click.Choice([protection.name.lower() for protection in Protection]),
    help="masked (default with 3 hospitals or more): nobody sees one hospital's update; sealed: the coordinator does.",
)
@device_option
@reading_options
@click.option("--serve/--no-serve", default=True, show_default=True, help="Serve the site when all is done.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Port of the site.")
@click.option("--rpc-port", type=click.IntRange(0, 65535), default=0, help="Port of the chain; 0 picks a free one.")
@guarded
def demo(  # noqa: PLR0913  # one parameter per option
    home: Path | None,
    *,
    data: Path | None,
    resume: bool,
    despite_alarm: bool,
    hospitals: int,
    rounds: int | None,
    seed: int,
    protection: str | None,
    device: str,
    serve: bool,
    port: int,
    rpc_port: int,
    **shared: Any,  # noqa: ANN401 - options of tasks, labels and reading
) -> None:
    """Run a whole federation on this machine: chain, masked rounds, audit, site.

    Every update is masked and sealed, every digest is on the chain, and the whole history is audited before the site
    starts. What the names of class folders mean is found out, asked, or said with --task, --classes and --label.
    """
    from scripts.demo.demo import Options, run_demo

    options = Options(
        hospitals=hospitals,
        rounds=rounds,
        seed=seed,
        protection=protection,
        device=device,
        serve=serve,
        port=port,
        rpc_port=rpc_port,
        resume=resume,
        despite_alarm=despite_alarm,
        data=data,
        shared=shared,
    )
    run_demo(home, options)
