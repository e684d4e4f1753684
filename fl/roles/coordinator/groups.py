"""What the next round is: with the rule `voted`, of a group that the ledger deals, or a vote; else as planned.

Source: PROTOCOL.md 5V.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fl.protocol.branch import Branch
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Protection
from fl.protocol.ports import Vault
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Round
from fl.replay.branches import next_branch
from fl.replay.round_documents import read_config
from fl.replay.round_groups import continued, cycle_before, deal, fewest_of, is_group, members_of
from fl.replay.trained_rounds import is_calibration, newest_training
from fl.roles.coordinator.plan import Plan, masked_threshold
from fl.training.aggregation.choice import Aggregation
from fl.training.aggregation.groups import GROUP, VOTE, VoteRule, vote_plan
from fl.training.aggregation.work import SumSpec, without_sum


@dataclass(frozen=True)
class NextRound:
    """One round to open."""

    config: RoundConfig
    roster: tuple[Address, ...]
    protection: Protection
    fewest: int
    """A round with fewer updates is aborted."""
    why: str = ""
    """Why a cycle ended before its vote, for people; empty in any other round."""

    @property
    def threshold(self) -> int:
        """Return t, which is 0 in a sealed round."""
        return masked_threshold(len(self.roster)) if self.protection == Protection.MASKED else 0


def next_round(
    plan: Plan, config: RoundConfig, federation: Federation, roster: tuple[Address, ...], vault: Vault
) -> NextRound:
    """Return the round that follows.

    Args:
        plan: The coordinator's.
        config: What the plan has next.
        federation: The ledger.
        roster: All active hospitals that can read the current model, ascending; enough for the plan's rule.
        vault: Where earlier configurations are.
    """
    number = federation.last_round + 1
    if not is_group(config):
        training = newest_training(federation, number, vault) if is_calibration(config) else None
        return NextRound(_with_recipe(config, training, vault), roster, plan.protection, plan.min_commitments)
    branch = next_branch(federation, vault) or Branch.of(config.training)
    groups, before = Aggregation.of(config.training).groups, cycle_before(federation, number, branch, vault)
    began = members_of(federation, before.groups[0]) if before.groups else roster
    cycle = continued(before, began, roster, groups, fewest_of(masked=plan.protection == Protection.MASKED))
    config = _with_recipe(config, cycle.groups[0] if cycle.groups else None, vault)
    turn = len(cycle.groups) + 1
    if turn > groups:
        return NextRound(_vote(config, groups), roster, Protection.SEALED, max(plan.min_commitments, _majority(roster)))
    dealt = deal(cycle.seed, began if cycle.groups else roster, groups)[turn - 1]
    present = tuple(each for each in dealt if each in roster)
    fewest, why = min(plan.min_commitments, len(present)), ""
    if before.groups and not cycle.groups:
        why = f"group {len(before.groups) + 1} has too few hospitals left, so all are dealt into groups again"
    config = replace(config, training={**config.training, GROUP: turn})
    return NextRound(config, present, plan.protection, fewest, why)


def _with_recipe(config: RoundConfig, training: Round | None, vault: Vault) -> RoundConfig:
    """Return the configuration with the recipe of an earlier round, if there is one, in place of the plan's."""
    if training is None:
        return config
    spec, recipe = SumSpec.from_dict(config.training), without_sum(read_config(training, vault).training)
    return replace(config, training={**recipe, **(spec.to_dict() if spec else {})})


def _vote(config: RoundConfig, groups: int) -> RoundConfig:
    spec = SumSpec(vote_plan(groups), VOTE, VoteRule(groups).to_dict())
    return replace(config, training={**config.training, **spec.to_dict()})


def _majority(roster: tuple[Address, ...]) -> int:
    return len(roster) // 2 + 1
