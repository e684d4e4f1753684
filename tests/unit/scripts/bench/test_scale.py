"""What a wide round costs, as counted: the counts are those of a round that is really played."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fl.protocol.names import Address
from fl.protocol.parcels import PARCEL_BYTES, received_files
from fl.protocol.records import ClusterTerms
from fl.roles.coordinator.plan import WidePlan
from scripts.bench._scale_model import (
    DEALINGS,
    SIGNATURES,
    Shape,
    batch_bytes,
    growth,
    opening_bytes,
    operations,
    parcel_bytes,
    path_nodes,
    read_bytes,
    received_bytes,
    seconds,
    seen_bytes,
    written_bytes,
)
from scripts.bench._wide_play import USUAL, Play
from scripts.bench._wide_roles import Played
from tests.support.federation import memory_folder

SIZE = 12
CLUSTERS = replace(
    USUAL,
    collusion=0.0,
    drop_out=0.25,
    degree=4,
    threshold=3,
    replayers=4,
    clusters=ClusterTerms(count=3, fewest=3, across=2),
)
"""Of four hospitals each, or of four and five."""


@pytest.fixture(scope="module", params=[USUAL, CLUSTERS], ids=["ring", "clusters"])
def wide(request: pytest.FixtureRequest) -> WidePlan:
    assert isinstance(request.param, WidePlan)
    return request.param


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, wide: WidePlan) -> Iterator[Played]:
    with memory_folder(tmp_path_factory.mktemp("stage")) as folder:
        yield Play(folder, SIZE, whole=True, wide=wide).run()


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory, wide: WidePlan) -> Iterator[Played]:
    with memory_folder(tmp_path_factory.mktemp("sample")) as folder:
        yield Play(folder, SIZE, whole=False, real=1, wide=wide).run()


def test_the_audit_of_a_round_among_cheap_hospitals_finds_nothing(played: Played) -> None:
    assert played.report is not None
    assert played.report.findings == []


@pytest.mark.parametrize("role", ["coordinator", "auditor"])
def test_a_role_does_exactly_as_many_operations_as_counted(played: Played, role: str) -> None:
    wanted, seen, shape = operations(role, played.shape), played.counted[role], played.shape
    more = 0 if shape.clusters is None or role == "coordinator" else shape.hospitals - shape.fewest
    assert seen[DEALINGS] == wanted[DEALINGS]
    assert 0 <= seen[SIGNATURES] - wanted[SIGNATURES] <= more


def test_the_sizes_of_all_batches_are_as_counted(played: Played) -> None:
    shape = played.shape
    assert played.batches == {**batch_bytes(shape), "opening": opening_bytes(shape)}


def test_the_sizes_of_clusters_that_are_not_equal_are_counted_too(tmp_path: Path) -> None:
    with memory_folder(tmp_path) as folder:
        shape = (played := Play(folder, SIZE + 1, whole=True, wide=CLUSTERS).run()).shape
    assert shape.parts == (4, 4, 5)
    assert played.batches == {**batch_bytes(shape), "opening": opening_bytes(shape)}
    for role in ("coordinator", "auditor"):
        rest = played.roles[role].total.read - read_bytes(role, shape, played.masked_file, played.answer_head)
        assert 80_000 < rest < 180_000  # the model, and files with keys
    written = played.roles["coordinator"].total.written - written_bytes(shape)
    assert 0 <= written < 200_000  # the model and the files with its key


def test_receivers_files_have_the_size_that_their_trees_give() -> None:
    for part in (3, 4, 7, 10):
        members = [Address(bytes([place]) * 20) for place in range(1, part + 1)]
        parcels = {who: tuple(bytes([at]) * PARCEL_BYTES for at in range(part - 1)) for who in members}
        files = received_files(bytes(32), members, parcels)
        assert sum(map(len, files.values())) == received_bytes(part)
    assert path_nodes(8) == 24


def test_a_round_whose_batches_nobody_checked_has_the_same_sizes_for_a_hospital(
    played: Played, sampled: Played
) -> None:
    parts = replace(sampled.shape, attesting=played.shape.attesting)
    assert parts == played.shape
    assert sampled.batches == {**seen_bytes(sampled.shape), "opening": opening_bytes(sampled.shape)}


def test_a_hospital_that_is_not_drawn_reads_as_much_among_cheap_hospitals_as_in_a_whole_round(
    played: Played, sampled: Played
) -> None:
    whole, alone = ([name for name in each.roles if name.startswith("hospital")][-1] for each in (played, sampled))
    more = played.batches["proposed"] - sampled.batches["proposed"]  # the auditor attests in a whole round alone
    keys = played.roles[whole].total.read - sampled.roles[alone].total.read - more
    assert -1000 < keys < 10_000  # paths differ, and the first model's file names fewer readers without a coordinator


def test_beyond_the_points_that_a_process_keeps_each_pass_parses_all_dealings() -> None:
    small, large = (operations("coordinator", Shape(n, 190, 143, 45, n)) for n in (1024, 1025))
    assert (small[DEALINGS], large[DEALINGS]) == (1024, 4 * 1025)


def test_what_a_coordinator_reads_grows_with_its_files() -> None:
    shape = Shape(100, 32, 23, 29, 90)
    assert read_bytes("coordinator", shape, 1001, 10) - read_bytes("coordinator", shape, 1000, 10) == 100
    assert read_bytes("auditor", shape, 0, 11) - read_bytes("auditor", shape, 0, 10) == 100


def test_neighbours_files_grow_with_the_square_of_the_degree() -> None:
    small, large = (parcel_bytes(Shape(10_000, degree, degree // 2 + 1, 45, 9000)) for degree in (100, 200))
    assert large / small == pytest.approx(4, rel=1e-3)


def test_counted_operations_cost_their_sum_and_the_rest() -> None:
    assert seconds({"a": 3, "b": 2}, {"a": 0.5, "b": 2.0}, 1.0) == 6.5


def test_growth_is_told_from_each_size_to_the_next() -> None:
    assert growth({1000: 4.0, 100: 2.0, 10_000: 4.0}) == {"100 to 1,000": 2.0, "1,000 to 10,000": 1.0}
