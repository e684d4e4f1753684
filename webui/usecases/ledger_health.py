"""The health of the ledger and of the site: how new, how complete, how fast, how much room.

Invariant: a part that does not answer is a fact like any other; it never hides the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from sqlalchemy import inspect, text

from fl.protocol.errors import HemaledgerError
from webui.ports.federation import AuditService
from webui.ports.health import Backup, Disk, HealthService, NodeAnswer
from webui.ports.ledger import History
from webui.store.database import Database

T = TypeVar("T")
LATE_S = 15 * 60
"""A head that is older than this on a chain with steady blocks deserves a look."""


@dataclass(frozen=True)
class LedgerHealth:
    """The state of the ledger, as this site sees it; None: it does not answer."""

    node: NodeAnswer | None
    records: int | None
    """How many records there are."""
    last_block: int | None
    last_at: int | None
    """Of the newest record."""
    gaps: tuple[str, ...]
    """What should be there and is not; each is a sentence."""
    vault_ms: float | None
    audited_at: int | None
    findings: int

    @property
    def lag(self) -> int | None:
        """Return how many blocks the newest record is behind the head."""
        if self.node is None or self.last_block is None:
            return None
        return max(self.node.head - self.last_block, 0)


@dataclass(frozen=True)
class SystemHealth:
    """The state of the site's own parts."""

    database_ms: float | None
    disks: Sequence[Disk]
    backups: Sequence[Backup]
    waiting_forms: int | None
    """Forms that are being handled now."""
    unsealed: int | None
    """Changes of consent that are not finished."""
    waiting_mail: int | None
    """Mails that wait for delivery; None if this site sends none."""


class Health:
    """Looks at every part once per call."""

    def __init__(self, audits: AuditService, probe: HealthService | None, database: Database) -> None:
        self._audits = audits
        self._probe = probe
        self._database = database

    def ledger(self) -> LedgerHealth:
        history = _unless_silent(self._audits.history)
        summary = _unless_silent(self._audits.findings)
        last = history.entries[-1] if history is not None and history.entries else None
        return LedgerHealth(
            node=_unless_silent(self._probe.node) if self._probe else None,
            records=len(history.entries) if history is not None else None,
            last_block=last.position.block if last else None,
            last_at=last.timestamp if last else None,
            gaps=gaps_of(history) if history is not None else (),
            vault_ms=_unless_silent(self._probe.vault_ms) if self._probe else None,
            audited_at=summary.checked_at if summary is not None else None,
            findings=len(summary.findings) + len(summary.alarms) if summary is not None else 0,
        )

    def system(self) -> SystemHealth:
        return SystemHealth(
            database_ms=_unless_silent(self._ask_database),
            disks=self._probe.disks() if self._probe else (),
            backups=self._probe.backups() if self._probe else (),
            waiting_forms=_unless_silent(lambda: self._count("handled_form", "outcome IS NULL")),
            unsealed=_unless_silent(lambda: self._count("consent_change", "NOT done")),
            waiting_mail=_unless_silent(self._mail),
        )

    def _ask_database(self) -> float:
        begun = time.perf_counter()
        self._count("account", "1 = 0")
        return 1000 * (time.perf_counter() - begun)

    def _mail(self) -> int | None:
        if not inspect(self._database.engine).has_table("mail"):
            return None
        return self._count("mail", "next_at IS NOT NULL")

    def _count(self, table: str, condition: str) -> int:
        with self._database.reading() as session:
            return int(session.scalar(text(f"SELECT count(*) FROM {table} WHERE {condition}")) or 0)  # noqa: S608 constants


def gaps_of(history: History) -> tuple[str, ...]:
    """Return what is missing: rounds, batches of roots, and blocks in the order of time."""
    found = []
    rounds = [each.number for each in history.federation.rounds]
    found += [f"rounds {before + 1} to {after - 1}" for before, after in _jumps(rounds)]
    names = history.federation.book.name_of
    for account, roots in history.federation.threshold.roots.items():
        jumps = _jumps([0, *(root.batch for root in roots)])
        found += [f"batches {before + 1} to {after - 1} of {names(account)}" for before, after in jumps]
    for earlier, later in pairwise(history.entries):
        if later.timestamp < earlier.timestamp:
            found.append(f"block {later.position.block} is older than block {earlier.position.block}")
    return tuple(found)


def _jumps(numbers: Sequence[int]) -> list[tuple[int, int]]:
    return [(one, two) for one, two in pairwise(numbers) if two != one + 1]


def _unless_silent(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except HemaledgerError:
        return None
