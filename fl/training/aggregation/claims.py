"""What hospitals claim about their training in the lanes of an update or a sum, and the bounds of honest claims.

Invariant: every sum that becomes a model, and every visible update, passes `check`. The bounds follow from n runs of
the quantiser, so an honest hospital never breaks one.

Source: PROTOCOL.md 5 (Claims): w = min(samples, W_max), 0 <= correct <= samples, loss in 0..2^21 - 1; in a
round of more than 1024 hospitals with words of 32 bits, all at most 2^q - 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from fl.protocol.errors import ClaimOutOfBounds, SumOutOfBounds
from fl.protocol.rounds.config import RoundConfig
from fl.training.aggregation.choice import by_quality
from fl.training.aggregation.quantise import LANES, LOSS_UNIT, Words, grid_of


@dataclass(frozen=True)
class Bound:
    """One lane, and the range of honest claims."""

    what: str
    claimed: int
    low: int
    high: int

    @property
    def holds(self) -> bool:
        """Return whether honest hospitals can claim this."""
        return self.low <= self.claimed <= self.high


@dataclass(frozen=True)
class Claims:
    """The sum of several hospitals' lanes; or the lanes of one hospital."""

    hospitals: int
    weight: int
    correct: int
    samples: int
    loss: int
    """The sum of the hospitals' mean losses, in units of 2^-16."""

    @classmethod
    def of(cls, words: Words, hospitals: int) -> Self:
        """Return the lanes of an update or a sum, int32 or int64 [d + LANES]."""
        return cls(hospitals, *(int(lane) for lane in words[-LANES:]))

    @property
    def mean_loss(self) -> float:
        """Return the mean of the hospitals' training losses."""
        return self.loss * LOSS_UNIT / max(self.hospitals, 1)

    @property
    def accuracy(self) -> float:
        """Return the share of training images that were judged correctly."""
        return self.correct / max(self.samples, 1)

    def bounds(self, config: RoundConfig) -> tuple[Bound, ...]:
        """Return each lane with its bounds.

        The bounds of the weight follow from the samples: the weight is least when one hospital has nearly all samples,
        and equals the samples as long as no hospital has more than W_max. By quality it can be 1 for each hospital.
        """
        count, samples = self.hospitals, self.samples
        most, weight = grid_of(config).most_claim, config.most_weight
        least = 1 if by_quality(config.training) else min(samples - count + 1, weight) + count - 1
        return (
            Bound("samples", samples, count, count * most),
            Bound("weight", self.weight, max(count, least), min(count * weight, samples)),
            Bound("correct", self.correct, 0, samples),
            Bound("loss", self.loss, 0, count * most),
        )

    def check(self, config: RoundConfig) -> None:
        """Raise for the first broken bound.

        Raises:
            ClaimOutOfBounds: in one hospital's lanes.
            SumOutOfBounds: in the sum of several hospitals' lanes.
        """
        for bound in self.bounds(config):
            if bound.holds:
                continue
            if self.hospitals == 1:
                raise ClaimOutOfBounds(bound.what, bound.claimed, bound.low, bound.high)
            raise SumOutOfBounds(self.hospitals, bound.what, bound.claimed, bound.low, bound.high)

    @property
    def figures(self) -> dict[str, float]:
        """Return the claims for reports and pages, with the mean loss."""
        claims = {"weight": self.weight, "correct": self.correct, "samples": self.samples}
        return {**claims, "accuracy": self.accuracy, "loss": self.mean_loss}

    def to_dict(self, config: RoundConfig) -> dict[str, float]:
        """Return the figures of a sum, and the largest honest claims of as many hospitals."""
        most = {bound.what: bound.high for bound in self.bounds(config)}
        loss = most["loss"] * LOSS_UNIT / max(self.hospitals, 1)
        limits = {"most_weight": most["weight"], "most_samples": most["samples"], "most_loss": loss}
        return {**self.figures, "hospitals": self.hospitals, **limits}
