"""Checks that rounds and ceremonies share: lengths, ascending sets, complaints about sealed shares.

Invariant: ISteps.sol and Complaints.sol refuse the same records with the same errors.

Source: PROTOCOL.md 5, phase 2b, and 9.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from fl.protocol.errors import LengthInvalid, SetMismatch
from fl.protocol.names import ADDRESS_BYTES, Address

DAY_S = 24 * 3600
MAX_STEP_TIMEOUT_S = 30 * DAY_S
POINT_BYTES = 33
COMPLAINT_BYTES = 117
"""dealer[20] ‖ dh[33] ‖ DLEQ proof[64]."""


def check_length(field: bytes, expected: int) -> None:
    """Raise LengthInvalid unless a field has the length that the terms imply, in bytes."""
    if len(field) != expected:
        raise LengthInvalid(expected, len(field))


def check_ascending(accounts: Iterable[Address], among: Collection[Address]) -> None:
    """Raise SetMismatch for the first account that breaks the ascending order or is not an allowed one."""
    allowed, previous = frozenset(among), b""
    for account in accounts:
        if account <= previous or account not in allowed:
            raise SetMismatch(account)
        previous = account


def check_complaints(record: bytes, dealers: Collection[Address]) -> None:
    """Raise LengthInvalid for a partial complaint, SetMismatch unless the accused are some of `dealers`, ascending."""
    check_length(record, len(record) // COMPLAINT_BYTES * COMPLAINT_BYTES)
    check_ascending((dealer for dealer, _ in complaints_of(record)), dealers)


def complaints_of(record: bytes) -> list[tuple[Address, bytes]]:
    """Split recorded complaints into pairs of dealer and complaint (97 bytes)."""
    parts = [record[at : at + COMPLAINT_BYTES] for at in range(0, len(record), COMPLAINT_BYTES)]
    return [(Address(part[:ADDRESS_BYTES]), part[ADDRESS_BYTES:]) for part in parts]
