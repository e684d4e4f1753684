"""Rounds that add up trained weights: plain, in groups that wait for a vote, or with control variates.

Invariant: every class here has the methods of `work.Work`.

Source: PROTOCOL.md 5 (Update).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fl.protocol.errors import EncodingError
from fl.protocol.rounds.config import RoundConfig
from fl.training.aggregation.claims import Claims
from fl.training.aggregation.controls import ControlledWeights, halves, joined, joined_pieces, next_control
from fl.training.aggregation.groups import keep_change
from fl.training.aggregation.quantise import LANES, Quantiser, Vector, Words, quantise
from fl.training.aggregation.sum import Sum, check_update
from fl.training.aggregation.work import LaneValues, Learned, Outcome, TrainedWeights

NO_CONTROL = "it has no control variate, which this round sums beside the weights"


@dataclass(frozen=True)
class Training:
    """The mean of changed weights (sum.py)."""

    config: RoundConfig
    fixed: int = 0
    """So many of the last weights are numbers that no training changes, such as those of a calibration."""

    def words(self, parameters: int) -> int:
        """Return the number of weights."""
        return parameters

    def encode(self, previous: Vector, learned: Learned) -> Words:
        """Clip and round the change of the weights."""
        return quantise(previous, *_plain(learned), self.config)

    def pieces(self, previous: Vector, learned: Learned, parts: Sequence[slice]) -> Iterator[Words]:
        """Clip and round the change of the weights, part by part."""
        quantiser = Quantiser(previous, *_plain(learned), self.config)
        return (quantiser.words(part) for part in parts)

    def check_update(self, words: Words) -> None:
        """Check the claims and the length of the change."""
        check_update(words, self.config)

    def sum_of(self, words: Words, hospitals: int, parts: Sequence[Claims] = (), each: Sequence[Words] = ()) -> Sum:
        """Check only that the words are in the quantiser's range; those of fixed numbers count as 0."""
        ends = (words.size - LANES,)
        seen = [_kept(one, self.fixed, ends) for one in each]
        return Sum.of(_kept(words, self.fixed, ends), hospitals, parts, seen, self.config.roster, spare=True)

    def check_sum(self, total: Sum) -> None:
        """Check the claims and the length of the mean change."""
        total.check(self.config)

    def apply(self, total: Sum, previous: Vector) -> Outcome:
        """Add the mean change to the weights."""
        return Outcome(total.apply(previous, self.config))


class Grouped(Training):
    """The mean change of one group, which waits for a vote (groups.py)."""

    def apply(self, total: Sum, previous: Vector) -> Outcome:
        """Keep the mean change behind the weights."""
        return Outcome(keep_change(total, previous, self.config))


@dataclass(frozen=True)
class Controlled:
    """The means of changed weights and of changed control variates (controls.py)."""

    config: RoundConfig
    fixed: int = 0
    """As `Training.fixed`; the control variate has as many."""

    def words(self, parameters: int) -> int:
        """Return twice the number of weights."""
        return 2 * parameters

    def encode(self, previous: Vector, learned: Learned) -> Words:
        """Clip and round both changes."""
        if not isinstance(learned, ControlledWeights):
            raise EncodingError("update", NO_CONTROL)
        return joined(previous, learned, self.config)

    def pieces(self, previous: Vector, learned: Learned, parts: Sequence[slice]) -> Iterator[Words]:
        """Clip and round both changes, part by part."""
        if not isinstance(learned, ControlledWeights):
            raise EncodingError("update", NO_CONTROL)
        return joined_pieces(previous, learned, self.config, parts)

    def check_update(self, words: Words) -> None:
        """Check the claims and the length of both changes."""
        for part, config in halves(words, self.config):
            check_update(part, config)

    def sum_of(self, words: Words, hospitals: int, parts: Sequence[Claims] = (), each: Sequence[Words] = ()) -> Sum:
        """Check only that the words are in the quantiser's range; those of fixed numbers count as 0."""
        ends = (words.size - LANES) // 2, words.size - LANES
        return Sum.of(_kept(words, self.fixed, ends), hospitals, parts, each, self.config.roster)

    def check_sum(self, total: Sum) -> None:
        """Check the claims and the length of both mean changes."""
        for part, config in halves(total.words, self.config):
            Sum.of(part, total.hospitals, roster=config.roster).check(config)

    def apply(self, total: Sum, previous: Vector) -> Outcome:
        """Add the mean changes to weights and control variate."""
        self.check_sum(total)
        weights = previous.size // 2
        (changes, plain), (shifts, bounds) = halves(total.words, self.config)
        if previous.shape != (2 * (changes.size - LANES),):
            raise EncodingError("previous model", f"it has {previous.size} parameters")
        model = Sum.of(changes, total.hospitals, roster=plain.roster).apply(previous[:weights], plain)
        control = next_control(previous[weights:], shifts, total.claims, bounds)
        return Outcome(np.concatenate([model, control]))


def _plain(learned: Learned) -> TrainedWeights:
    """Return trained weights alone, or raise EncodingError."""
    if isinstance(learned, LaneValues):
        raise EncodingError("update", "it has lanes, but this round trains a model")
    if isinstance(learned, ControlledWeights):
        raise EncodingError("update", "it has a control variate, which this round does not sum")
    return learned


def _kept(words: Words, fixed: int, ends: tuple[int, ...]) -> Words:
    """Return the words with 0 for the `fixed` ones before each end; honest hospitals send 0, which needs no copy."""
    parts = [slice(end - fixed, end) for end in ends]
    if not any(words[part].any() for part in parts):
        return words
    kept = words.copy()
    for part in parts:
        kept[part] = 0
    return kept
