"""The rule `voted`: the sums of groups wait behind the weights until the hospitals have voted on them.

Invariant: a group's round leaves the weights as they are, bit for bit. The vote adds the mean of the accepted groups'
changes and clears them all. Pinned arithmetic: binary64, in the order of the groups.

Source: PROTOCOL.md 5V.
Not here: who is in which group (fl/replay/round_groups.py); how a hospital votes (fl/training/evaluation/votes.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError
from fl.protocol.rounds.config import RoundConfig
from fl.training.aggregation.blockwise import summed
from fl.training.aggregation.choice import ENTRY, Aggregation
from fl.training.aggregation.lanes import Entries, Lane, LanePlan
from fl.training.aggregation.quantise import LANES, Vector
from fl.training.aggregation.sum import Sum

GROUP = "group"
"""The field of `RoundConfig.training` with the number of the group whose round it is, from 1."""
VOTE, PURPOSE = "vote", "group-vote"
MOST_GROUPS = 64
MARGIN = 0.02
"""In nats: so much worse than both the model before and the best group a group's model may be."""
_WHAT = "vote on groups"


@dataclass(frozen=True)
class VoteRule:
    """The settings of a vote."""

    groups: int
    margin: float = MARGIN

    def __post_init__(self) -> None:
        """Raise EncodingError for a value out of its range."""
        if not 2 <= self.groups <= MOST_GROUPS or not 0.0 <= self.margin <= 10.0:  # noqa: PLR2004  # as in choice.py
            raise EncodingError(_WHAT, "its number of groups or its margin is impossible")

    def to_dict(self) -> dict[str, JsonValue]:
        return {"groups": self.groups, "margin": self.margin}

    @classmethod
    def from_dict(cls, raw: Mapping[str, JsonValue]) -> VoteRule:
        """Parse what `to_dict` wrote, or raise EncodingError."""
        fields = Fields(dict(raw), _WHAT)
        fields.only("groups", "margin")
        return cls(fields.integer("groups"), fields.number("margin"))


def vote_plan(groups: int) -> LanePlan:
    """Return the one lane of a vote."""
    reveals = "How many hospitals accept the sum of each group; coordinator and auditors also see who voted how."
    return LanePlan(PURPOSE, (Lane("votes", groups, 0, 1, reveals),))


def group_of(training: Mapping[str, JsonValue]) -> int | None:
    """Return the number of the group whose round it is, from 1; None in any other round; raise EncodingError."""
    if GROUP not in training:
        return None
    number = Fields(dict(training), _WHAT).integer(GROUP)
    if not 1 <= number <= Aggregation.of(training).groups:
        raise EncodingError(_WHAT, f"there is no group {number}")
    return number


def divided(model: Vector, groups: int) -> tuple[Vector, Vector]:
    """Return the weights, float32 [d], and the groups' changes, float32 [groups, d].

    Raises:
        EncodingError: the model has another length.
    """
    size, rest = divmod(model.size, 1 + groups)
    if rest or not size:
        raise EncodingError("previous model", f"it has {model.size} parameters and no room for {groups} groups")
    return model[:size], model[size:].reshape(groups, size)


def keep_change(total: Sum, previous: Vector, config: RoundConfig) -> Vector:
    """Return the model with a group's mean change in its place, float32 [d + groups * d].

    Raises:
        EncodingError: the round is of no group, or the previous model has another length.
        SumOutOfBounds, NormExceeded, NonFinite: as `Sum.apply`.
    """
    number, groups = group_of(config.training), Aggregation.of(config.training).groups
    weights, changes = divided(previous, groups)
    if number is None:
        raise EncodingError(_WHAT, "a round under this rule is of a group, or a vote")
    if weights.size != total.words.size - LANES:
        raise EncodingError("previous model", f"it has {weights.size} weights")
    plain = replace(config, training={key: value for key, value in config.training.items() if key != ENTRY})
    kept = changes.copy()
    kept[number - 1] = total.apply(np.zeros_like(weights), plain)
    return np.concatenate([weights, kept.reshape(-1)])


def vote(previous: Vector, totals: Mapping[str, Entries], hospitals: int, settings: Mapping[str, JsonValue]) -> Vector:
    """Return weights plus the mean change of the groups that more than half of the hospitals accept; no changes behind.

    A change that is longer than the lower median of the accepted ones is shortened to it. Then the changes are added in
    the order of the groups, divided by their number, and added to the weights. Without an accepted group the weights
    keep their bits.
    """
    rule = VoteRule.from_dict(settings)
    weights, changes = divided(previous, rule.groups)
    accepted = [row for row, votes in zip(changes, totals["votes"], strict=True) if 2 * int(votes) > hospitals]
    model = np.concatenate([weights, np.zeros(changes.size, np.float32)])
    if accepted:
        norms = [_norm(row) for row in accepted]
        usual, change = sorted(norms)[(len(norms) - 1) // 2], np.zeros(weights.size, np.float64)
        for row, norm in zip(accepted, norms, strict=True):
            change += row if norm <= usual else row.astype(np.float64) * (usual / norm)
        change /= len(accepted)
        change += weights
        with np.errstate(over="ignore"):  # the caller finds what is not finite
            model[: weights.size] = change
    return model


def _norm(row: Vector) -> float:
    """Return the L2 norm of float32 [d]: squares and their sum in binary64, in the order of blockwise.py."""

    def squares(part: slice) -> float:
        values = row[part].astype(np.float64)
        return float(np.add.reduce(np.multiply(values, values, out=values)))

    return float(np.sqrt(summed(squares, row.size)))
