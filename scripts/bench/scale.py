"""What one wide round costs each role, for 10 to 10,000 hospitals (docs/scale.md).

One or two hospitals do everything with the real code, among hospitals whose steps are signed by real keys and whose
contents are made cheaply (_cheap_hospitals.py). Coordinator, auditor and audit are real up to a size; beyond it their
operations are counted and multiplied with costs measured here (_scale_model.py). The smallest model, no training.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import log2
from pathlib import Path

import click

from fl.protocol.rounds.rules import MIN_MASKED
from fl.roles.coordinator.plan import WidePlan
from scripts.bench._counted import Cost
from scripts.bench._scale_model import (
    DEALINGS,
    SIGNATURES,
    growth,
    operations,
    parcel_bytes,
    read_bytes,
    seconds,
    seen_bytes,
    written_bytes,
)
from scripts.bench._table import BUILD, keep, show
from scripts.bench._unit_costs import unit_costs
from scripts.bench._wide_play import USUAL, Play
from scripts.bench._wide_roles import JOINING, MIB, READING, Played
from scripts.bench.crowd import Crowd, run_crowd

PHASES = ("advertise", "share", "complain", "mask", "agree", "unmask", "proposed", "final")
COUNTED = ("coordinator", "auditor")
HEADER = ("Role", "how", "CPU s", "memory MiB", "read MB", "written MB", "transactions")
Figures = dict[str, dict[str, object]]


@click.command()
@click.option("--whole", default="10,30,100", show_default=True, help="Sizes for which coordinator and auditor work.")
@click.option("--sampled", default="1000", show_default=True, help="Larger sizes; 10000 takes about three minutes.")
@click.option("--validate", default="10,30", show_default=True, help="Sizes to compare with rounds of real hospitals.")
@click.option("--clusters-above", type=click.IntRange(0), default=300, show_default=True, help="Hospitals; 0: never.")
@click.option("--chart", type=click.Path(path_type=Path), default=BUILD / "scale.svg", show_default=True)
def main(whole: str, sampled: str, validate: str, clusters_above: int, chart: Path) -> None:
    """Measure one wide round of many hospitals, for one of them, the coordinator and an auditor."""
    wide = replace(USUAL, clusters_above=clusters_above)
    played = {n: _play(n, wide, whole=True) for n in _sizes(whole)}
    played |= {n: _play(n, wide, whole=False) for n in _sizes(sampled)}
    base = played[max(_sizes(whole))]
    roles = {n: _roles(each, base) for n, each in played.items()}
    for n, each in played.items():
        _print(n, each, roles[n])
    ratios = {n: _validated(roles[n], n) for n in _sizes(validate) if n in roles}
    _print_growth(played, roles)
    _draw(roles, chart)
    keep("scale", {"roles": roles, "validated": ratios, "phases": {n: _phases(each) for n, each in played.items()}})


def _sizes(text: str) -> list[int]:
    return [int(each) for each in text.split(",") if each]


def _play(hospitals: int, wide: WidePlan, *, whole: bool) -> Played:
    with _folder() as folder:
        return Play(folder, hospitals, whole=whole, real=2 if whole else 1, wide=wide).run()


@contextmanager
def _folder() -> Iterator[Path]:
    """Yield a folder in memory where there is one: what counts here is CPU time, and thousands of syncs are slow."""
    memory = "/dev/shm"  # noqa: S108 - a fresh private folder inside it
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as name:
        yield Path(name)


# --- Figures of one size ---------------------------------------------------------------------------------------


def _roles(played: Played, base: Played) -> Figures:
    """Return the figures of each role; those that were not played are counted, from the round `base` that was."""
    real = [name for name in played.roles if name not in COUNTED]
    names = dict(zip(("hospital, sums again", "hospital") if len(real) > 1 else ("hospital",), real, strict=False))
    rows = {what: _row("real", played.roles[name].total, played.roles[name].memory) for what, name in names.items()}
    if played.audit is None:
        counted = {what: _predicted(what, played, base) for what in COUNTED}
        return {**rows, **counted}
    rows |= {what: _row("real", played.roles[what].total, played.roles[what].memory) for what in COUNTED}
    rows["coordinator"]["transactions"] = played.roles["coordinator"].cost.transactions - 1
    return {**rows, "audit": _row("real", played.audit, played.audit_memory)}


def _row(how: str, cost: Cost, memory: float) -> dict[str, object]:
    return {"how": how, "cpu_s": cost.cpu_s, "memory_mib": memory / MIB, "read": cost.read, "written": cost.written}


def _predicted(role: str, played: Played, base: Played) -> dict[str, object]:
    """Return a role's figures from counted operations; what they leave over in `base` grows with n."""
    here, there, head = played.shape, base.shape, base.answer_head
    paid, words = base.roles[role].total, base.masked_file
    rest = paid.cpu_s - seconds(operations(role, there), unit_costs(there, words), 0)
    rest_s = max(0.0, rest) * here.hospitals / there.hospitals
    fixed = paid.read - read_bytes(role, there, words, head)
    figures = _row("counted x unit cost", Cost(), 0)
    figures["cpu_s"] = seconds(operations(role, here), unit_costs(here, words), rest_s)
    figures["of which rest"] = rest_s
    figures["read"] = read_bytes(role, here, words, head) + fixed
    figures["written"] = paid.written + (written_bytes(here) - written_bytes(there) if _is(role) else 0)
    figures["memory_mib"] = None
    figures["operations"] = operations(role, here)
    return figures | ({"transactions": 8} if _is(role) else {})


