"""A hospital takes itself, or rows of patients, out of the federation.

Invariant: the document is in the vault before the ledger names it; it names no patient.

Source: PROTOCOL.md 5X.
"""

from __future__ import annotations

from fl.protocol.names import Digest, StatementKind
from fl.protocol.records import StatementMade
from fl.protocol.withdrawal import Withdrawal
from fl.replay.ledger_view import Ports


def withdraw(ports: Ports, what: Withdrawal) -> Digest:
    """State a withdrawal for ever; return the digest of its document.

    Raises:
        StorageFull, UnavailableError: the vault or the chain; it may be repeated.
        ContractRefused: the ledger is older than version 1.3.0.
    """
    digest = ports.vault.put(what.to_bytes())
    ports.append(StatementMade(ports.ledger.account, 0, StatementKind.WITHDRAWAL, digest, what.what))
    return digest
