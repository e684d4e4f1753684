"""The checks of a file of steps against what the ledger, or the index of its clusters, says of it.

Source: PROTOCOL.md 5W.2.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.batches import Batch, Step, statement
from fl.protocol.errors import EncodingError, SignatureInvalid
from fl.protocol.names import Digest
from fl.protocol.ports import Endorser
from fl.protocol.records import BatchRecord, StepsAnchored, WideRoundOpened
from fl.protocol.rounds.round import Phase, Round


@dataclass(frozen=True)
class Claimed:
    """What somebody says of the steps in a file."""

    count: int
    going: int
    root: Digest

    @classmethod
    def of(cls, record: BatchRecord) -> Claimed:
        """Return what the ledger says; EncodingError for the record of an opening, which has no steps."""
        if isinstance(record, WideRoundOpened):
            raise EncodingError("ledger", "the opening of a round has no steps")
        return cls(record.count, record.going if isinstance(record, StepsAnchored) else record.count, record.root)


def check_batch(batch: Batch, claimed: Claimed, current: Round, endorser: Endorser) -> None:
    """Raise EncodingError or SignatureInvalid unless the numbers, the root and all signatures fit."""
    if (len(batch.steps), len(batch.going)) != (claimed.count, claimed.going):
        raise EncodingError("batch of steps", "it has another number of steps than the ledger says")
    if batch.root != claimed.root:
        raise EncodingError("batch of steps", "its root is not the one on the ledger")
    for step in batch.steps:
        check_step(step, batch.phase, current, endorser)


def check_step(step: Step, phase: Phase, current: Round, endorser: Endorser) -> None:
    """Raise SignatureInvalid unless the step's own account signed it."""
    if endorser.step_signer(statement(current, phase, step.body), step.signature) != step.account:
        raise SignatureInvalid(f"another account signed the step of 0x{step.account.hex()}")
