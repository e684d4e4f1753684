"""Checks whether a round's rule of aggregation can work in this round, before anybody trains for it.

Source: PROTOCOL.md 5 (Update).
"""

from __future__ import annotations

from fl.protocol.errors import AggregationUnusable
from fl.protocol.names import Protection
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Round
from fl.training.aggregation.choice import VOTED, Aggregation
from fl.training.aggregation.groups import VOTE
from fl.training.aggregation.quantise import body_bytes
from fl.training.aggregation.robust import MEMORY_CAP
from fl.training.aggregation.work import SumSpec
from fl.training.model.weights import Manifest


def check_aggregation(current: Round, config: RoundConfig) -> None:
    """Check a round against its configuration.

    Raises:
        AggregationUnusable: the rule must see each update or vote and the round is masked, or the updates need too much
            memory.
        EncodingError: the rule is unknown, or its settings are wrong.
    """
    spec = SumSpec.from_dict(config.training)
    if spec is not None and spec.rule == VOTE and current.masked:
        why = "in a masked round one hospital could vote many times unseen; use a sealed round"
        raise AggregationUnusable(VOTE, why)
    choice = Aggregation.of(config.training)
    _check_seen(choice, current.terms.protection)
    if choice.visible:
        _check_memory(config, len(current.roster), current.terms.parameters)


def check_planned(config: RoundConfig, protection: Protection, hospitals: int, manifest: Manifest) -> None:
    """Check a configuration before a round is opened with it.

    Raises:
        AggregationUnusable: as `check_aggregation`; or there are too few hospitals for the rule, or the model does not
            have the state that the rule keeps.
    """
    choice = Aggregation.of(config.training)
    check_rule(choice, protection, hospitals)
    if choice.visible:
        _check_memory(config, hospitals, manifest.weights)
    if manifest.state != choice.state:
        has = " and ".join(manifest.state) or "no state of a server's optimiser"
        why = f"the models of this ledger carry {has}, and the rule needs {' and '.join(choice.state) or 'none'}"
        raise AggregationUnusable(choice.rule, f"{why}; keep the rule with which the federation began")


def check_fits(config: RoundConfig, hospitals: int) -> None:
    """Check before a round is opened that the sums of its lanes cannot overflow; a training always fits.

    Raises:
        AggregateOverflow: the words have no room for so many hospitals.
        EncodingError: the lanes cannot be read.
    """
    spec = SumSpec.from_dict(config.training)
    if spec is not None:
        spec.plan.check_fits(config.word_bits, hospitals)


def check_rule(choice: Aggregation, protection: Protection, hospitals: int) -> None:
    """Check a rule before anything is founded for it.

    Raises:
        AggregationUnusable: it must see each update and rounds are masked, or there are too few hospitals for it.
    """
    _check_seen(choice, protection)
    if hospitals < choice.fewest:
        what = f"with {choice.groups} groups" if choice.rule == VOTED else f"against {choice.attackers} attackers"
        why = f"{what} it needs {choice.fewest} hospitals, and there are {hospitals}"
        raise AggregationUnusable(choice.rule, why)


def _check_seen(choice: Aggregation, protection: Protection) -> None:
    if choice.visible and protection != Protection.SEALED:
        why = "it looks at each update, and a masked round shows only their sum; use a sealed round"
        raise AggregationUnusable(choice.rule, why)


def _check_memory(config: RoundConfig, hospitals: int, weights: int) -> None:
    choice = Aggregation.of(config.training)
    size = hospitals * body_bytes(weights, config.word_bits)
    if size > MEMORY_CAP:
        raise AggregationUnusable(choice.rule, f"the updates have {size} bytes in all, and at most {MEMORY_CAP} fit")
