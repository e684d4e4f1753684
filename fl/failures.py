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
    HemaledgerError,
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
    UpdateUnusable,
    WrongPhase,
    WrongRole,
    WrongRound,
)
from fl.protocol.keys.members import KeyBook
from fl.protocol.names import Address
from fl.protocol.rounds.round import Round

MISSED_DEADLINE = (DeadlinePassed, WrongPhase, WrongRound)
"""The round went on without this member."""

ALREADY_RECORDED = (DuplicateAttestation, DuplicateCommitment, DuplicateStep)
"""The ledger took this step already and the reader does not show it yet, as after a transaction that timed out. Another
record than the promised one shows itself later, as HashMismatch."""

FATAL = (
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

ROUND_ONLY = (RefusedError, TamperedError, MalformedError)
"""Anything else in these families is what others made of a round: it ends this round here, and no process."""


def reason_of(error: HemaledgerError, current: Round, book: KeyBook) -> str:
    """Return an error as `Name: sentence`; what is wrong with an update also names its hospital."""
    if not isinstance(error, UpdateUnusable):
        return f"{error.name}: {error}"
    what = "masked update" if current.masked else "update"
    return f"{error.cause.name}: {error.cause} (the {what} of {book.name_of(Address(error.hospital))})"


def refusal_of(error: UpdateUnusable, book: KeyBook) -> str:
    """Return why an update was refused, for the ledger: the name of what is wrong with it, and its hospital."""
    return f"{error.cause.name}: the update of {book.name_of(Address(error.hospital))} was refused"
