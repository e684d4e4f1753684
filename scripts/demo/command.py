"""`hemaledger demo`: a whole federation on this machine, from an empty folder to a patient's browser."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from scripts.wiring.exit import guarded
from scripts.wiring.options import (
    DataOptions,
    Decorator,
    calibrate_option,
    data_options,
    despite_alarm_option,
    device_option,
    gathered,
    protection_option,
    seed_option,
)


@dataclass(frozen=True)
class DemoOptions:
    """The options of a demo, except its folder and how to read its images."""

    data: Path | None
    """None: draw cells."""
    resume: bool
    despite_alarm: bool
    calibrate: bool | None
    epsilon: float | None
    """None: train without noise."""
    hospitals: int
    rounds: int | None
    """None: as many as the kind of data needs."""
    seed: int
    protection: str | None
    device: str
    serve: bool
    table: bool
    encrypted_head: bool
    port: int
    rpc_port: int


demo_options: Decorator[Any] = gathered(
    "run",
    DemoOptions,
    click.option("--data", type=click.Path(exists=True, path_type=Path), help="Your images. Default: drawn cells."),
    click.option("--resume", is_flag=True, help="Continue the demo in --home, or serve its site again."),
    despite_alarm_option,
    calibrate_option,
    click.option(
        "--epsilon",
        type=click.FloatRange(0.01, 1000.0),
        help="Train privately, with this epsilon over all rounds (docs/privacy.md). Default: without noise.",
    ),
    click.option("--hospitals", type=click.IntRange(2, 100), default=3, show_default=True, help="Number of hospitals."),
    click.option("--rounds", type=click.IntRange(1), help="Number of rounds. Default: depends on the kind of data."),
    seed_option,
    protection_option,
    device_option,
    click.option("--serve/--no-serve", default=True, show_default=True, help="Whether to serve the site at the end."),
    click.option(
        "--table/--no-table",
        default=True,
        show_default=True,
        help="Whether the site gets a model of a table, too, trained on invented people.",
    ),
    click.option(
        "--encrypted-head",
        is_flag=True,
        help="Train only the last layer of a lite0, so that the site offers private predictions "
        "(docs/private-prediction.md).",
    ),
    click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="Port of the site."),
    click.option("--rpc-port", type=click.IntRange(0, 65535), default=0, help="Port of the chain; 0 picks a free one."),
)


@click.command()
@click.option("--home", type=click.Path(path_type=Path), help="Folder of the run. Default: a new folder in runs/.")
@demo_options
@data_options
@guarded
def demo(home: Path | None, run: DemoOptions, options: DataOptions) -> None:
    """Run a whole federation on this machine: chain, masked rounds, audit, site.

    Every update is masked and encrypted, and every digest is on the chain. An audit checks the whole history before
    the site starts. The demo finds out what the names of class folders mean, or asks. You can also say it with --task,
    --classes and --label.
    """
    from scripts.demo.demo import run_demo

    run_demo(home, run, options)
