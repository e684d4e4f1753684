"""Measures the check of updates under their masks: who is named by length, and what a sketch costs.

Real updates of ten hospitals that trained on drawn cells, or stored ones, are judged by the product's own quantiser,
map and rule; each round with many fresh maps. Every hospital is the liar once in every round from the second on, when
C follows from the round before. How many maps are simulated and how many rounds were trained is in the table.

Source: PROTOCOL.md 5C.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

from fl.crypto import masking
from fl.crypto.mask_sketch import SketchMap
from fl.crypto.pair_sketches import body_bytes, tags_bytes
from fl.protocol.codec import sha256
from fl.protocol.rounds.config import BUCKETS, RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.aggregation.directions import Sums, against, directions, histories, scaled
from fl.training.aggregation.lengths import ROWS, Measured, fault_of, next_bound, usual_length
from fl.training.aggregation.quantise import LANES, LocalMetrics, Words, quantise
from scripts.bench._table import keep, show

HOSPITALS = 10
CLIP, PLANNED = 0.5, 50.0
WORDS = 1_000_000
UNBOUND = 1e9
DIRECTIONS = (4, 6, 8)
"""Over so many rounds."""
SURE = {64: 2.2, 128: 1.8, 256: 1.6}
"""Buckets -> in C: no longer update should pass."""
Rows = npt.NDArray[np.float32]
Row = dict[str, Any]
Span = tuple[list[dict[int, Sums]], list[Sums]]
"""By round: what each hospital's update looks like; and what the first one's would look like with swapped labels."""
ATTACKS: dict[str, Callable[[Rows, Rows], Rows]] = {
    "x 10": lambda own, _noise: 10 * own,
    "x -3": lambda own, _noise: -3 * own,
    "own + noise 3 times as long": lambda own, noise: own + 3 * noise,
    "own + noise 10 times as long": lambda own, noise: own + 10 * noise,
    "x -1": lambda own, _noise: -own,
}


@dataclass(frozen=True)
class Trained:
    """One real round: each hospital's change of the model, and how many images it has."""

    name: str
    first: bool
    """Whether it is the first of its federation, whose C is the plan's."""
    changes: Rows
    """[hospitals, d]"""
    images: tuple[int, ...]
    swapped: Rows | None = None
    """What the first hospital learns if it calls the disease healthy and the other way round, [d]."""


@click.command()
@click.option("--rounds", type=click.IntRange(2, 50), default=8, show_default=True, help="Rounds to train.")
@click.option("--maps", type=click.IntRange(1), default=250, show_default=True, help="Fresh maps for each round.")
@click.option(
    "--updates", type=click.Path(path_type=Path, exists=True), help="Stored updates (NAME_ROUND.npz: U, n, flip)."
)
@click.option("--buckets", type=click.Choice([str(each) for each in BUCKETS]), multiple=True, default=("64", "256"))
@click.option("--words", type=click.IntRange(1), default=WORDS, show_default=True, help="For the seconds.")
def main(rounds: int, maps: int, updates: Path | None, buckets: tuple[str, ...], words: int) -> None:
    """Measure who is named, and the seconds of a hospital and of an auditor."""
    costs = [cost(int(each), words) for each in buckets]
    show(f"{words:,} words of 32 bits, {HOSPITALS} hospitals: best of 3", *_columns(costs))
    known = list(stored(updates) if updates else trained(rounds))
    figures = [named(known, int(each), maps) for each in buckets]
    show(f"{len(known)} trained rounds, each with {maps} fresh maps", *_columns(figures))
    turned = [pointed(known, int(buckets[-1]), maps, rounds) for rounds in DIRECTIONS]
    show("Sign flips of normal length, judged on the mean of several rounds", *_columns(turned))
    keep("checked", {"costs": costs, "named": figures, "directions": turned, "trained": [each.name for each in known]})


def _columns(rows: list[Row]) -> tuple[list[str], list[list[object]]]:
    """Return heading and lines of a table with one column for each row."""
    first, *others = rows[0]
    return [first, *(str(row[first]) for row in rows)], [[name, *(row[name] for row in rows)] for name in others]


# --- Cost ------------------------------------------------------------------------------------------------------


