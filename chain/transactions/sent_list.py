"""The hashes of all transactions that this program signed for an account, so that a monitor knows its own ones.

Layout: one line for each transaction, `NONCE HASH` (decimal, 64 hexadecimal digits), in a file that only grows. Each
begins with a newline, so that one that a crash or a full disk cut spoils no other. The first line says from which
number on the list is complete: earlier ones are of another folder, or of an earlier version. A restored member begins a
new list, because backups leave it out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fl.protocol.errors import refused_write

NAME = "sent.list"
OWNER_ONLY = 0o600
_LINE = re.compile(rb"^([0-9]{1,20}) ([0-9a-f]{64})$", re.MULTILINE)


@dataclass(frozen=True)
class OwnTransactions:
    """What this program sent for an account."""

    first: int | None
    """From this number on the list is complete; None: it never sent anything."""
    hashes: frozenset[bytes]

    def lacks(self, transaction_hash: bytes, nonce: Callable[[], int]) -> bool:
        """Return whether the list would have this transaction if this program had signed it, and has not.

        `nonce` returns the transaction's number; it is asked only if the list does not have the hash.
        """
        return self.first is not None and transaction_hash not in self.hashes and nonce() >= self.first


def note(folder: Path, nonce: int, transaction_hash: bytes) -> None:
    """Add a transaction durably, or raise StorageFull if the disk refuses."""
    path = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, OWNER_ONLY), "ab") as file:
            file.write(f"\n{nonce} {transaction_hash.hex()}".encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise refused_write(str(path), error) from error


def read(folder: Path) -> OwnTransactions:
    """Return what was noted; a line that a crash cut is skipped, because its transaction was not sent."""
    try:
        whole = _LINE.findall((folder / NAME).read_bytes())
    except FileNotFoundError:
        whole = []
    hashes = frozenset(bytes.fromhex(digits.decode()) for _, digits in whole)
    return OwnTransactions(int(whole[0][0]) if whole else None, hashes)
