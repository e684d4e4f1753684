"""An independent check of what fl/protocol/rounds/graph_choice.py says about the graph of a wide round, by drawing.

Each try draws a ring with the product's own function, from a random seed, with colluders and drop-outs that were fixed
before, and looks at what happens. Nothing of the formulas is used for that. Four questions, each try:

    exposed    has an honest hospital t colluders among its neighbours?
    by choice  can the coordinator leave out at most d honest hospitals, so that each one of the set still has t holders
               there and the sum falls apart? (It tries each pair of cuts through the ring.)
    by chance  do the drop-outs split the honest hospitals of the set?
    stuck      has a hospital fewer than t holders that answer?

It compares how many hospitals failed on average with the exact mean, by fractions of binomials; and how often any did
with the product's bound. A last table says, for the smallest k that suffices against drop-outs by chance, and for the
product's, in how many rings a choice of whom to leave out cuts the sum all the same. 2^-30 itself cannot be measured:
it would take 10^10 draws for a few events. What is checked is that formula and drawing agree where failure is frequent;
the formula for rare failure is the same one. Clusters are checked in the same way (_cluster_check.py).
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate

import click

from fl.protocol.names import Address
from fl.protocol.rounds.graph_choice import Crowd, choose, failures
from fl.protocol.rounds.mask_graph import MaskGraph, ring_of
from scripts.bench._cluster_check import SETTINGS as CLUSTERS
from scripts.bench._cluster_check import check_clusters_by_drawing, check_real_clusters
from scripts.bench._table import keep, show


@dataclass(frozen=True)
class Setting:
    """A crowd and a graph that is far too thin for it."""

    crowd: Crowd
    degree: int
    threshold: int

    def __str__(self) -> str:
        crowd = self.crowd
        who = f"{crowd.hospitals} hospitals, {crowd.colluders} collude, {crowd.absent} absent"
        return f"{who}; k = {self.degree}, t = {self.threshold}"


SETTINGS = (
    Setting(Crowd(50, 0.2, 0.1), 8, 6),
    Setting(Crowd(50, 1 / 3, 0.1), 12, 9),
    Setting(Crowd(50, 0.2, 0.1), 14, 10),
    Setting(Crowd(100, 0.2, 0.1), 24, 18),
    Setting(Crowd(100, 0.1, 0.1), 18, 13),
)
BY_CHANCE = ((100, 30, 21), (300, 58, 37), (1000, 76, 48), (10_000, 94, 59))
"""n, and the smallest k and its t for 2^-40 and 2^-30 without the term `by choice`; γ = 0.2, δ = 0.1."""
CUTS = 20
"""Rings to draw for each row of the last table."""
TERMS = ("exposed", "by choice", "by chance", "stuck")
HEADER = ("failure", "measured", "bound", "mean count", "exact", "ratio")


@dataclass
class Counts:
    """What happened in the tries of one setting."""

    tries: int = 0
    any: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TERMS, 0))
    """Tries in which it happened."""
    total: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TERMS, 0))
    """Hospitals to which it happened, in all tries."""
    squares: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TERMS, 0))
    """Sum of the squares of how many they were in a try."""

    def add(self, found: dict[str, int]) -> None:
        self.tries += 1
        for term, count in found.items():
            self.any[term] += count > 0
            self.total[term] += count
            self.squares[term] += count * count


@click.command()
@click.option("--tries", default=10_000, show_default=True, help="Rings to draw for each setting.")
@click.option("--seed", default=14, show_default=True, help="Of the drawing.")
def main(tries: int, seed: int) -> None:
    """Draw graphs and clusters of wide rounds, and compare how often they fail with what the product computes."""
    figures: dict[str, object] = {}
    for setting in SETTINGS:
        counts, source = Counts(), random.Random(seed)  # noqa: S311 - a simulation
        for _ in range(tries):
            counts.add(_try(setting, source))
        rows = list(_rows(setting, counts))
        show(str(setting), HEADER, rows)
        figures[str(setting)] = [[str(cell) for cell in row] for row in rows]
    cuts = [
        (n, k, t, f"{sum(_has_cut(n, k, t, source) for _ in range(CUTS))} of {CUTS}")
        for n, *thin in BY_CHANCE
        for k, t in (thin, choose(Crowd(n, 0.2, 0.1)))
    ]
    show("Rings with a cut that the coordinator can choose", ("hospitals", "k", "t", "with a cut"), cuts)
    figures["cuts"] = cuts
    _check_clusters(tries, source, figures)
    click.echo(f"{tries} rings each. What is measured must not be above the bound, and a ratio must be about 1.")
    click.echo("Not checked: 2^-30 itself. No drawing can see it; the formulas are the same for rare failures.")
    keep("graph_check", figures)


def _check_clusters(tries: int, source: random.Random, figures: dict[str, object]) -> None:
    for setting in CLUSTERS:
        rows = check_clusters_by_drawing(setting, tries, source)
        show(str(setting), HEADER, rows)
        figures[str(setting)] = [[str(cell) for cell in row] for row in rows]
    real = list(check_real_clusters(CUTS, source))
    header = ("hospitals", "collude", "clusters", "partners", "neighbours cut", "fewest to spare")
    show("Neighbours whose masks can all be cut, in clusters as they are chosen", header, real)
    figures["clusters"] = real


# --- Drawing ---------------------------------------------------------------------------------------------------


def _try(setting: Setting, source: random.Random) -> dict[str, int]:
    """Draw one ring, and return to how many hospitals each term happened."""
    crowd, t = setting.crowd, setting.threshold
    hospitals = [Address(place.to_bytes(20, "big")) for place in range(1, crowd.hospitals + 1)]
    graph = MaskGraph(ring_of(source.randbytes(32), hospitals), setting.degree)
    colluders = set(hospitals[: crowd.colluders])
    honest = [each for each in hospitals if each not in colluders]
    absent = set(source.sample(hospitals, crowd.absent))
    near = _counted(graph, colluders)
    holders = _counted(graph, absent)
    lacking = [each for each in hospitals if setting.degree + (each not in absent) - holders.get(each, 0) < t]
    gone = set(honest[-crowd.absent :]) if crowd.absent else set()
    return {
        "exposed": sum(near.get(each, 0) >= t for each in honest),
        "by choice": int(_can_be_split(graph, colluders, setting)),
        "by chance": int(not _in_one_piece(graph, {each for each in honest if each not in gone})),
        "stuck": len(lacking),
    }


def _counted(graph: MaskGraph, marked: set[Address]) -> dict[Address, int]:
    """Return how many marked neighbours each hospital has, if it has any."""
    counts: dict[Address, int] = {}
    for one in marked:
        for other in graph.neighbours(one):
            counts[other] = counts.get(other, 0) + 1
    return counts


def _in_one_piece(graph: MaskGraph, hospitals: set[Address]) -> bool:
    if not hospitals:
        return True
    found, todo = set[Address](), [min(hospitals)]
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo += [each for each in graph.neighbours(one) if each in hospitals and each not in found]
    return len(found) == len(hospitals)


def _can_be_split(graph: MaskGraph, colluders: set[Address], setting: Setting) -> bool:
    """Try to leave out the honest hospitals of each two runs of k/2 places that are cheap enough."""
    ring, half, most = graph.ring, setting.degree // 2, setting.crowd.absent
    runs = [{ring[(place + step) % len(ring)] for step in range(half)} - colluders for place in range(len(ring))]
    cheap = [place for place, run in enumerate(runs) if len(run) <= most]
    for at, first in enumerate(cheap):
        for second in cheap[at + 1 :]:
            if len(runs[first]) + len(runs[second]) > most or min(second - first, first - second + len(ring)) < half:
                continue
            gone = runs[first] | runs[second]
            left = {each for each in ring if each not in colluders and each not in gone}
            if _in_one_piece(graph, left):
                continue
            poorest = graph.poorest(sorted(left), set(ring) - gone)
            if poorest is not None and poorest[1] >= setting.threshold:
                return True
    return False


def _has_cut(hospitals: int, degree: int, threshold: int, source: random.Random) -> bool:
    """Return whether two runs of k/2 places can be left out, so that each honest hospital beside them keeps t holders.

    A run reaches only hospitals at most k/2 places away, so each can be judged alone if the two are far enough apart.
    """
    crowd, half = Crowd(hospitals, 0.2, 0.1), degree // 2
    accounts = [Address(place.to_bytes(20, "big")) for place in range(1, hospitals + 1)]
    colluders = set(accounts[: crowd.colluders])
    honest = [each not in colluders for each in ring_of(source.randbytes(32), accounts)]
    before = [0, *accumulate(honest * 3)]

    def missing(first: int, end: int) -> int:
        return before[end + hospitals] - before[first + hospitals]

    def keeps(place: int, lost: int) -> bool:
        return not honest[place % hospitals] or degree + 1 - lost >= threshold

    def holds(at: int) -> bool:
        """Judge the run of k/2 places from `at` on by the hospitals before and behind it."""
        end = at + half
        return all(
            keeps(at - step, missing(at, end - step + 1)) and keeps(end - 1 + step, missing(at + step - 1, end))
            for step in range(1, half + 1)
        )

    runs = [(at, missing(at, at + half)) for at in range(hospitals)]
    cheap = [(at, gone) for at, gone in runs if gone <= crowd.absent and holds(at)]
    return any(
        one[1] + other[1] <= crowd.absent and degree < other[0] - one[0] < hospitals - degree
        for place, one in enumerate(cheap)
        for other in cheap[place + 1 : place + 1 + 4 * degree]
    )


# --- Comparing -------------------------------------------------------------------------------------------------


def _rows(setting: Setting, counts: Counts) -> Iterator[tuple[object, ...]]:
    said, exact = failures(setting.crowd, setting.degree, setting.threshold), _exact(setting)
    bounds = dict(zip(TERMS, (said.exposed, said.by_choice, said.by_chance, said.stuck), strict=True))
    for term in TERMS:
        part, mean = counts.any[term] / counts.tries, counts.total[term] / counts.tries
        spread = math.sqrt(max(counts.squares[term] / counts.tries - mean * mean, 0.0) / counts.tries)
        known = exact.get(term)
        ratio = mean / known if known else float("nan")
        width = 1.96 * spread / known if known else float("nan")
        measured = f"{part:.2g} ± {1.96 * math.sqrt(part * (1 - part) / counts.tries):.1g}"
        compared = f"{ratio:.3f} ± {width:.2g}" if known and counts.any[term] else "-"
        yield (term, measured, f"{2.0 ** bounds[term]:.2g}", mean, known if known is not None else "-", compared)


def _exact(setting: Setting) -> dict[str, float]:
    """Return the exact mean of each term's count, but of `by choice`, for a ring of all hospitals."""
    crowd, k, t = setting.crowd, setting.degree, setting.threshold
    n, m, d = crowd.hospitals, crowd.colluders, crowd.absent
    stuck = (n - d) * _at_least(n - 1, d, k, k + 2 - t) + d * _at_least(n - 1, d - 1, k, k + 1 - t)
    means = {"exposed": (n - m) * _at_least(n - 1, m, k, t), "by chance": _two_gaps(n, m + d, k // 2), "stuck": stuck}
    return {term: float(mean) for term, mean in means.items()}


def _at_least(population: int, marked: int, drawn: int, least: int) -> Fraction:
    hits = range(max(least, 0), min(marked, drawn) + 1)
    ways = sum(math.comb(marked, hit) * math.comb(population - marked, drawn - hit) for hit in hits)
    return Fraction(ways, math.comb(population, drawn))


def _two_gaps(hospitals: int, bad: int, half: int) -> Fraction:
    """Return the probability that two or more of the gaps between good places have `half` bad ones or more.

    By inclusion and exclusion: P(two or more) = Σ_{j≥2} (−1)^j (j − 1) S_j.
    """
    good = hospitals - bad
    whole = math.comb(bad + good - 1, good - 1)
    total = Fraction(0)
    for gaps in range(2, min(good, bad // half) + 1):
        ways = math.comb(good, gaps) * math.comb(bad - gaps * half + good - 1, good - 1)
        total += Fraction((-1) ** gaps * (gaps - 1) * ways, whole)
    return total


if __name__ == "__main__":
    main()
