"""What the hospitals of a round add up: weights that they trained, or named lanes of integers.

Invariant: the configuration alone decides. Hospitals, coordinator, auditors and audits take words, checks and the next
model from `work_of`, so a round means the same to all of them.

Source: PROTOCOL.md 5 (Update) and 5L.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import ClaimOutOfBounds, EncodingError, NonFinite, SumOutOfBounds
from fl.protocol.rounds.config import RoundConfig
from fl.training.aggregation.choice import SCAFFOLD, VOTED, Aggregation
from fl.training.aggregation.claims import Claims
from fl.training.aggregation.controls import ControlledWeights, halves, joined, next_control
from fl.training.aggregation.groups import GROUP, VOTE, VoteRule, group_of, keep_change
from fl.training.aggregation.lanes import Entries, LanePlan
from fl.training.aggregation.quantise import GRIDS, LANES, LIMIT, LocalMetrics, Vector, Words, quantise
from fl.training.aggregation.rules import RULES, WHOLE, Rule
from fl.training.aggregation.sum import Sum, check_update

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

    def check_update(self, words: Words) -> None:
        """Raise ClaimOutOfBounds or NormExceeded if no honest hospital sends these words."""
        ...

    def sum_of(self, words: Words, hospitals: int, parts: Sequence[Claims] = (), each: Sequence[Words] = ()) -> Sum:
        """Return a sum that was made elsewhere; raise SumOutOfBounds if these hospitals cannot reach it."""
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
        if isinstance(learned, LaneValues):
            raise EncodingError("update", "it has lanes, but this round trains a model")
        if isinstance(learned, ControlledWeights):
            raise EncodingError("update", "it has a control variate, which this round does not sum")
        return quantise(previous, *learned, self.config)

    def check_update(self, words: Words) -> None:
        """Check the claims and the length of the change."""
        check_update(words, self.config)

    def sum_of(self, words: Words, hospitals: int, parts: Sequence[Claims] = (), each: Sequence[Words] = ()) -> Sum:
        """Check only that the words are in the quantiser's range; those of fixed numbers count as 0."""
        ends = (words.size - LANES,)
        return Sum.of(_kept(words, self.fixed, ends), hospitals, parts, [_kept(one, self.fixed, ends) for one in each])

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
            raise EncodingError("update", "it has no control variate, which this round sums beside the weights")
        return joined(previous, learned, self.config)

    def check_update(self, words: Words) -> None:
        """Check the claims and the length of both changes."""
        for part, config in halves(words, self.config):
            check_update(part, config)

    def sum_of(self, words: Words, hospitals: int, parts: Sequence[Claims] = (), each: Sequence[Words] = ()) -> Sum:
        """Check only that the words are in the quantiser's range; those of fixed numbers count as 0."""
        ends = (words.size - LANES) // 2, words.size - LANES
        return Sum.of(_kept(words, self.fixed, ends), hospitals, parts, each)

    def check_sum(self, total: Sum) -> None:
        """Check the claims and the length of both mean changes."""
        for part, config in halves(total.words, self.config):
            Sum.of(part, total.hospitals).check(config)

    def apply(self, total: Sum, previous: Vector) -> Outcome:
        """Add the mean changes to weights and control variate."""
        self.check_sum(total)
        weights = previous.size // 2
        (changes, plain), (shifts, bounds) = halves(total.words, self.config)
        if previous.shape != (2 * (changes.size - LANES),):
            raise EncodingError("previous model", f"it has {previous.size} parameters")
        model = Sum.of(changes, total.hospitals).apply(previous[:weights], plain)
        control = next_control(previous[weights:], shifts, total.claims, bounds)
        return Outcome(np.concatenate([model, control]))


