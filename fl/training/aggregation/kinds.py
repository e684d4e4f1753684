"""Which kind of round a configuration means.

Invariant: the configuration alone decides. Hospitals, coordinator, auditors and audits take words, checks and the next
model from `work_of`, so a round means the same to all of them.

Source: PROTOCOL.md 5 (Update) and 5L.
"""

from __future__ import annotations

from fl.protocol.errors import EncodingError
from fl.protocol.rounds.config import RoundConfig
from fl.training.aggregation.choice import SCAFFOLD, VOTED, Aggregation
from fl.training.aggregation.groups import VOTE, VoteRule, group_of
from fl.training.aggregation.lane_work import Lanes
from fl.training.aggregation.quantise import grid_of
from fl.training.aggregation.rules import RULES
from fl.training.aggregation.trained_work import Controlled, Grouped, Training
from fl.training.aggregation.work import SumSpec, Work

_WHAT = "round configuration"


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
    if spec.plan.largest > grid_of(config).limit:
        why = f"the lanes of {config.roster} hospitals do not fit words of {config.word_bits} bits"
        raise EncodingError(_WHAT, why)
    return Lanes(config, spec.plan, RULES[spec.rule], spec.settings)


def _training_of(config: RoundConfig, fixed: int) -> Work:
    """Return the work of a round that trains; raise EncodingError if it names a group without the rule, or none."""
    rule, number = Aggregation.of(config.training).rule, group_of(config.training)
    if (number is None) == (rule == VOTED):
        raise EncodingError(_WHAT, f"the rule {rule} does not fit the group that it names")
    if rule == SCAFFOLD:
        return Controlled(config, fixed)
    return Grouped(config, fixed) if rule == VOTED else Training(config, fixed)
