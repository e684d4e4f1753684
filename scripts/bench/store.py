"""Times masked rounds of three hospitals over a vault on a store that speaks S3, against a folder.

Both in one run on one machine: each member is a thread with a home of its own; the store is moto's server on loopback,
which holds its files in memory, so what is measured is the protocol of the store, not a network or a disk.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from fl.training.model.spec import ModelSpec
from scripts.bench._machines import s3_store
from scripts.bench._table import keep, show
from scripts.bench.rounds import masked_spans

HOSPITALS = 3
WIDTHS = {"1 M words": 64, "11 M words": 192}
"""Of the network: 1.2 and 11.0 million parameters."""


@click.command()
@click.option("--rounds", type=click.IntRange(2), default=4, show_default=True)
def main(rounds: int) -> None:
    """Compare a store with a folder as the vault."""
    rows: list[tuple[object, ...]] = []
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as folder, s3_store(Path(folder)) as store:
        for size, width in WIDTHS.items():
            spec = ModelSpec(width=width)
            count, plain = masked_spans(HOSPITALS, spec, rounds, f"file://{folder}/{width}")
            _, stored = masked_spans(HOSPITALS, spec, rounds, store.vault(str(width)))
            plain_s, stored_s = plain["whole round"], stored["whole round"]
            rows.append((size, count, plain_s, stored_s, stored_s / plain_s))
            figures[size] = {"parameters": count, "folder": plain, "store": stored, "ratio": stored_s / plain_s}
    show("A masked round without training", ("size", "parameters", "folder (s)", "store (s)", "ratio"), rows)
    keep("store", figures)


if __name__ == "__main__":
    main()