def _is(role: str) -> bool:
    return role == "coordinator"


def _phases(played: Played) -> dict[str, dict[str, float]]:
    """Return for the last real hospital: seconds to read the batch before a phase, and to act in it."""
    name = [each for each in played.roles if each not in COUNTED][-1]
    costs = played.roles[name].phases
    return {
        phase: {
            "read_s": costs.get(READING + phase, Cost()).cpu_s,
            "act_s": costs.get(phase, Cost()).cpu_s,
            "read": costs.get(READING + phase, Cost()).read + costs.get(phase, Cost()).read,
        }
        for phase in PHASES
    }


# --- Tables ----------------------------------------------------------------------------------------------------


def _print(hospitals: int, played: Played, roles: Figures) -> None:
    shape = played.shape
    title = f"{hospitals:,} hospitals: k = {shape.degree}, t = {shape.threshold}, r = {played.replayers or 'all'}"
    if shape.clusters is not None:
        title += f", G = {shape.clusters.count}, e = {shape.clusters.across}"
    clean = "" if played.report is None else f"; audit: {len(played.report.findings)} findings"
    show(f"{title}; {played.seconds:.0f} s{clean}", HEADER, [_cells(name, each) for name, each in roles.items()])
    phases = [(name, *each.values()) for name, each in _phases(played).items()]
    show(f"{hospitals:,}: the hospital by phase", ("Phase", "reads batches, s", "acts, s", "bytes read"), phases)
    joined = played.roles[[each for each in played.roles if each not in COUNTED][-1]].phases[JOINING]
    fixed = [("reading all members' keys, once, s", joined.cpu_s), ("batches, bytes", sum(played.batches.values()))]
    fixed += [("of these a hospital reads", sum(seen_bytes(shape).values())), ("files of shares", parcel_bytes(shape))]
    for role, seen in played.counted.items():
        wanted = operations(role, shape)
        fixed += [(f"{role}: {what}, counted / formula", seen[what] / wanted[what]) for what in (SIGNATURES, DEALINGS)]
    show(f"{hospitals:,}: parts", ("What", "value"), fixed)


def _cells(name: str, row: Mapping[str, object]) -> Sequence[object]:
    memory = row["memory_mib"] if row["memory_mib"] is not None else "-"
    mb = [int(str(row[what])) / 1e6 for what in ("read", "written")]
    return (name, row["how"], row["cpu_s"], memory, *mb, row.get("transactions", 0))


