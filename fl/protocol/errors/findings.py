"""What a monitor finds and evidence shows: who broke which promise (PROTOCOL.md 8T.8).

Each leaf says only what its evidence shows. `who` is a member's name and role, `digest` a file or a record.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors.families import MalformedError, TamperedError


@dataclass(eq=False)
class EvidenceMalformed(MalformedError):
    """A file is not evidence."""

    why: str
    sentence = "This evidence cannot be read: {why}."


@dataclass(eq=False)
class EvidenceWeak(TamperedError):
    """A file of evidence does not show what it says."""

    why: str
    sentence = "This evidence does not hold: {why}."


@dataclass(eq=False)
class CheckpointForked(TamperedError):
    """One log, or one keeper and the ledger, give two histories."""

    who: str
    size: int
    sentence = "{who} vouched for two histories of the log: they differ within the first {size} records."


@dataclass(eq=False)
class CheckpointDisputed(TamperedError):
    """A member's own node gives another root than a checkpoint that the log signed."""

    who: str
    size: int
    sentence = "{who} says that the checkpoint of {size} records is not of the ledger that its own node shows."


@dataclass(eq=False)
class ChainForked(TamperedError):
    """Somebody signed two transactions, or sealed two blocks, of one number."""

    who: str
    number: int
    sentence = "{who} signed two histories of the chain: two different things with the number {number}."


@dataclass(eq=False)
class HistoryChanged(TamperedError):
    """The chain has other records than a member saw before, and nothing that is signed shows who did it."""

    number: int
    sentence = "The history of the ledger changed: record {number} is another one than this member saw before."


@dataclass(eq=False)
class LedgerReset(TamperedError):
    """An operator founded another consortium at the same addresses of a chain with the same id."""

    who: str
    digest: bytes
    sentence = "{who} reset the ledger: it founded another consortium, {digest}, at the same addresses."


@dataclass(eq=False)
class LedgerRolledBack(TamperedError):
    """The chain lost records that witnesses had replayed."""

    size: int
    found: int
    sentence = "The ledger was rolled back: the witnesses replayed {size} records, and a member then saw only {found}."


@dataclass(eq=False)
class TwoRoots(TamperedError):
    """A member gave two answers where the ledger takes one."""

    who: str
    number: int
    sentence = "{who} gave two different answers where the ledger takes one, for number {number}."


@dataclass(eq=False)
class CheckpointBackdated(TamperedError):
    """A witness cosigned with a time that cannot be right."""

    who: str
    size: int
    sentence = "{who} cosigned the checkpoint of {size} records with a time that cannot be right."


@dataclass(eq=False)
class RecordBackdated(TamperedError):
    """A block has an earlier time than the one at which it was made."""

    who: str
    block: int
    sentence = "The time of block {block} is wrong: {who} had not seen the block after that time."


@dataclass(eq=False)
class LogGap(TamperedError):
    """A node does not show records that witnesses replayed."""

    size: int
    found: int
    sentence = "Records are hidden: the witnesses replayed {size} records, but a member's node shows only {found}."


@dataclass(eq=False)
class FileWithheld(TamperedError):
    """A file that the ledger names is in no place where a member looks."""

    who: str
    digest: bytes
    sentence = "{who} recorded the file {digest}, but it cannot be had."


@dataclass(eq=False)
class LeftOut(TamperedError):
    """A round went on without a hospital that was ready for it."""

    who: str
    round: int
    sentence = "Round {round} left out {who}, although it was ready in time."


@dataclass(eq=False)
class InMyName(TamperedError):
    """Somebody else used a member's key, or spoke about a member."""

    who: str
    digest: bytes
    sentence = "{who} did not make the record {digest} that is in its name."
