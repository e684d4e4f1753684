"""`hemaledger graph` says in words what the figures of graph_choice.py are."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from fl.protocol.rounds.cluster_choice import choose_clusters
from fl.protocol.rounds.graph_choice import NEVER, Crowd, choose
from scripts.cli import main
from scripts.commands.graph import CLUSTERS_FROM, TABLE, odds


def said(*words: str) -> str:
    result = CliRunner().invoke(main, ["graph", *words])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_figures_of_one_crowd_are_those_of_the_choice() -> None:
    degree, threshold = choose(Crowd(300, 0.2, 0.1))
    lines = said("300")
    assert f"(k)     {degree}: " in lines
    assert f"(t)      {threshold} of the {degree + 1} " in lines
    assert "210 honest hospitals" in lines
    assert "less than 1 in " in lines


def test_from_300_hospitals_on_clusters_are_explained_too() -> None:
    chosen = choose_clusters(Crowd(1000, 0.2, 0.1))
    lines = said("1000")
    assert f"(G)       {chosen.count} of 142 or 143 hospitals" in lines
    assert f"(e)       {chosen.across} in the next cluster" in lines
    assert f"{chosen.fewest} of each cluster must be" in lines
    assert f"{chosen.count * chosen.fewest - 200} honest hospitals" in lines
    assert "clusters" not in said("299")


def test_if_a_cluster_may_have_a_sum_of_its_own_its_honest_hospitals_are_said() -> None:
    assert "40 honest hospitals" in said("1000", "--smallest-sum", "10")


def test_without_a_number_there_are_lines_for_each_size_without_and_with_clusters() -> None:
    rings, clusters = (part.splitlines() for part in said("--collusion", "0.1").split("\n\n"))
    assert len(rings) == 1 + len(TABLE)
    for line, count in zip(rings[1:], TABLE, strict=True):
        assert line.split()[:2] == [f"{count:,}", str(choose(Crowd(count, 0.1, 0.1))[0])]
    for line, count in zip(clusters[1:], [count for count in TABLE if count >= CLUSTERS_FROM], strict=True):
        assert line.split()[:2] == [f"{count:,}", str(choose_clusters(Crowd(count, 0.1, 0.1)).count)]


def test_a_crowd_that_nothing_protects_is_said_with_its_reason() -> None:
    table = said("--collusion", "0.34", "--drop-out", "0.2")
    assert "none: each of 10000 hospitals would need more" in table
    assert "none: with 3400 colluders and 2000 absent of 10000 no clusters protect updates" in table
    result = CliRunner().invoke(main, ["graph", "30", "--collusion", "0.5", "--drop-out", "0.3"])
    assert result.exit_code != 0
    assert "sign twice make two sets" in result.output
    result = CliRunner().invoke(main, ["graph", "10000", "--collusion", "0.34", "--drop-out", "0.2"])
    assert result.exit_code != 0
    assert "Without clusters: " in result.output


@pytest.mark.parametrize(
    ("power", "words"),
    [
        (NEVER, "never: there are too few of them"),
        (-0.5, "likely"),
        (-30, "less than 1 in 1,000,000,000"),
        (-100, "less than 1 in 10^30"),
    ],
)
def test_a_probability_is_said_as_odds(power: float, words: str) -> None:
    assert odds(power) == words
