"""Says with whom a coordinator could begin, whom it waits for, and why: a deadlock that nobody names lasts for ever."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from fl.protocol.federation import Federation
from fl.protocol.names import Address, Role
from fl.replay.branches import withdrawn
from fl.roles.coordinator.drop_outs import named


def why_not_open(federation: Federation, fewest: int) -> str:
    """Return why the federation cannot open yet: too few hospitals with a key, or no auditor with one."""
    book = federation.book
    with_key = [each.account for each in book.having(Role.HOSPITAL) if each.key is not None]
    without = [each.account for each in book.having(Role.HOSPITAL) if each.key is None]
    reason = f"the first round needs {fewest} hospitals that have a key, and {len(with_key)} have one"
    reason += f" ({named(book, with_key)})" if with_key else ""
    reason += f"; without a key: {named(book, without)}" if without else ""
    if not any(each.key is not None for each in book.having(Role.AUDITOR)):
        reason += "; it also needs an auditor that has a key"
    return reason


def why_no_round(
    federation: Federation, roster: Collection[Address], fewest: int, suspects: Mapping[Address, str]
) -> str:
    """Return why too few hospitals could take part in the next round; `suspects`: whom auditors named, and why."""
    book = federation.book
    reason = f"{len(roster)} hospitals could take part, and the next round needs {fewest}"
    reason += f" ({named(book, roster)})" if roster else ""
    left = withdrawn(federation)
    others = [each for each in book.having(Role.HOSPITAL) if each.account not in {*roster, *left}]
    keyless = [each.account for each in others if each.key is None]
    blind = [each.account for each in others if each.key is not None and each.account not in suspects]
    named_ones = [f"{book.name_of(who)}: {why}" for who, why in suspects.items() if who not in keyless]
    reason += f"; left the federation: {named(book, sorted(left))}" if left else ""
    reason += f"; without a key: {named(book, keyless)}" if keyless else ""
    reason += f"; cannot open the current model yet: {named(book, blind)}" if blind else ""
    reason += f"; left out until an auditor lifts it: {', '.join(named_ones)}" if named_ones else ""
    return reason
