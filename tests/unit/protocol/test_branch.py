"""The entry of a branch and the document of a withdrawal have one form; seeds of a branch are its own."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl.protocol.branch import BRANCH, MOST, Branch, turn_of, without_branch
from fl.protocol.errors import EncodingError
from fl.protocol.names import Digest
from fl.protocol.withdrawal import DATA, HOSPITAL, Withdrawal
from fl.training.local.train import TrainContext, epoch_seed

BASE = Digest(b"\x07" * 32)
PLAIN, IN_BRANCH = 7_368_012_548_849_381_924, 2_361_599_372_384_474_866
NUMBERS = st.integers(1, MOST)


@given(st.binary(min_size=32, max_size=32), NUMBERS, st.integers(0, MOST))
def test_an_entry_is_read_as_it_was_written(base: bytes, number: int, after: int) -> None:
    branch = Branch(Digest(base), number, after)
    training = {"seed": 1, BRANCH: json.loads(json.dumps(branch.to_dict()))}
    assert Branch.of(training) == branch
    assert without_branch(training) == {"seed": 1}
    assert Branch.of({"seed": 1}) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": 0},
        {"number": MOST + 1},
        {"after": -1},
        {"after": True},
        {"base": "AA" * 32},
        {"base": "ab"},
        {"x": 1},
    ],
)
def test_a_wrong_entry_is_malformed(wrong: dict[str, object]) -> None:
    with pytest.raises(EncodingError):
        Branch.of({BRANCH: {**Branch(BASE, 1, 0).to_dict(), **wrong}})  # type: ignore[dict-item]


@given(st.sampled_from([HOSPITAL, DATA]), NUMBERS, st.integers(0, MOST), st.binary(min_size=32, max_size=32))
def test_a_withdrawal_is_read_as_it_was_written(what: str, since: int, rows: int, listed: bytes) -> None:
    made = Withdrawal(what, since, rows, Digest(listed))
    assert Withdrawal.from_bytes(made.to_bytes()) == made
    for wrong in (Withdrawal("patient", since), Withdrawal(what, 0), Withdrawal(what, since, -1)):
        with pytest.raises(EncodingError):
            Withdrawal.from_bytes(wrong.to_bytes())


@given(NUMBERS, st.integers(1, 1000), st.integers(0, 1000), NUMBERS, st.integers(1, 1000))
def test_no_two_rounds_draw_the_same_numbers(number: int, place: int, after: int, other: int, later: int) -> None:
    turns = {
        turn_of(number, place, None),
        turn_of(number, place, Branch(BASE, number, after)),
        turn_of(number, later, Branch(BASE, other, after)),
    }
    contexts = [TrainContext(1, turn.round, "alpha", turn=turn.seed) for turn in turns]
    assert len({epoch_seed(each, 0) for each in contexts}) == len(turns)


def test_the_seed_of_a_branch_is_that_of_the_protocol() -> None:
    turn = turn_of(9, 2, Branch(BASE, 1, 5))
    assert (turn.round, turn.seed) == (7, "1/2")
    plain, branch = TrainContext(1, 7, "alpha"), TrainContext(1, 7, "alpha", turn="1/2")
    assert (epoch_seed(plain, 0), epoch_seed(branch, 0)) == (PLAIN, IN_BRANCH)