@dataclass(frozen=True)
class Lanes:
    """Exact sums of integers, and a rule for the next model."""

    config: RoundConfig
    plan: LanePlan
    rule: Rule
    settings: Mapping[str, JsonValue]

    def words(self, parameters: int) -> int:  # noqa: ARG002 - of any model
        """Return the number of entries of all lanes."""
        return self.plan.length

    def encode(self, _previous: Vector, learned: Learned) -> Words:
        """Check the entries and add the claims: they are neither clipped nor rounded."""
        if not isinstance(learned, LaneValues):
            raise EncodingError("update", "it has trained weights, but this round adds up lanes")
        if learned.rows < 1:
            raise EncodingError("update", f"it counts {learned.rows} rows; a hospital without data cannot take part")
        self.plan.check_one(learned.packed)
        words = GRIDS[self.config.word_bits].zeros(self.plan.length)
        words[:-LANES] = learned.packed
        words[-LANES:] = (min(learned.rows, self.config.w_max, LIMIT), 0, min(learned.rows, LIMIT), 0)
        return words

    def check_update(self, words: Words) -> None:
        """Check the claims and every entry's range."""
        self._check_claims(Claims.of(words, 1))
        self.plan.check_one(_entries(words))

    def sum_of(self, words: Words, hospitals: int, parts: Sequence[Claims] = (), each: Sequence[Words] = ()) -> Sum:
        """Check every total's range, so that the error names the lane."""
        self._check_totals(_entries(words), hospitals)
        return Sum.of(words, hospitals, parts, each)

    def check_sum(self, total: Sum) -> None:
        """Check the claims and every total's range."""
        if not total.hospitals:
            raise EncodingError("aggregate", "it contains no update")
        self._check_claims(total.claims)
        self._check_totals(_entries(total.words), total.hospitals)

    def apply(self, total: Sum, previous: Vector) -> Outcome:
        """Let the rule make the next model from the totals."""
        self.check_sum(total)
        totals = self.plan.unpack(_entries(total.words))
        for entries in totals.values():
            entries.flags.writeable = False
        weights, state = self._divided(previous)
        made = self.rule(weights, totals, total.hospitals, self.settings)
        if made.dtype != np.float32 or made.shape != weights.shape:
            raise EncodingError("new model", f"the rule made {made.dtype} {list(made.shape)}")
        model = np.concatenate([made, state])
        broken = int(model.size - np.count_nonzero(np.isfinite(model)))
        if broken:
            raise NonFinite("new model", broken)
        return Outcome(model, self.plan, totals)

    def _divided(self, previous: Vector) -> tuple[Vector, Vector]:
        """Return the weights, which the rule may change, and the state of the server's optimiser, which it may not."""
        if self.rule in WHOLE:
            return previous, previous[:0]
        weights = previous.size // (1 + len(Aggregation.of(self.config.training).state))
        return previous[:weights], previous[weights:]

    def _check_totals(self, entries: Entries, hospitals: int) -> None:
        found = self.plan.broken(entries, hospitals)
        if found:
            raise SumOutOfBounds(hospitals, *found)

    def _check_claims(self, claims: Claims) -> None:
        """Check rows and weight as in a training; the rest is 0, because nothing was trained."""
        for what, claimed in (("correct", claims.correct), ("loss", claims.loss)):
            if claimed and claims.hospitals == 1:
                raise ClaimOutOfBounds(what, claimed, 0, 0)
            if claimed:
                raise SumOutOfBounds(claims.hospitals, what, claimed, 0, 0)
        claims.check(self.config)


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


def work_of(config: RoundConfig, fixed: int = 0) -> Work:
    """Return what the hospitals of a round with this configuration add up.

    Args:
        config: Of the round.
        fixed: How many of the last weights no training changes (Manifest.fixed).

    Raises:
        EncodingError: the lanes or the rule are unknown, or do not fit the width of the words.
    """
    spec = SumSpec.from_dict(config.training)
    if spec is None:
        return _training_of(config, fixed)
    rule = Aggregation.of(config.training)
    if spec.rule not in RULES:
        raise EncodingError(_WHAT, f"the rule {spec.rule[:80]!r} is unknown")
    if spec.rule == VOTE and Aggregation(VOTED, groups=VoteRule.from_dict(spec.settings).groups) != rule:
        raise EncodingError(_WHAT, "it votes on other groups than its rule of aggregation has")
    if spec.plan.word_bits > config.word_bits:
        raise EncodingError(_WHAT, f"the lanes need words of {spec.plan.word_bits} bits, not {config.word_bits}")
    return Lanes(config, spec.plan, RULES[spec.rule], spec.settings)


def _training_of(config: RoundConfig, fixed: int) -> Work:
    """Return the work of a round that trains; raise EncodingError if it names a group without the rule, or none."""
    rule, number = Aggregation.of(config.training).rule, group_of(config.training)
    if (number is None) == (rule == VOTED):
        raise EncodingError(_WHAT, f"the rule {rule} does not fit the group that it names")
    if rule == SCAFFOLD:
        return Controlled(config, fixed)
    return Grouped(config, fixed) if rule == VOTED else Training(config, fixed)


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


def _kept(words: Words, fixed: int, ends: tuple[int, ...]) -> Words:
    """Return the words with 0 for the `fixed` ones before each end; honest hospitals send 0, which needs no copy."""
    parts = [slice(end - fixed, end) for end in ends]
    if not any(words[part].any() for part in parts):
        return words
    kept = words.copy()
    for part in parts:
        kept[part] = 0
    return kept


def _entries(words: Words) -> Entries:
    """Return the entries of an update or a sum as int64 [length], without the claims."""
    return words[:-LANES].astype(np.int64)
