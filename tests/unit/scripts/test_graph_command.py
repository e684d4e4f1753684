"""`hemaledger graph` says in words what the figures of graph_choice.py are."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from fl.protocol.rounds.graph_choice import NEVER, Crowd, choose
from scripts.cli import main
from scripts.commands.graph import TABLE, odds


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


def test_without_a_number_there_is_a_line_for_each_size() -> None:
    lines = said("--collusion", "0.1").splitlines()
    assert len(lines) == 1 + len(TABLE)
    for line, count in zip(lines[1:], TABLE, strict=True):
        assert line.split()[:2] == [f"{count:,}", str(choose(Crowd(count, 0.1, 0.1))[0])]


def test_a_crowd_that_no_graph_protects_is_said_with_its_reason() -> None:
    assert "none: each of 10000 hospitals would need more" in said("--collusion", "0.34", "--drop-out", "0.2")
    result = CliRunner().invoke(main, ["graph", "30", "--collusion", "0.5", "--drop-out", "0.3"])
    assert result.exit_code != 0
    assert "sign twice make two sets" in result.output


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
