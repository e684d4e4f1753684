"""Starts ceremonies. The kind and the ledger decide who the dealers are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fl.protocol.errors import SettingInvalid
from fl.protocol.federation import Federation
from fl.protocol.keys.ceremony import KEEPS_KEY
from fl.protocol.keys.members import KeyBook
from fl.protocol.names import Address, CeremonyKind, KeyUse, Role
from fl.protocol.ports import Ledger
from fl.protocol.records import CeremonyStarted
from fl.protocol.steps import DAY_S
from fl.replay.ledger_view import LedgerView
from scripts.wiring.clock import now
from scripts.wiring.options import DEFAULT_DAYS

STEP_S = DAY_S
"""Seconds for each step. They are many, because trustees' machines are not always on."""


@dataclass(frozen=True)
class CeremonyPlan:
    """The choices of the operator. Everything else follows from the ledger."""

    use: KeyUse
    kind: CeremonyKind
    trustees: tuple[str, ...] = ()
    """Names of the new committee; empty: all active trustees. A refresh keeps its committee."""
    threshold: int | None = None
    """None: two thirds, rounded up."""
    new_key: bool = False
    """Whether another key may replace the key in force."""
    days: int = DEFAULT_DAYS
    step_s: int = STEP_S


def start_ceremony(ledger: Ledger, plan: CeremonyPlan) -> int:
    """Record the start of a ceremony and return its number.

    Raises:
        SettingInvalid: a name is not an active trustee's, or the kind and `new_key` contradict each other.
        RefusedError: the rules forbid it (PROTOCOL.md 9).
    """
    federation = LedgerView(ledger).refresh()
    _check_new_key(federation, plan)
    newest = federation.threshold.ceremony(plan.use)
    receivers, threshold = _committee(federation, plan)
    dealers = _dealers(federation, plan, receivers)
    number = newest.number + 1 if newest else 1
    record = CeremonyStarted(
        sender=ledger.account,
        key_use=plan.use,
        ceremony=number,
        kind=plan.kind,
        threshold=threshold,
        dealers=dealers,
        receivers=receivers,
        step_timeout=plan.step_s,
        expires_at=now() + plan.days * DAY_S,
    )
    ledger.append(record)
    return number


def two_thirds(count: int) -> int:
    """Return ⌈2·count/3⌉, and at least 2."""
    return max(2, -(-2 * count // 3))


def _check_new_key(federation: Federation, plan: CeremonyPlan) -> None:
    """Raise SettingInvalid if the plan replaces a key without `new_key`, or keeps it despite `new_key`."""
    if plan.kind in KEEPS_KEY and plan.new_key:
        raise SettingInvalid("new-key", f"a {plan.kind.name.lower()} keeps the key that is in force")
    if plan.kind in KEEPS_KEY or plan.new_key or federation.threshold.in_force(plan.use) is None:
        return
    raise SettingInvalid(
        "new-key",
        f"there is already a key for {plan.use.name.lower()}. For new shares of it, use --kind refresh or reshare. "
        "To replace it by another key, add --new-key. The old committee can then open only older files, and only until "
        "its shares expire",
    )


def _committee(federation: Federation, plan: CeremonyPlan) -> tuple[tuple[Address, ...], int]:
    if plan.kind == CeremonyKind.REFRESH:
        committee = federation.threshold.committee(plan.use)
        return committee.members, committee.threshold
    receivers = _trustees(federation.book, plan.trustees)
    return receivers, plan.threshold or two_thirds(len(receivers))


def _dealers(federation: Federation, plan: CeremonyPlan, receivers: tuple[Address, ...]) -> tuple[Address, ...]:
    book = federation.book
    if plan.kind == CeremonyKind.DEALER:
        return tuple(member.account for member in book.having(Role.OPERATOR))
    if plan.kind == CeremonyKind.RESHARE:
        members = federation.threshold.committee(plan.use).members
        return tuple(account for account in members if not book.members[account].revoked)
    return receivers


def _trustees(book: KeyBook, names: Sequence[str]) -> tuple[Address, ...]:
    active = {member.name: member.account for member in book.having(Role.TRUSTEE) if member.key}
    for name in names:
        if name not in active:
            raise SettingInvalid(
                "trustee", f"{name!r} is not an active trustee with a key; see `hemaledger consortium members`"
            )
    return tuple(sorted(active[name] for name in names or active))
