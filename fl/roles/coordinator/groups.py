"""What the next round is: with the rule `voted`, of a group that the ledger deals, or a vote; else as planned.

Source: PROTOCOL.md 5V.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fl.protocol.federation import Federation
from fl.protocol.names import Address, Protection
from fl.protocol.ports import Vault
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.rules import MIN_MASKED
from fl.replay.round_groups import cycle_before, deal, is_group, members_of
from fl.roles.coordinator.plan import Plan, masked_threshold
from fl.training.aggregation.choice import Aggregation
from fl.training.aggregation.groups import GROUP, VOTE, VoteRule, vote_plan
from fl.training.aggregation.work import SumSpec


@dataclass(frozen=True)
class NextRound:
    """One round to open."""

    config: RoundConfig
    roster: tuple[Address, ...]
    protection: Protection
    fewest: int
    """A round with fewer updates is aborted."""

    @property
    def threshold(self) -> int:
        """Return t, which is 0 in a sealed round."""
        return masked_threshold(len(self.roster)) if self.protection == Protection.MASKED else 0


def next_round(
    plan: Plan, config: RoundConfig, federation: Federation, roster: tuple[Address, ...], vault: Vault
) -> NextRound | None:
    """Return the round that follows; None while the group whose turn it is has too few hospitals for its protection.

    Args:
        plan: The coordinator's.
        config: What the plan has next.
        federation: The ledger.
        roster: All active hospitals that can read the current model, ascending.
        vault: Where earlier configurations are.
    """
    if not is_group(config):
        return NextRound(config, roster, plan.protection, plan.min_commitments)
    groups, cycle = Aggregation.of(config.training).groups, cycle_before(federation, federation.last_round + 1, vault)
    if len(cycle.groups) == groups:
        return NextRound(_vote(config, groups), roster, Protection.SEALED, max(plan.min_commitments, _majority(roster)))
    began = members_of(federation, cycle.groups[0]) if cycle.groups else roster
    dealt = tuple(each for each in deal(cycle.seed, began, groups)[len(cycle.groups)] if each in roster)
    if len(dealt) < (MIN_MASKED if plan.protection == Protection.MASKED else 1):
        return None
    training = {**config.training, GROUP: len(cycle.groups) + 1}
    return NextRound(replace(config, training=training), dealt, plan.protection, min(plan.min_commitments, len(dealt)))


def _vote(config: RoundConfig, groups: int) -> RoundConfig:
    spec = SumSpec(vote_plan(groups), VOTE, VoteRule(groups).to_dict())
    return replace(config, training={**config.training, **spec.to_dict()})


def _majority(roster: tuple[Address, ...]) -> int:
    return len(roster) // 2 + 1
