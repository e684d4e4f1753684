from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl.protocol.errors import DatasetUnusable
from fl.training.data.arrays import load_npz
from fl.training.data.dataset import TEST, TRAIN, Dataset
from fl.training.data.partition import divide, split_holdout


def _dataset(sizes: list[tuple[int, int]], classes: int = 2) -> Dataset:
    """Return one group per (images, label), every fourth group in test."""
    labels = np.repeat([label for _, label in sizes], [size for size, _ in sizes]).astype(np.int64)
    groups = np.repeat([f"g{index}" for index in range(len(sizes))], [size for size, _ in sizes])
    split = np.repeat([index % 4 == 3 for index in range(len(sizes))], [size for size, _ in sizes]).astype(np.uint8)
    images = np.zeros((len(labels), 2, 2, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(len(labels)) % 251
    return Dataset(images, labels, groups, split, tuple(f"c{index}" for index in range(classes)))


GROUPS = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 1)), min_size=8, max_size=40)


@settings(max_examples=60, deadline=None)
@given(GROUPS, st.integers(1, 5), st.integers(0, 1000))
def test_no_group_is_cut_and_no_image_lost(sizes: list[tuple[int, int]], hospitals: int, seed: int) -> None:
    whole = _dataset(sizes)
    parts = divide(whole, hospitals, seed)
    assert len(parts) == hospitals
    owners = [(group, index) for index, part in enumerate(parts) for group in np.unique(part.groups)]
    assert sorted(group for group, _ in owners) == sorted(np.unique(whole.groups))
    assert sum(map(len, parts)) == len(whole)
    assert all(part.has(TRAIN) for part in parts)
    for part in parts:
        rows = np.isin(whole.groups, np.unique(part.groups))
        assert (part.images == whole.images[rows]).all()
        assert (part.split == whole.split[rows]).all()


@settings(max_examples=40, deadline=None)
@given(GROUPS, st.floats(0.1, 0.5), st.integers(0, 1000))
def test_a_holdout_is_subject_disjoint_and_neither_side_empty(
    sizes: list[tuple[int, int]], fraction: float, seed: int
) -> None:
    split = split_holdout(_dataset(sizes), fraction, seed)  # Dataset itself refuses a group on both sides
    assert split.has(TRAIN)
    assert split.has(TEST)


def test_even_groups_are_dealt_evenly_in_size_and_class() -> None:
    parts = divide(_dataset([(10, index // 2 % 2) for index in range(48)]), 3, 1)
    for part in parts:
        assert part.part(TRAIN).class_counts().tolist() == [80, 40]
        assert len(part.part(TEST)) == 40


def test_each_hospital_gets_both_classes_where_there_are_enough_groups() -> None:
    parts = divide(_dataset([(200, 0), (3, 0), (2, 0), (9, 1), (300, 1), (80, 1), (70, 1), (1, 1)]), 3, 2)
    assert all((part.part(TRAIN).class_counts() > 0).all() for part in parts)


def test_equal_seeds_divide_equally() -> None:
    whole = _dataset([(5, 0), (5, 1)] * 10)
    first, second, other = (divide(whole, 3, seed) for seed in (1, 1, 2))
    assert all((a.groups == b.groups).all() for a, b in zip(first, second, strict=True))
    assert any(set(a.groups) != set(b.groups) for a, b in zip(first, other, strict=True))


def test_thousands_of_single_images_are_dealt_within_a_percent() -> None:
    parts = divide(_dataset([(1, index % 7 % 2) for index in range(4000)]), 3, 1)
    shares = np.array([part.class_counts() for part in parts]) * 3 / sum(part.class_counts() for part in parts)
    assert np.abs(shares - 1).max() < 0.01


def test_too_few_groups_or_hospitals_are_said() -> None:
    few = _dataset([(5, 0), (5, 1)])
    for hospitals in (0, 3):
        with pytest.raises(DatasetUnusable):
            divide(few, hospitals, 1)
    with pytest.raises(DatasetUnusable, match="one subject"):
        split_holdout(_dataset([(5, 0)]))
    with pytest.raises(DatasetUnusable, match="between 0 and 1"):
        split_holdout(few, 1.0)


def test_three_hospitals_over_c_nmc_share_no_person_and_all_have_both_classes(data_folder: Path) -> None:
    whole = load_npz(data_folder / "leukemia_cnmc_128.npz")
    parts = divide(whole, 3, 1)
    groups = [set(part.groups) for part in parts]
    assert len(groups[0] | groups[1] | groups[2]) == sum(map(len, groups))
    assert all((part.part(TRAIN).class_counts() > 0).all() for part in parts)
    assert max(len(part.part(TRAIN)) for part in parts) < 2 * min(len(part.part(TRAIN)) for part in parts)
