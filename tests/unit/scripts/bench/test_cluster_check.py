"""The drawing that checks clusters finds what there is: by trying, and by a largest matching."""

from __future__ import annotations

import random
from itertools import combinations

from scripts.bench._cluster_check import (
    SETTINGS,
    arcs_of,
    can_be_parted,
    check_clusters_by_drawing,
    draw,
    largest_matching,
    spare_of,
)


def test_a_largest_matching_is_as_large_as_a_smallest_cover() -> None:
    source = random.Random(3)  # noqa: S311 - a simulation
    every = [(one, other) for one in range(5) for other in range(5)]
    for count in range(0, 26, 3):
        edges = source.sample(every, count)
        ends = [(0, place) for place in range(5)] + [(1, place) for place in range(5)]
        smallest = next(
            size
            for size in range(11)
            if any(all((0, p) in cover or (1, q) in cover for p, q in edges) for cover in combinations(ends, size))
        )
        assert largest_matching(edges) == smallest


def test_neighbours_that_can_be_parted_have_a_small_matching_and_the_arcs_of_the_proof() -> None:
    setting, source, parted = SETTINGS[0], random.Random(4), 0  # noqa: S311 - a simulation
    arcs, joins, count = arcs_of(setting), setting.joins, setting.choice.count
    for _ in range(300):
        drawn = draw(setting, source)
        for g, spare in enumerate(spare_of(setting, drawn)):
            h = (g + 1) % count
            pair = drawn.collude[g], drawn.collude[h]
            if can_be_parted(joins[g], (setting.sizes[g], setting.sizes[h]), pair, setting.choice.fewest):
                first, second = (sum(1 << place for place in each) for each in pair)
                on = [(first & arc.outside).bit_count() + (second & arc.inside).bit_count() for arc in arcs]
                assert any(hit >= arc.needed for hit, arc in zip(on, arcs, strict=True))
                assert spare < 0
                parted += 1
    assert parted


def test_what_is_counted_is_near_the_exact_mean() -> None:
    for setting in SETTINGS[::3]:
        for name, _, _, mean, exact, _ in check_clusters_by_drawing(setting, 600, random.Random(6)):  # noqa: S311 - a simulation
            if name in {"exposed", "stuck"}:
                assert abs(float(str(mean)) - float(str(exact))) < 0.06
