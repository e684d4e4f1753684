"""The comparison's figures as rows, as docs/protections.csv and as docs/protections.svg."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.schemes.base import Case, Cost, Say

HOSPITAL_PARTS = ("key set-up", "quantise", "protect", "seal")
SERVER_PARTS = ("key set-up", "open", "sum", "unprotect", "decode")
_SAME_PART = {"mask": "protect", "quantise + mask": "protect", "encode": "protect"}
SHOWN_HOSPITALS = 10


@dataclass(frozen=True)
class Row:
    """One protection at one size."""

    scheme: str
    case: Case
    cost: Cost

    @property
    def hospital_s(self) -> float:
        return sum(self.cost.hospital.values())

    @property
    def server_s(self) -> float:
        """Return the server's seconds per round; the replay is the auditor's."""
        return sum(seconds for part, seconds in self.cost.server.items() if part != "replay")

    @property
    def extrapolated(self) -> bool:
        """Return whether fewer parameters were measured than the size has."""
        return self.cost.measured < self.case.parameters

    def cells(self) -> dict[str, object]:
        hospital = {_SAME_PART.get(part, part): seconds for part, seconds in self.cost.hospital.items()}
        cells: dict[str, object] = {
            "protection": self.scheme,
            "hospitals": self.case.hospitals,
            "parameters": self.case.parameters,
            "hospital s": _round(self.hospital_s),
        }
        cells |= {f"hospital {part}": _round(hospital.get(part)) for part in HOSPITAL_PARTS}
        cells |= {"server s": _round(self.server_s)}
        cells |= {f"server {part}": _round(self.cost.server.get(part)) for part in SERVER_PARTS}
        cells |= {"replay s": _round(self.cost.server.get("replay")), "upload bytes": self.cost.upload}
        return cells | {"measured": "extrapolated" if self.extrapolated else "measured"}


def _round(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.3g}"


def write_csv(rows: Sequence[Row], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0].cells()), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row.cells() for row in rows)


def write_plot(rows: Sequence[Row], path: Path, say: Say) -> None:
    """Draw seconds against parameters at ten hospitals; hollow marks are extrapolated."""
    if importlib.util.find_spec("matplotlib") is None:
        say("skipped: the plot, matplotlib not installed")
        return
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "protections"
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(10, 4.5), sharey=True)
    shown = [row for row in rows if row.case.hospitals == SHOWN_HOSPITALS]
    for axes, title in zip(panels, ("one hospital", "server, all hospitals"), strict=True):
        for name in dict.fromkeys(row.scheme for row in shown):
            mine = [row for row in shown if row.scheme == name]
            seconds = [row.hospital_s if axes is panels[0] else row.server_s for row in mine]
            sizes = [row.case.parameters for row in mine]
            (line,) = axes.plot(sizes, seconds, label=name, linewidth=2 if name == "masked" else 1)
            for row, size, elapsed in zip(mine, sizes, seconds, strict=True):
                face = "white" if row.extrapolated else line.get_color()
                axes.plot([size], [elapsed], "o", color=line.get_color(), markerfacecolor=face)
        axes.set(xscale="log", yscale="log", title=title, xlabel="parameters")
        axes.grid(visible=True, which="major", alpha=0.3)
    panels[0].set_ylabel(f"seconds per round, {SHOWN_HOSPITALS} hospitals")
    panels[1].legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.0, 1.0))
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
