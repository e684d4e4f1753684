"""Who is in which group of the rule `voted`, and whose turn it is: from the ledger alone.

Invariant: nobody chooses. A cycle is one round of each group in order, then a vote of everybody. The deal follows from
the last round before the cycle, which nobody can undo, and from the hospitals that the cycle began with. A cycle whose
next group has lost too many hospitals ends, and the next round begins another one.

Source: PROTOCOL.md 5V.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace

from fl.protocol.branch import Branch
from fl.protocol.codec import Writer, sha256
from fl.protocol.errors import AggregationUnusable
from fl.protocol.federation import Federation, LedgerOpening
from fl.protocol.names import Address, Digest, Role
from fl.protocol.ports import Vault
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.rounds.rules import MIN_MASKED
from fl.replay.branches import branch_before, withdrawn
from fl.replay.round_documents import digest_of, read_config
from fl.replay.trained_rounds import check_recipe
from fl.training.aggregation.choice import VOTED, Aggregation
from fl.training.aggregation.groups import MARGIN, VOTE, VoteRule, group_of
from fl.training.aggregation.work import SumSpec

Accounts = tuple[Address, ...]


@dataclass(frozen=True)
class Cycle:
    """The groups' rounds so far."""

    base: Round | LedgerOpening
    """The last final round before the cycle, or how the first ledger began."""
    groups: tuple[Round, ...] = ()
    """The final rounds of groups since then."""
    branch: Branch | None = None
    """The branch in which it is."""
    began: int = 0
    """The newest round before the branch."""

    @property
    def seed(self) -> Digest:
        """Return H("BAFL/1/groups" || context of the base[32] || digest of its model[32]).

        In a branch it is H("BAFL/1/branchgroups" || base of the branch[32] || place of the cycle's base u64 || digest
        of its model[32]), so that who has the entry deals the same groups on any ledger.
        """
        if self.branch is None:
            return Writer("groups").raw(self.base.context, 32).raw(digest_of(self.base), 32).digest()
        place = max(self.base.number - self.began, 0) if isinstance(self.base, Round) else 0
        return Writer("branchgroups").raw(self.branch.base, 32).u64(place).raw(digest_of(self.base), 32).digest()


def cycle_before(federation: Federation, number: int, branch: Branch | None, vault: Vault) -> Cycle:
    """Return the cycle to which round `number` belongs, as it was before that round; a branch begins with a new one.

    Args:
        federation: The ledger.
        number: Of the round, or of the next one.
        branch: The round's entry.
        vault: Where configurations are.

    Raises:
        VaultMissing, HashMismatch, EncodingError: a configuration.
    """
    began, base = branch_before(federation, number)
    last = began.number if began is not None else 0
    groups: list[Round] = []
    ended = False
    for each in reversed(federation.rounds):
        if each.number >= number or each.phase != Phase.FINAL:
            continue
        if each.number <= last:
            break
        group = group_of(read_config(each, vault).training)
        if ended or group is None:
            return Cycle(each, tuple(reversed(groups)), branch, last)
        groups.append(each)
        ended = group == 1
    return Cycle(base, tuple(reversed(groups)), branch, last)


def continued(cycle: Cycle, began: Accounts, present: Container[Address], groups: int, fewest: int) -> Cycle:
    """Return the cycle, or a new one behind its last round if its next group has fewer than `fewest` hospitals left.

    Args:
        cycle: From `cycle_before`.
        began: The hospitals that it began with.
        present: Who has a key now.
        groups: G.
        fewest: See `fewest_of`.
    """
    done = len(cycle.groups)
    if not 0 < done < groups or sum(each in present for each in deal(cycle.seed, began, groups)[done]) >= fewest:
        return cycle
    return replace(cycle, base=cycle.groups[-1], groups=())


def fewest_of(*, masked: bool) -> int:
    """Return how many hospitals a group's round needs."""
    return MIN_MASKED if masked else 1


def deal(seed: Digest, hospitals: Accounts, groups: int) -> tuple[Accounts, ...]:
    """Return the groups, each ascending: hospitals in the order of H(seed || account), dealt one by one."""
    order = sorted(hospitals, key=lambda account: sha256(seed + account))
    return tuple(tuple(sorted(order[place::groups])) for place in range(groups))


def members_of(federation: Federation, current: Round) -> Accounts:
    """Return all hospitals that could take part when a round opened.

    They have a key, are readers of the model before, and have not taken themselves back.
    """
    book = federation.book
    readers = federation.readers_before(current) - withdrawn(federation, current.opened.position)
    return tuple(sorted(each for each in current.keys if each in readers and book.members[each].role == Role.HOSPITAL))


def check_groups(federation: Federation, current: Round, config: RoundConfig, vault: Vault) -> None:
    """Check turn, roster and recipe of a round under the rule `voted`; other rounds pass.

    Raises:
        AggregationUnusable: another group's turn it is, somebody else is in the roster, few votes would decide, or the
            groups were trained, or are judged, by other settings.
        VaultMissing, HashMismatch, EncodingError: an earlier configuration.
    """
    if not (is_vote(config) or is_group(config)):
        return
    groups, everybody = Aggregation.of(config.training).groups, members_of(federation, current)
    cycle = cycle_before(federation, current.number, Branch.of(config.training), vault)
    began = members_of(federation, cycle.groups[0]) if cycle.groups else everybody
    cycle = continued(cycle, began, current.keys, groups, fewest_of(masked=current.masked))
    turn, number = len(cycle.groups) + 1, group_of(config.training) if is_group(config) else groups + 1
    if number != turn:
        why = f"round {current.number} is for {_named(number, groups)}, and it is the turn of {_named(turn, groups)}"
        raise AggregationUnusable(VOTED, why)
    wanted = everybody
    if is_group(config):
        dealt = deal(cycle.seed, began if cycle.groups else everybody, groups)[turn - 1]
        wanted = tuple(each for each in dealt if each in current.keys)
    if current.roster != wanted:
        why = f"the roster of round {current.number} is not that of {_named(turn, groups)} as the ledger deals it"
        raise AggregationUnusable(VOTED, why)
    for each in cycle.groups:
        check_recipe(current, config, each, vault)
    if is_vote(config):
        _check_vote(current, config, groups)


def _check_vote(current: Round, config: RoundConfig, groups: int) -> None:
    spec = SumSpec.from_dict(config.training)
    if spec is not None and VoteRule.from_dict(spec.settings) != VoteRule(groups):
        why = f"round {current.number} does not accept a loss that is {MARGIN} higher, but has a margin of its own"
        raise AggregationUnusable(VOTED, why)
    if 2 * current.terms.min_commitments <= len(current.roster):
        raise AggregationUnusable(VOTED, f"in round {current.number} less than half of the hospitals could vote")


def is_group(config: RoundConfig) -> bool:
    """Return whether a round sums one group."""
    return Aggregation.of(config.training).rule == VOTED and SumSpec.from_dict(config.training) is None


def is_vote(config: RoundConfig) -> bool:
    """Return whether a round decides about the groups."""
    spec = SumSpec.from_dict(config.training)
    return spec is not None and spec.rule == VOTE


def _named(number: int | None, groups: int) -> str:
    if number is None:
        return "no group"
    return "the vote" if number > groups else f"group {number}"