def _validated(roles: Figures, hospitals: int) -> dict[str, dict[str, float]]:
    """Run a round of real hospitals on a real chain; return the figures here divided by those there."""
    crowd = run_crowd(hospitals, WidePlan(above=MIN_MASKED))
    real = _of_crowd(crowd)
    ratios = {}
    for role, costs in real.items():
        mine = roles[role]
        ratios[role] = {
            what: float(str(mine[what])) / value for what, value in costs.items() if value and mine.get(what)
        }
    gas = crowd.costs["coordinator"].gas
    rows = [
        (role, *(f"{each[what]:.3f}" if what in each else "-" for what in ("cpu_s", "read", "written")))
        for role, each in ratios.items()
    ]
    title = (
        f"{hospitals} hospitals: figures here / real round on a real chain ({gas:,} gas, 9 transactions with the first)"
    )
    show(title, ("Role", "CPU s", "read", "written"), rows)
    return ratios | {"chain": {"gas": float(gas)}}


def _of_crowd(crowd: Crowd) -> dict[str, dict[str, float]]:
    """Return the costs of a real round by role; hospitals that sum again are those that read most."""
    hospitals = [cost for name, cost in crowd.costs.items() if name not in COUNTED]
    middle = (min(each.read for each in hospitals) + max(each.read for each in hospitals)) / 2
    parts = {
        "hospital": [each for each in hospitals if each.read < middle],
        "hospital, sums again": [each for each in hospitals if each.read >= middle],
    } | {name: [crowd.costs[name]] for name in COUNTED}
    means = {
        role: {what: sum(getattr(each, what) for each in costs) / len(costs) for what in ("cpu_s", "read", "written")}
        for role, costs in parts.items()
        if costs
    }
    return {**means, "audit": {"cpu_s": crowd.audit_cpu_s}}


def _print_growth(played: Mapping[int, Played], roles: Mapping[int, Figures]) -> None:
    """Show what one hospital pays, part by part, and by which factor it grows from size to size."""
    phases = {n: _phases(one).values() for n, one in played.items()}
    parts: dict[str, Mapping[int, float]] = {
        "CPU s": {n: float(str(each["hospital"]["cpu_s"])) for n, each in roles.items()},
        "reads, s": {n: sum(each["read_s"] for each in every) for n, every in phases.items()},
        "acts, s": {n: sum(each["act_s"] for each in every) for n, every in phases.items()},
        "kB read": {n: float(str(each["hospital"]["read"])) / 1000 for n, each in roles.items()},
        "batches": {n: sum(seen_bytes(each.shape).values()) / 1000 for n, each in played.items()},
        "shares": {n: parcel_bytes(each.shape) / 1000 for n, each in played.items()},
        "kB written": {n: float(str(each["hospital"]["written"])) / 1000 for n, each in roles.items()},
        "log2 n": {n: log2(n) for n in played},
    }
    show(
        "One hospital",
        ("hospitals", *parts),
        [(f"{n:,}", *(values[n] for values in parts.values())) for n in sorted(played)],
    )
    ratios = {what: growth(values) for what, values in parts.items()}
    steps = next(iter(ratios.values()))
    show("Its growth", ("from", *parts), [(step, *(each.get(step, 1.0) for each in ratios.values())) for step in steps])


def _draw(roles: Mapping[int, Figures], chart: Path) -> None:
    """Write CPU seconds and bytes read over the number of hospitals, as SVG."""
    from matplotlib.figure import Figure  # a large library

    figure = Figure(figsize=(10, 4))
    axes = figure.subplots(1, 2)
    for axis, what in zip(axes, ("cpu_s", "read"), strict=True):
        for role in ("hospital", *COUNTED):
            sizes = sorted(roles)
            axis.loglog(sizes, [float(str(roles[n][role][what])) for n in sizes], marker="o", label=role)
        axis.set_xlabel("hospitals")
        axis.set_title({"cpu_s": "CPU seconds of one round", "read": "bytes read in one round"}[what])
        axis.legend()
    chart.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(chart)
    click.echo(f"{chart}")


if __name__ == "__main__":
    main()
