"""What the hospitals of a round add up: weights that they trained, or named lanes of integers.

Invariant: every kind of round has the methods of `Work`; `kinds.work_of` says which one a configuration means.

Source: PROTOCOL.md 5 (Update) and 5L.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from fl.protocol.codec import Fields, JsonValue
from fl.training.aggregation.claims import Claims
from fl.training.aggregation.controls import ControlledWeights
from fl.training.aggregation.groups import GROUP
from fl.training.aggregation.lanes import Entries, LanePlan
from fl.training.aggregation.quantise import LocalMetrics, Vector, Words
from fl.training.aggregation.sum import Sum

SUM, RULE = "sum", "rule"
"""The fields of `RoundConfig.training` that make a round one of lanes; the model's recipe may be beside them."""
_WHAT = "round configuration"


@dataclass(frozen=True)
class LaneValues:
    """What a hospital enters into a round of lanes."""

    packed: Entries
    """int64 [LanePlan.length], from `LanePlan.pack`."""
    rows: int
    """How many rows (images, persons) the hospital counted, at least 1; the sum of all hospitals is shown."""


TrainedWeights = tuple[Vector, LocalMetrics]
"""float32 [d] after the local training, and its results."""
Learned = TrainedWeights | ControlledWeights | LaneValues


@dataclass(frozen=True)
class Outcome:
    """What follows from a round's sum."""

    model: Vector
    """float32 [d + state]: the next model."""
    plan: LanePlan | None = None
    totals: Mapping[str, Entries] = field(default_factory=dict)
    """Rounds of lanes: lane's name -> int64 [length]."""


class Work(Protocol):
    """One kind of round."""

    def words(self, parameters: int) -> int:
        """Return how many words an update has beside a model of so many weights, without the claims."""
        ...

    def encode(self, previous: Vector, learned: Learned) -> Words:
        """Return one hospital's words, int32 or int64 [words + LANES].

        Raises:
            EncodingError: the hospital learned something else than this round adds up.
            NonFinite, ClaimOutOfBounds: a weight is not finite; an entry is outside its lane's range.
        """
        ...

    def pieces(self, previous: Vector, learned: Learned, parts: Sequence[slice]) -> Iterator[Words]:
        """Yield the words of `encode` part by part, without the whole in memory where that is possible; raises so."""
        ...

    def check_update(self, words: Words) -> None:
        """Raise ClaimOutOfBounds or NormExceeded if no honest hospital sends these words."""
        ...

    def sum_of(self, words: Words, hospitals: int, parts: Sequence[Claims] = (), each: Sequence[Words] = ()) -> Sum:
        """Return a sum that was made elsewhere; raise SumOutOfBounds if these hospitals cannot reach it.

        The words belong to it: `apply` may put the model into their memory.
        """
        ...

    def check_sum(self, total: Sum) -> None:
        """Check a sum without a model; raises as `apply`."""
        ...

    def apply(self, total: Sum, previous: Vector) -> Outcome:
        """Return the next model.

        Raises:
            EncodingError: there is no update, or the previous model or the sum has another length.
            SumOutOfBounds, NormExceeded: honest hospitals cannot give this sum.
            NonFinite: a new weight is not finite.
        """
        ...


@dataclass(frozen=True)
class SumSpec:
    """The part of a configuration that makes a round one of lanes."""

    plan: LanePlan
    rule: str
    """A name in RULES."""
    settings: Mapping[str, JsonValue] = field(default_factory=dict)

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the fields for `RoundConfig.training`."""
        return {SUM: self.plan.to_dict(), RULE: {**self.settings, "name": self.rule}}

    @classmethod
    def from_dict(cls, training: Mapping[str, JsonValue]) -> SumSpec | None:
        """Return the spec in `RoundConfig.training`, None in a round of training; raise EncodingError."""
        fields = Fields(dict(training), _WHAT)
        if SUM not in training and RULE not in training:
            return None
        rule = Fields(fields.mapping(RULE), _WHAT)
        settings = {name: value for name, value in rule.value.items() if name != "name"}
        return cls(LanePlan.from_dict(fields.mapping(SUM)), rule.text("name"), settings)


def figures(learned: Learned) -> dict[str, float]:
    """Return what a hospital's own log says about its update."""
    if isinstance(learned, LaneValues):
        return {"rows": learned.rows}
    metrics = learned.metrics if isinstance(learned, ControlledWeights) else learned[1]
    return {"samples": metrics.samples, "loss": round(metrics.loss, 4)}


def secret_of(learned: Learned) -> Vector | Entries:
    """Return all numbers that a hospital learned or counted, as one vector."""
    if isinstance(learned, LaneValues):
        return learned.packed
    if isinstance(learned, ControlledWeights):
        return np.concatenate([learned.vector, learned.change])
    return learned[0]


def without_sum(training: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the model's recipe, which a round of lanes has beside its lanes, and a group's beside its number."""
    return {name: value for name, value in training.items() if name not in (SUM, RULE, GROUP)}
