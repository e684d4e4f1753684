"""Which errors end a process, and which only a hospital's part in one round.

Invariant: what another member records, and what lies in the vault, ends nobody's process; what says that this account,
this disk or this chain contradicts itself does.

Source: PROTOCOL.md 5 (What stops a hospital).
"""

from __future__ import annotations

from fl.protocol.errors import (
    ChainReorg,
    ContractRefused,
    DatasetUnusable,
    DeadlinePassed,
    DuplicateAttestation,
    DuplicateCommitment,
    DuplicateStep,
    EquivocationDetected,
    HashMismatch,
    ImageUnreadable,
    LedgerClosed,
    MalformedError,
    MaskReuse,
    RecordForged,
    RefusedError,
    RevealConflict,
    RevokedSender,
    SenderMismatch,
    TamperedError,
    UnknownSender,
    WrongPhase,
    WrongRole,
    WrongRound,
)

LATE = (DeadlinePassed, WrongPhase, WrongRound)
"""The round went on without this member."""

TAKEN = (DuplicateAttestation, DuplicateCommitment, DuplicateStep)
"""The ledger took this step already and the reader does not show it yet, as after a transaction that timed out. Another
record than the promised one shows itself later, as HashMismatch."""

OWN_FAULT = (
    ChainReorg,
    ContractRefused,
    DatasetUnusable,
    EquivocationDetected,
    HashMismatch,
    ImageUnreadable,
    LedgerClosed,
    MaskReuse,
    RecordForged,
    RevealConflict,
    RevokedSender,
    SenderMismatch,
    UnknownSender,
    WrongRole,
)
"""The own commitment, set, data, account or chain is not what it should be: nothing more is sent, in any round.

Another's file with the wrong bytes is no HashMismatch here but a missing file (documents.Awaited).
"""

CONTENT = (RefusedError, TamperedError, MalformedError)
"""Anything else in these families is what others made of a round: it ends this round here, and no process."""
