"""Starts ceremonies: who deals and receives follows from the ledger."""

from __future__ import annotations

from collections.abc import Sequence

from fl.protocol.ceremony import Committee
from fl.protocol.keys import KeyBook
from fl.protocol.names import Address, CeremonyKind, KeyUse, Role
from fl.protocol.ports import Ledger
from fl.protocol.records import CeremonyStarted
from fl.roles.view import LedgerView
from scripts._wiring import now

DEFAULT_DAYS = 365
STEP_S = 24 * 3600
"""People's machines are not always on."""
DAY_S = 24 * 3600


def in_days(days: int) -> int:
    """Return the time in so many days, seconds since 1970."""
    return now() + days * DAY_S
