"""`make bench`: run the named benchmarks, or all quick ones. A single benchmark also takes its own options."""

from __future__ import annotations

import importlib
from itertools import takewhile

import click

QUICK = ("rounds", "prediction")
"""These take minutes in all. Run the others by name."""
LONG = (
    "blocks",
    "blood_cells",
    "browser",
    "checked",
    "crowd",
    "site",
    "envelopes",
    "epoch",
    "load",
    "loop",
    "kills",
    "apart",
    "store",
    "flower",
    "foreign",
    "masking",
    "models",
    "parts",
    "training",
    "protections",
    "poisoning",
    "privacy",
    "sample_check",
    "scale",
    "threshold",
    "private_head",
    "device",
    "tables",
)
OF_THE_CODE = ("proofs", "structure", "startup", "graph_check")
ALL = (*QUICK, *LONG, *OF_THE_CODE)


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def main(words: tuple[str, ...]) -> None:
    """Run benchmarks: NAME..., or one NAME with its options."""
    names = tuple(takewhile(lambda word: not word.startswith("-"), words))
    options = words[len(names) :]
    if unknown := set(names) - set(ALL):
        raise click.UsageError(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(ALL)}")
    if options and len(names) != 1:
        raise click.UsageError("options belong to one benchmark: name only that one")
    for name in names or QUICK:
        importlib.import_module(f"scripts.bench.{name}").main.main(args=list(options), standalone_mode=False)


if __name__ == "__main__":
    main()
