"""Starts ceremonies: who deals follows from the kind and the ledger."""

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
"""People's machines are not always on."""


@dataclass(frozen=True)
class CeremonyPlan:
    """What a person says of a ceremony; the rest follows."""

    use: KeyUse
    kind: CeremonyKind
    trustees: tuple[str, ...] = ()
    """Names of the committee afterwards; empty: all active trustees, or in a refresh the same."""
    threshold: int | None = None
    """Two thirds, rounded up, unless given."""
    new_key: bool = False
    """Whether a key in force may be replaced by another one."""
    days: int = DEFAULT_DAYS
    step_s: int = STEP_S


def start_ceremony(ledger: Ledger, wish: CeremonyPlan) -> int:
    """Record the start of a ceremony and return its number.

    Raises:
        SettingInvalid: a name is no active trustee, or the kind does not fit what is said of a new key.
        RefusedError: the rules forbid it (PROTOCOL.md 9).
    """
    federation = LedgerView(ledger).refresh()
    _check_new_key(federation, wish)
    newest = federation.threshold.ceremony(wish.use)
    receivers, threshold = _committee(federation, wish)
    dealers = _dealers(federation, wish, receivers)
    number = newest.number + 1 if newest else 1
    record = CeremonyStarted(
        sender=ledger.account,
        key_use=wish.use,
        ceremony=number,
        kind=wish.kind,
        threshold=threshold,
        dealers=dealers,
        receivers=receivers,
        step_timeout=wish.step_s,
        expires_at=now() + wish.days * DAY_S,
    )
    ledger.append(record)
    return number


def two_thirds(count: int) -> int:
    """Return ⌈2·count/3⌉, and at least 2."""
    return max(2, -(-2 * count // 3))


def _check_new_key(federation: Federation, wish: CeremonyPlan) -> None:
    """Raise SettingInvalid when a key would be replaced by accident, or kept though a new one was asked for."""
    if wish.kind in KEEPS_KEY and wish.new_key:
        raise SettingInvalid("new-key", f"a {wish.kind.name.lower()} keeps the key that is in force")
    if wish.kind in KEEPS_KEY or wish.new_key or federation.threshold.in_force(wish.use) is None:
        return
    raise SettingInvalid(
        "new-key",
        f"there is a key for {wish.use.name.lower()} already. A new one leaves it behind: its committee opens what was "
        "sealed to it until its shares expire, and gets no new ones. New shares of the same key come with --kind "
        "refresh or reshare. If a new key is meant, add --new-key",
    )


def _committee(federation: Federation, wish: CeremonyPlan) -> tuple[tuple[Address, ...], int]:
    if wish.kind == CeremonyKind.REFRESH:
        committee = federation.threshold.committee(wish.use)
        return committee.members, committee.threshold
    receivers = _trustees(federation.book, wish.trustees)
    return receivers, wish.threshold or two_thirds(len(receivers))


def _dealers(federation: Federation, wish: CeremonyPlan, receivers: tuple[Address, ...]) -> tuple[Address, ...]:
    book = federation.book
    if wish.kind == CeremonyKind.DEALER:
        return tuple(member.account for member in book.having(Role.OPERATOR))
    if wish.kind == CeremonyKind.RESHARE:
        members = federation.threshold.committee(wish.use).members
        return tuple(account for account in members if not book.members[account].revoked)
    return receivers


def _trustees(book: KeyBook, names: Sequence[str]) -> tuple[Address, ...]:
    active = {member.name: member.account for member in book.having(Role.TRUSTEE) if member.key}
    for name in names:
        if name not in active:
            raise SettingInvalid("trustee", f"{name!r} is no active trustee with a key; see the list of members")
    return tuple(sorted(active[name] for name in names or active))
