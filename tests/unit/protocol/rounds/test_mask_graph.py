"""The ring of a wide round: its exact order, who is joined, and that no choice of drop-outs splits a sum."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from fl.protocol.names import Address
from fl.protocol.rounds.mask_graph import MaskGraph, ring_of, seed_of

VECTORS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "vectors" / "mask_graph.json").read_text(encoding="ascii")
)


def account(number: int) -> Address:
    return Address(number.to_bytes(20, "big"))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{len(vector['hospitals'])}-{vector['degree']}")
def test_the_ring_and_its_neighbours_are_those_of_the_vectors(vector: dict[str, Any]) -> None:
    hospitals = tuple(Address(bytes.fromhex(each)) for each in vector["hospitals"])
    seed = seed_of(bytes.fromhex(vector["context"]), bytes.fromhex(vector["block"]))
    graph = MaskGraph(ring_of(seed, hospitals), vector["degree"])
    assert seed.hex() == vector["seed"]
    assert [each.hex() for each in graph.ring] == vector["ring"]
    for hospital in hospitals:
        assert [each.hex() for each in graph.neighbours(hospital)] == vector["neighbours"][hospital.hex()]


@pytest.mark.parametrize(("hospitals", "degree"), [(7, 2), (12, 6), (13, 12), (12, 11), (5, 8)])
def test_who_is_a_neighbour_is_joined_and_has_the_other_as_its_neighbour(hospitals: int, degree: int) -> None:
    graph = MaskGraph([account(number) for number in range(1, hospitals + 1)], degree)
    for one, other in itertools.product(graph.ring, repeat=2):
        assert graph.joined(one, other) == (other in graph.neighbours(one)) == (one in graph.neighbours(other))
    assert {len(graph.neighbours(each)) for each in graph.ring} == {min(degree, hospitals - 1)}
    assert all(graph.holders(each) == {each, *graph.neighbours(each)} for each in graph.ring)


def test_each_order_of_four_hospitals_is_about_equally_frequent() -> None:
    hospitals = [account(number) for number in range(1, 5)]
    counts = dict.fromkeys(itertools.permutations(hospitals), 0)
    for number in range(4800):
        counts[ring_of(hashlib.sha256(number.to_bytes(4, "big")).digest(), hospitals)] += 1
    chi_square = sum((count - 200) ** 2 / 200 for count in counts.values())
    assert chi_square < 49.7  # 23 degrees of freedom, one in a thousand; the seeds are fixed


def test_only_many_colluders_side_by_side_let_a_choice_of_whom_to_leave_out_split_a_sum() -> None:
    """Try each choice of colluders and of whom to leave out on a ring of ten (PROTOCOL.md 5W.1, by choice)."""
    ring, half, threshold = [account(number) for number in range(1, 11)], 2, 4
    graph, split, whole = MaskGraph(ring, 2 * half), 0, 0
    for states in itertools.product("hcx", repeat=len(ring)):  # honest, colluding, left out
        honest = {each for each, state in zip(ring, states, strict=True) if state == "h"}
        chosen = {each for each, state in zip(ring, states, strict=True) if state != "x"}
        poorest = graph.poorest(sorted(honest), chosen)
        if poorest is None or poorest[1] < threshold:
            continue
        if _reached(graph, honest) == honest:
            whole += 1
            continue
        split += 1
        runs = [
            "".join(states[(place + step) % len(ring)] for step in range(1, half + 1)) for place in range(len(ring))
        ]
        counts = [run.count("c") for state, run in zip(states, runs, strict=True) if state == "h"]
        assert max(counts) >= threshold - 1 - half
        assert sum(sorted(run.count("c") for run in runs if "h" not in run)[-2:]) >= 2 * half - states.count("x")
    assert split >= 10
    assert whole >= 1000


def _reached(graph: MaskGraph, among: set[Address]) -> set[Address]:
    found, todo = set[Address](), [min(among)]
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            todo += [each for each in graph.neighbours(one) if each in among]
    return found
