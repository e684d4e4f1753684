"""`make bench`: run the benchmarks named, or all quick ones; each also runs alone with options of its own."""

from __future__ import annotations

import importlib

import click

QUICK = ("rounds", "prediction")
"""Minutes in all; the others take longer and are run by name."""
ALL = (*QUICK, "browser", "epoch", "masking", "training", "protections", "threshold")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(ALL))
def main(names: tuple[str, ...]) -> None:
    """Run benchmarks."""
    for name in names or QUICK:
        importlib.import_module(f"scripts.bench.{name}").main.main(args=[], standalone_mode=False)


if __name__ == "__main__":
    main()
