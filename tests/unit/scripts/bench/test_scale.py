"""What a wide round costs, as counted: the counts are those of a round that is really played."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scripts.bench._scale_model import (
    DEALINGS,
    SIGNATURES,
    Shape,
    batch_bytes,
    growth,
    neighbour_bytes,
    opening_bytes,
    operations,
    read_bytes,
    seconds,
)
from scripts.bench._wide_play import Play
from scripts.bench._wide_roles import Played
from scripts.bench.scale import shape_of
from tests.support.federation import memory_folder

SIZE = 12


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with memory_folder(tmp_path_factory.mktemp("stage")) as folder:
        yield Play(folder, SIZE, whole=True).run()


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    with memory_folder(tmp_path_factory.mktemp("sample")) as folder:
        yield Play(folder, SIZE, whole=False, real=1).run()


def test_the_audit_of_a_round_among_cheap_hospitals_finds_nothing(played: Played) -> None:
    assert played.report is not None
    assert played.report.findings == []


@pytest.mark.parametrize("role", ["coordinator", "auditor"])
def test_a_role_does_exactly_as_many_operations_as_counted(played: Played, role: str) -> None:
    wanted = operations(role, shape_of(played))
    assert played.counted[role] == {what: wanted[what] for what in (SIGNATURES, DEALINGS)}


def test_the_sizes_of_all_batches_are_as_counted(played: Played) -> None:
    shape = shape_of(played)
    assert played.batches == {**batch_bytes(shape), "opening": opening_bytes(shape)}


def test_a_round_whose_batches_nobody_checked_has_the_same_sizes_for_a_hospital(
    played: Played, sampled: Played
) -> None:
    both = [(each.batches["share"], each.batches["unmask"], each.degree, each.threshold) for each in (played, sampled)]
    assert both[0] == both[1]


def test_a_hospital_that_is_not_drawn_reads_as_much_among_cheap_hospitals_as_in_a_whole_round(
    played: Played, sampled: Played
) -> None:
    whole, alone = ([name for name in each.roles if name.startswith("hospital")][-1] for each in (played, sampled))
    more = played.batches["proposed"] - sampled.batches["proposed"]  # the auditor attests in a whole round alone
    keys = played.roles[whole].total.read - sampled.roles[alone].total.read - more
    assert 0 <= keys < 10_000  # the first model's file names fewer readers on a stage without a coordinator


def test_beyond_the_points_that_a_process_keeps_each_pass_parses_all_dealings() -> None:
    small, large = (operations("coordinator", Shape(n, 190, 143, 45)) for n in (1024, 1025))
    assert (small[DEALINGS], large[DEALINGS]) == (1024, 4 * 1025)


def test_what_a_coordinator_reads_grows_with_its_files() -> None:
    shape = Shape(100, 32, 23, 29)
    assert read_bytes("coordinator", shape, 1001, 10) - read_bytes("coordinator", shape, 1000, 10) == 100
    assert read_bytes("auditor", shape, 0, 11) - read_bytes("auditor", shape, 0, 10) == 100


def test_neighbours_files_grow_with_the_square_of_the_degree() -> None:
    small, large = (neighbour_bytes(Shape(10_000, degree, degree // 2 + 1, 45)) for degree in (100, 200))
    assert large / small == pytest.approx(4, rel=1e-3)


def test_counted_operations_cost_their_sum_and_the_rest() -> None:
    assert seconds({"a": 3, "b": 2}, {"a": 0.5, "b": 2.0}, 1.0) == 6.5


def test_growth_is_told_from_each_size_to_the_next() -> None:
    assert growth({1000: 4.0, 100: 2.0, 10_000: 4.0}) == {"100 to 1,000": 2.0, "1,000 to 10,000": 1.0}
