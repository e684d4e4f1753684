"""Who is in which group of the rule `voted`, and whose turn it is: from the ledger alone.

Invariant: nobody chooses. A cycle is one round of each group in order, then a vote of everybody. The deal follows from
the last round before the cycle, which nobody can undo, and from the hospitals that the cycle began with.

Source: PROTOCOL.md 5V.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.codec import Writer, sha256
from fl.protocol.errors import AggregationUnusable
from fl.protocol.federation import Federation, LedgerOpening
from fl.protocol.names import Address, Digest, Role
from fl.protocol.ports import Vault
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase, Round
from fl.replay.expected_files import digest_of, read_config
from fl.training.aggregation.choice import VOTED, Aggregation
from fl.training.aggregation.groups import VOTE, group_of
from fl.training.aggregation.work import SumSpec

Accounts = tuple[Address, ...]


@dataclass(frozen=True)
class Cycle:
    """The groups' rounds so far."""

    base: Round | LedgerOpening
    """The last final round before the cycle, or how the first ledger began."""
    groups: tuple[Round, ...]
    """The final rounds of groups since then."""

    @property
    def seed(self) -> Digest:
        """Return H("BAFL/1/groups" || context of the base[32] || digest of its model[32])."""
        return Writer("groups").raw(self.base.context, 32).raw(digest_of(self.base), 32).digest()


def cycle_before(federation: Federation, number: int, vault: Vault) -> Cycle:
    """Return the cycle to which round `number` belongs, as it was before that round.

    Raises:
        VaultMissing, HashMismatch, EncodingError: a configuration.
    """
    groups: list[Round] = []
    for each in reversed(federation.rounds):
        if each.number >= number or each.phase != Phase.FINAL:
            continue
        if group_of(read_config(each, vault).training) is None:
            return Cycle(each, tuple(reversed(groups)))
        groups.append(each)
    return Cycle(federation.openings[0], tuple(reversed(groups)))


def deal(seed: Digest, hospitals: Accounts, groups: int) -> tuple[Accounts, ...]:
    """Return the groups, each ascending: hospitals in the order of H(seed || account), dealt one by one."""
    order = sorted(hospitals, key=lambda account: sha256(seed + account))
    return tuple(tuple(sorted(order[place::groups])) for place in range(groups))


def members_of(federation: Federation, current: Round) -> Accounts:
    """Return all hospitals that could take part when a round opened: with a key, and readers of the model before."""
    readers, book = federation.source_of(current).keys, federation.book
    return tuple(sorted(each for each in current.keys if each in readers and book.members[each].role == Role.HOSPITAL))


def roster_of_group(federation: Federation, cycle: Cycle, current: Round, groups: int) -> Accounts:
    """Return who must be in the roster of an opened round of the cycle's next group."""
    began = members_of(federation, cycle.groups[0] if cycle.groups else current)
    return tuple(each for each in deal(cycle.seed, began, groups)[len(cycle.groups)] if each in current.keys)


def check_groups(federation: Federation, current: Round, config: RoundConfig, vault: Vault) -> None:
    """Check turn and roster of a round under the rule `voted`; other rounds pass.

    Raises:
        AggregationUnusable: another group's turn it is, somebody else is in the roster, or few votes would decide.
        VaultMissing, HashMismatch, EncodingError: an earlier configuration.
    """
    if not (is_vote(config) or is_group(config)):
        return
    groups = Aggregation.of(config.training).groups
    cycle = cycle_before(federation, current.number, vault)
    turn, number = len(cycle.groups) + 1, group_of(config.training) if is_group(config) else groups + 1
    if number != turn:
        why = f"round {current.number} is for {_named(number, groups)}, and it is the turn of {_named(turn, groups)}"
        raise AggregationUnusable(VOTED, why)
    if is_group(config):
        wanted = roster_of_group(federation, cycle, current, groups)
    else:
        wanted = members_of(federation, current)
    if current.roster != wanted:
        why = f"the roster of round {current.number} is not that of {_named(turn, groups)} as the ledger deals it"
        raise AggregationUnusable(VOTED, why)
    if is_vote(config) and 2 * current.terms.min_commitments <= len(current.roster):
        raise AggregationUnusable(VOTED, f"in round {current.number} less than half of the hospitals could vote")


def is_group(config: RoundConfig) -> bool:
    """Return whether a round sums one group."""
    return Aggregation.of(config.training).rule == VOTED and SumSpec.from_dict(config.training) is None


def is_vote(config: RoundConfig) -> bool:
    """Return whether a round decides about the groups."""
    spec = SumSpec.from_dict(config.training)
    return spec is not None and spec.rule == VOTE


def still_first(current: Round, vault: Vault) -> bool:
    """Return whether a round under `voted` left the first weights as they were: no vote came before it."""
    config = read_config(current, vault)
    if not is_group(config):
        return False
    earlier = (each for each in current.earlier if each.phase == Phase.FINAL)
    return not any(is_vote(read_config(each, vault)) for each in earlier)


def _named(number: int | None, groups: int) -> str:
    if number is None:
        return "no group"
    return "the vote" if number > groups else f"group {number}"
