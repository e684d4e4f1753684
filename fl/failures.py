"""Which errors end a process, and which end only a hospital's part in one round.

Invariant: another member's record or a file in the vault never ends a process. Evidence that this account, disk or
chain contradicts itself does.

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
    FolderCopied,
    HashMismatch,
    HemaledgerError,
    ImageUnreadable,
    LedgerClosed,
    MalformedError,
    MaskReuse,
    NetworkChanged,
    NetworkMissing,
    NetworkNotAllowed,
    NetworkUnusable,
    PretrainedChanged,
    PretrainedMissing,
    RecordForged,
    RefusedError,
    RevealConflict,
    RevokedSender,
    SenderMismatch,
    TamperedError,
    UnknownSender,
    UpdateUnusable,
    WeightsFileMissing,
    WeightsFileUnusable,
    WrongPhase,
    WrongRole,
    WrongRound,
)
from fl.protocol.keys.members import KeyBook
from fl.protocol.names import Address
from fl.protocol.rounds.round import Round

MISSED_DEADLINE = (DeadlinePassed, WrongPhase, WrongRound)
"""The round continued without this member."""

ALREADY_RECORDED = (DuplicateAttestation, DuplicateCommitment, DuplicateStep)
"""The ledger has this step already, but the reader does not show it yet, for example after a transaction timed out.
If the ledger has another record than the promised one, HashMismatch shows it later."""

FATAL = (
    ChainReorg,
    ContractRefused,
    DatasetUnusable,
    EquivocationDetected,
    FolderCopied,
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
"""This member's own commitment, set, data, account or chain is wrong: the agent sends nothing more, in any round.

Another member's file with wrong bytes counts as a missing file, not as HashMismatch (vault_files.Awaited).
"""

NOT_READY = (
    NetworkChanged,
    NetworkMissing,
    NetworkNotAllowed,
    NetworkUnusable,
    PretrainedChanged,
    PretrainedMissing,
    WeightsFileMissing,
    WeightsFileUnusable,
)
"""This process cannot build the network that a round names: it says once what to do, and waits for the next round.

Nothing of it is journalled, so that after a restart with what was missing the member takes part in the same round.
"""

ROUND_ONLY = (RefusedError, TamperedError, MalformedError)
"""Other members caused all other errors of these families: they end this member's round, but not the process."""


def reason_of(error: HemaledgerError, current: Round, book: KeyBook) -> str:
    """Return an error as `Name: sentence`; an error in an update also names its hospital."""
    if not isinstance(error, UpdateUnusable):
        return f"{error.name}: {error}"
    what = "masked update" if current.masked else "update"
    return f"{error.cause.name}: {error.cause} (the {what} of {book.name_of(Address(error.hospital))})"


def refusal_of(error: UpdateUnusable, book: KeyBook) -> str:
    """Return why an update was refused, for the ledger: the error's name and the hospital."""
    return f"{error.cause.name}: the update of {book.name_of(Address(error.hospital))} was refused"
