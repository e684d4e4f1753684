"""The tables of docs/protections.md, made from the figures of one run, so that nobody copies a number by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.bench.schemes.report import SHOWN_HOSPITALS

Table = list[str]
_BEGIN, _END = "<!-- figures: {name} -->", "<!-- end of figures -->"
MIN_SHOWN = 1_000_000
"""The smaller sizes are only in the CSV."""


def write_page(figures: Mapping[str, Any], path: Path) -> None:
    """Put the tables between `<!-- figures: NAME -->` and `<!-- end of figures -->`, and change nothing else."""
    tables = {
        "targets": _targets([*figures["targets"], *figures["accuracy"]["targets"]]),
        "cost": _cost(figures["cost"]),
        "accuracy": [f"{figures['accuracy']['run']}:", "", *_accuracy(figures["accuracy"]["outcomes"])],
    }
    page = path.read_text(encoding="utf-8")
    for name, lines in tables.items():
        before, rest = page.split(_BEGIN.format(name=name), 1)
        _, after = rest.split(_END, 1)
        page = "\n".join((before + _BEGIN.format(name=name), "", *lines, "", _END + after))
    path.write_text(page, encoding="utf-8")


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    return [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]


def _targets(targets: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    for each in targets:
        goal = f"{'>=' if each['at_least'] else '<='} {each['bound']:g} {each['unit']}".rstrip()
        note = f"{each['verdict']} ({each['note']})" if each["note"] else each["verdict"]
        rows.append((each["name"], f"{each['figure']:.4g} {each['unit']}".rstrip(), goal, note))
    return _table(("what", "figure", "wanted", ""), rows)


def _cost(rows: Sequence[Mapping[str, Any]]) -> Table:
    shown = [row for row in rows if row["hospitals"] == SHOWN_HOSPITALS and row["parameters"] >= MIN_SHOWN]
    return _table(
        ("protection", "parameters", "one hospital (s)", "server (s)", "replay (s)", "upload (MB)", ""),
        [
            (
                row["protection"],
                f"{row['parameters']:,}",
                *(row[column] for column in ("hospital s", "server s", "replay s")),
                f"{row['upload bytes'] / 1e6:.4g}",
                row["measured"],
            )
            for row in shown
        ],
    )


def _accuracy(outcomes: Mapping[str, Mapping[str, Any]]) -> Table:
    rows = []
    for name, each in sorted(outcomes.items()):
        epsilon = "-" if each["epsilon"] is None else f"{each['epsilon']:.3g}"
        rows.append((name, f"{each['auroc'] or 0:.6f}", f"{each['accuracy']:.4f}", epsilon))
    return _table(("protection", "AUROC", "accuracy", "epsilon"), rows)
