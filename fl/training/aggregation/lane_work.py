"""Rounds of lanes: exact sums of integers, and a rule for the next model.

Invariant: the class here has the methods of `work.Work`.

Source: PROTOCOL.md 5L.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fl.protocol.codec import JsonValue
from fl.protocol.errors import ClaimOutOfBounds, EncodingError, NonFinite, SumOutOfBounds
from fl.protocol.rounds.config import RoundConfig
from fl.training.aggregation.choice import Aggregation
from fl.training.aggregation.claims import Claims
from fl.training.aggregation.lanes import Entries, LanePlan
from fl.training.aggregation.quantise import LANES, Vector, Words, grid_of
from fl.training.aggregation.rules import WHOLE, Rule
from fl.training.aggregation.sum import Sum
from fl.training.aggregation.work import LaneValues, Learned, Outcome


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
        grid = grid_of(self.config)
        words, rows = grid.zeros(self.plan.length), min(learned.rows, grid.most_claim)
        words[:-LANES] = learned.packed
        words[-LANES:] = (min(rows, self.config.most_weight), 0, rows, 0)
        return words

    def pieces(self, previous: Vector, learned: Learned, parts: Sequence[slice]) -> Iterator[Words]:
        """Cut the entries: there are at most 2^24."""
        words = self.encode(previous, learned)
        return (words[part] for part in parts)

    def check_update(self, words: Words) -> None:
        """Check the claims and every entry's range."""
        self._check_claims(Claims.of(words, 1))
        self.plan.check_one(_entries(words))

    def sum_of(self, words: Words, hospitals: int, parts: Sequence[Claims] = (), each: Sequence[Words] = ()) -> Sum:
        """Check every total's range, so that the error names the lane."""
        self._check_totals(_entries(words), hospitals)
        return Sum.of(words, hospitals, parts, each, self.config.roster)

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


def _entries(words: Words) -> Entries:
    """Return the entries of an update or a sum as int64 [length], without the claims."""
    return words[:-LANES].astype(np.int64)
