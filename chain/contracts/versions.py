"""Which version of the ledger's contract takes which record.

Source: contracts/ledger/FederationLedger.sol; artifacts.EARLIER.
"""

from __future__ import annotations

from chain.contracts.lookup import ask
from chain.rpc.node import Node
from fl.protocol.errors import LedgerOutdated
from fl.protocol.names import Address, StatementKind
from fl.protocol.records import CheckpointAnchored, ModelReverted, Record, StatementMade

WITH_CHECKPOINTS = "1.3.0"


def needed_by(record: Record) -> str | None:
    """Return the version of the ledger since which it takes such a record; None for records of every version.

    Records that came with earlier versions are refused with the words of who makes them.
    """
    newer = isinstance(record, StatementMade) and record.kind >= StatementKind.OPENED
    return WITH_CHECKPOINTS if newer or isinstance(record, CheckpointAnchored | ModelReverted) else None


def check_version(node: Node, ledger: Address, record: Record) -> None:
    """Raise LedgerOutdated if a ledger is too old for a record.

    Raises:
        ChainUnavailable, WrongChain: as lookup.ask.
    """
    needed = needed_by(record)
    if needed is None:
        return
    actual = str(ask(node, ledger, "version", "string"))
    if _numbers(actual) < _numbers(needed):
        raise LedgerOutdated(actual, needed)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