def cost(buckets: int, words: int) -> Row:
    """Time, on one processor, a hospital's sketches of its masks, and an auditor's of all files and own masks."""
    seeds = [os.urandom(32) for _ in range(HOSPITALS)]
    masked = np.random.default_rng(1).integers(0, 1 << 32, words + LANES, np.uint32)
    mapping = SketchMap(os.urandom(32), buckets, words)
    hospital = min(_timed(lambda: mapping.of(seeds[1:])) for _ in range(3))
    auditor = min(_timed(lambda: [mapping.of([masked, seed]) for seed in seeds]) for _ in range(3))
    partners = HOSPITALS - 1
    sizes = body_bytes(partners, mapping.size_bytes), tags_bytes(partners)
    return {
        "buckets": buckets,
        "a hospital, s": hospital,
        "an auditor, s": auditor,
        "file, B": sizes[0],
        "tags, B": sizes[1],
    }


def _timed(work: Any) -> float:  # noqa: ANN401 - whatever it returns
    start = time.thread_time()
    work()
    return time.thread_time() - start


# --- Updates ---------------------------------------------------------------------------------------------------


def trained(rounds: int) -> Iterator[Trained]:
    """Train ten hospitals on drawn cells, and yield what each learned in each round."""
    from fl.training.data.dataset import TRAIN
    from fl.training.data.partition import divide
    from fl.training.data.synthetic import SyntheticPlan, draw_dataset
    from fl.training.local.config import LocalConfig
    from fl.training.local.train import TrainContext, train_local
    from fl.training.model.device import use_threads
    from fl.training.model.network import build_model
    from fl.training.model.spec import ModelSpec
    from fl.training.model.tensors import to_vector
    from scripts.bench._data import labelled
    from scripts.bench.poisoning import flipped

    use_threads(1)
    spec = ModelSpec(size_px=48, width=16)
    local = LocalConfig(epochs=2, batch=32, lr=6e-3, lr_final=1e-3, horizon=8, augment=0.0, class_balance=1.0)
    cells = labelled(draw_dataset(SyntheticPlan(subjects=100, cells=12, size_px=48), 1)).fitted(48)
    parts = [part.part(TRAIN) for part in divide(cells, HOSPITALS, 1)]
    model = to_vector(build_model(spec, 1))
    for number in range(1, rounds + 1):
        learned = [
            train_local(spec, model, part, local, TrainContext(1, number, f"hospital-{at}", "cpu"))
            for at, part in enumerate(parts)
        ]
        changes = np.stack([each.vector - model for each in learned])
        images = tuple(each.samples for each in learned)
        wrong = train_local(spec, model, flipped(parts[0]), local, TrainContext(1, number, "hospital-0", "cpu"))
        yield Trained(f"drawn cells {number}", number == 1, changes, images, wrong.vector - model)
        model = (model + np.average(changes, axis=0, weights=images)).astype(np.float32)


def stored(folder: Path) -> Iterator[Trained]:
    """Yield stored rounds, by federation and number."""
    paths = [(path.stem.rpartition("_")[0], int(path.stem.rpartition("_")[2]), path) for path in folder.glob("*_*.npz")]
    before = ""
    for name, number, path in sorted(paths):
        with np.load(path) as file:
            changes, images = file["U"].astype(np.float32), tuple(int(each) for each in file["n"])
            swapped = file["flip"].astype(np.float32) if "flip" in file else None
        yield Trained(f"{name} {number}", name != before, changes, images, swapped)
        before = name


# --- Judging ---------------------------------------------------------------------------------------------------


def words_of(change: Rows, images: int, config: RoundConfig) -> Words:
    """Return the words of an update, as the product's quantiser makes them."""
    return quantise(np.zeros_like(change), change, LocalMetrics(images, 0, 0.0), config)


def named(known: list[Trained], buckets: int, maps: int) -> Row:
    """Judge all rounds with fresh maps: honest ones with every map, liars with one."""
    honest, wrongly, longest, worst = 0, 0, 0.0, 0.0
    found: dict[str, list[int]] = {name: [0, 0] for name in (*ATTACKS, _sure(buckets))}
    bound = PLANNED
    for each in known:
        if each.first:
            bound = PLANNED
        config = RoundConfig(CLIP, bound, max(each.images), {}, LEUKEMIA)
        updates = [words_of(one, count, config) for one, count in zip(each.changes, each.images, strict=True)]
        lengths = [float(np.linalg.norm(words[:-LANES].astype(np.float64))) for words in updates]
        measured: list[Measured] = []
        for number in range(maps):
            measured = judged(updates, each.name, number, buckets)
            honest += len(measured)
            wrongly += sum(fault_of(one, config, buckets) is not None for one in measured)
            ratios = [one.per_weight(config) / bound for one in measured]
            longest = max(longest, *ratios)
            errors = [abs((one.squares / 4) ** 0.5 / true - 1) for one, true in zip(measured, lengths, strict=True)]
            worst = max(worst, *errors)
        if not each.first:
            attack(each, config, buckets, found)
        bound = next_bound(PLANNED, usual_length(measured, config))
    rates = {name: f"{hits} of {tries}" for name, (hits, tries) in found.items()}
    rates["longer than is sure"] = f"{rates.pop(_sure(buckets))} ({SURE[buckets]} C)"
    first: Row = {"buckets": buckets, "rounds judged": len(known) * maps, "honest updates": honest}
    return {**first, "named wrongly": wrongly, "longest, in C": longest, "worst error": worst, **rates}


