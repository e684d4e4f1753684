"""A hospital takes itself, or rows of patients, out of the federation.

Invariant: rows are gone before anything is stated, and a removal is stated once, also after a crash between the two.
The document is in the vault before the ledger names it; it names no patient.

Source: PROTOCOL.md 5X.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fl.protocol.codec import sha256
from fl.protocol.federation import Federation
from fl.protocol.names import Digest, StatementKind
from fl.protocol.records import StatementMade
from fl.protocol.withdrawal import HOSPITAL, Withdrawal
from fl.replay.ledger_view import Ports


@dataclass(frozen=True)
class Removal:
    """Rows that are gone, and whose they were."""

    what: Withdrawal
    persons: tuple[str, ...]
    """As the hospital's own data name them, sorted."""


class OwnRows(Protocol):
    """The hospital's own data, and what was taken out of them."""

    def waiting(self) -> Removal | None:
        """Return the removal that was not stated yet; its rows are gone by then."""
        ...

    def last(self) -> Removal | None:
        """Return the newest removal that was stated."""
        ...

    def has(self, persons: Sequence[str]) -> bool:
        """Return whether any of them has a row here; raise DatasetUnusable."""
        ...

    def remove(self, persons: Sequence[str], since: int) -> Removal:
        """Take persons' rows out.

        Raises:
            SettingInvalid: a person has no row here, or no row would be left.
            DatasetUnusable: the data are damaged.
            StorageFull: the rest could not be written; nothing was deleted.
        """
        ...

    def stated(self, digest: Digest) -> None:
        """Note durably that the waiting removal was stated, in the document with this digest."""
        ...


def withdraw(ports: Ports, what: Withdrawal) -> Digest:
    """State a withdrawal for ever; return the digest of its document.

    Raises:
        StorageFull, UnavailableError: the vault or the chain; it may be repeated.
        ContractRefused: the ledger is older than version 1.3.0.
    """
    digest = ports.vault.put(what.to_bytes())
    ports.append(StatementMade(ports.ledger.account, 0, StatementKind.WITHDRAWAL, digest, what.what))
    return digest


def withdraw_itself(ports: Ports, federation: Federation) -> Digest:
    """State once that this hospital takes itself back; raises as `withdraw`."""
    what = Withdrawal(HOSPITAL, 1)
    return sha256(what.to_bytes()) if _is_stated(ports, federation, what) else withdraw(ports, what)


def withdraw_rows(
    ports: Ports, federation: Federation, rows: OwnRows, persons: Sequence[str], since: int
) -> tuple[Withdrawal, Digest]:
    """Take persons' rows out and state it; a removal that was not stated comes first. It may be repeated.

    Raises:
        SettingInvalid, DatasetUnusable: as `OwnRows.remove`.
        StorageFull, UnavailableError, ContractRefused: as `withdraw`.
    """
    wanted = tuple(sorted(set(persons)))
    waiting = rows.waiting()
    if waiting is not None:
        _state(ports, federation, rows, waiting)
    last = rows.last()
    if last is None or last.persons != wanted or rows.has(wanted):
        last = rows.remove(wanted, since)
        _state(ports, federation, rows, last)
    return last.what, sha256(last.what.to_bytes())


def _state(ports: Ports, federation: Federation, rows: OwnRows, removal: Removal) -> None:
    digest = sha256(removal.what.to_bytes())
    if not _is_stated(ports, federation, removal.what):
        withdraw(ports, removal.what)
    rows.stated(digest)


def _is_stated(ports: Ports, federation: Federation, what: Withdrawal) -> bool:
    """Return whether this hospital stated this withdrawal; of rows each has its own salt."""
    digest, own = sha256(what.to_bytes()), ports.ledger.account
    made = (each for _, each in federation.stated(StatementKind.WITHDRAWAL))
    return any(each.sender == own and each.digest == digest for each in made)