def judged(updates: list[Words], name: str, number: int, buckets: int) -> list[Measured]:
    """Return what an auditor sees of each update by one fresh map."""
    mapping = SketchMap(sha256(f"{name} {number}".encode()), buckets, updates[0].size - LANES)
    sketches = mapping.of([masking.as_ring(words.copy()) for words in updates])
    return [Measured.of(masking.to_signed(each)) for each in sketches]


def attack(each: Trained, config: RoundConfig, buckets: int, found: dict[str, list[int]]) -> None:
    """Let every hospital lie once in each way; a liar ignores C, but for a flip of its own length."""
    draw = np.random.default_rng(len(each.name))
    for own, count in zip(each.changes, each.images, strict=True):
        noise = draw.standard_normal(own.size).astype(np.float32)
        noise *= np.linalg.norm(own) / np.linalg.norm(noise)
        lies = {name: lie(own, noise).astype(np.float32) for name, lie in ATTACKS.items()}
        free = replace(config, l2_bound=UNBOUND)
        updates = [words_of(one, count, config if name == "x -1" else free) for name, one in lies.items()]
        for (name, lie), one in zip(lies.items(), judged(updates, each.name, -1, buckets), strict=True):
            long = name != "x -1" and np.linalg.norm(lie.astype(np.float64)) > SURE[buckets] * config.l2_bound
            for counted in (name, _sure(buckets)) if long else (name,):
                found[counted][0] += fault_of(one, config, buckets) is not None
                found[counted][1] += 1


def pointed(known: list[Trained], buckets: int, maps: int, rounds: int) -> Row:
    """Judge directions on every span of so many rounds of a federation: all honest, and each hospital as a liar once.

    A liar sends the opposite of what it learned in all rounds of the span; the sketch of it is the opposite, too. Or
    the first hospital trains on swapped labels.
    """
    honest = [0, 0]
    found: dict[str, list[int]] = {"sign flip": [0, 0, 0], "swapped labels": [0, 0, 0]}
    for number in range(maps):
        for span, swapped in _spans(known, rounds, buckets, number):
            honest[0] += _against(span, buckets) is not None
            honest[1] += 1
            lies = [("sign flip", liar, [-each[liar] for each in span]) for liar in span[0]]
            lies += [("swapped labels", 0, swapped)] if len(swapped) == rounds else []
            for what, liar, sketches in lies:
                named = _against([{**each, liar: lie} for each, lie in zip(span, sketches, strict=True)], buckets)
                found[what][0] += named == liar
                found[what][1] += named not in (None, liar)
                found[what][2] += 1
    row: Row = {"rounds": rounds, "honest spans": honest[1], "named wrongly": honest[0]}
    return row | {f"{what}: named": f"{a} of {c}; another {b}" for what, (a, b, c) in found.items()}


def _spans(known: list[Trained], rounds: int, buckets: int, number: int) -> Iterator[Span]:
    """Yield the scaled sketches of each span of rounds of one federation, by one fresh map for each round."""
    seen: list[dict[int, Sums]] = []
    for each in known:
        config = RoundConfig(CLIP, PLANNED, max(each.images), {}, LEUKEMIA)
        updates = [words_of(one, count, config) for one, count in zip(each.changes, each.images, strict=True)]
        if each.swapped is not None:
            updates.append(words_of(each.swapped, each.images[0], config))
        measured = judged(updates, each.name, number, buckets)
        units = {who: unit for who, one in enumerate(measured) if (unit := scaled(one.sums)) is not None}
        seen = [units] if each.first else [*seen[1 - rounds :], units]
        if len(seen) == rounds:
            extra = len(each.images)
            honest = [{who: unit for who, unit in one.items() if who < extra} for one in seen]
            yield honest, [one[extra] for one in seen if extra in one]


def _against(span: list[dict[int, Sums]], buckets: int) -> int | None:
    return against(histories(map(directions, span)), len(span), ROWS * buckets)


def _sure(buckets: int) -> str:
    return f"longer than {SURE[buckets]} C"
