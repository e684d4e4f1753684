"""Who cosigns the log now, and how far each witness is behind.

Invariant: a cosignature counts only if it verifies under the key that an active member stated on the ledger. What a
witness cosigned is compared with the checkpoints that keepers recorded there; whether these are right themselves is
for who replays the chain (witnessing.py).

Source: PROTOCOL.md 8T.3 and 8T.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from fl.crypto import note_keys
from fl.proofs.trusting import keys_of, quorum_of
from fl.protocol.errors import ProofMalformed
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Role, StatementKind
from fl.protocol.records import CheckpointAnchored
from fl.protocol.tlog.checkpoint import Checkpoint, origin_of, parse_checkpoint
from fl.protocol.tlog.notes import Note, SignatureLine, VerifierKey, cosigned_at, log_signed

GRACE_S = 600
"""A witness has so long to cosign a new checkpoint before it counts as behind."""
SILENT_S = 86_400
"""A witness that lacks a checkpoint of this age is silent; one that never cosigned is so after GRACE_S."""


class Cosigning(Enum):
    """What a person should know about a witness."""

    COSIGNS = "cosigns"
    BEHIND = "behind"
    SILENT = "silent"
    DISAGREES = "disagrees"
    """It cosigned another root than the ledger records, or two roots of one size."""


@dataclass(frozen=True)
class WitnessNow:
    """One witness now."""

    account: Address
    name: str
    role: Role
    size: int | None
    """Of the largest checkpoint that it cosigned, as far as was seen here; None: it cosigned none."""
    at: int | None
    """When it cosigned that one, as it says, in seconds since 1970."""
    entries: int
    """How many entries the newest checkpoint has more."""
    seconds: int
    """How long the ledger has had a checkpoint that it did not cosign; 0 if there is none."""
    state: Cosigning | None
    """None before the first checkpoint."""


@dataclass(frozen=True)
class LogNow:
    """The log, its newest checkpoint, and its witnesses."""

    at: int
    """Seconds since 1970."""
    keepers: tuple[str, ...]
    """Names."""
    checkpoint: Checkpoint | None
    """The newest one."""
    made_at: int | None
    """When it was recorded on the ledger, in seconds since 1970; None if it was not."""
    witnesses: tuple[WitnessNow, ...]
    """By name."""
    quorum: int
    """So many must cosign a checkpoint."""

    @property
    def cosigners(self) -> tuple[WitnessNow, ...]:
        """Return who cosigned the newest checkpoint, or one of the same history that has more entries."""
        if self.checkpoint is None:
            return ()
        good = (each for each in self.witnesses if each.state != Cosigning.DISAGREES)
        return tuple(each for each in good if each.size is not None and each.size >= self.checkpoint.size)

    @property
    def cosigned_at(self) -> int | None:
        """Return when the last of them cosigned; None if nobody did."""
        return max((each.at for each in self.cosigners if each.at is not None), default=None)

    @property
    def met(self) -> bool:
        """Return whether enough witnesses cosigned the newest checkpoint."""
        return self.checkpoint is not None and len(self.cosigners) >= self.quorum


@dataclass(frozen=True)
class _Recorded:
    """A checkpoint on the ledger."""

    checkpoint: Checkpoint
    sender: Address
    at: int


def log_now(federation: Federation, notes: Iterable[Note], at: int) -> LogNow:
    """Return the state of the log and of its witnesses.

    Args:
        federation: The ledger, folded.
        notes: Checkpoints with cosignatures, as far as this machine has seen any; what is not of this log is ignored.
        at: The present, in seconds since 1970.
    """
    keepers, logs = keys_of(federation, StatementKind.LOG)
    accounts, keys = keys_of(federation, StatementKind.WITNESS)
    seen = list(_of_log(federation, notes))
    lines = _by_key(seen)
    recorded = list(_recorded(federation))
    kept = [each for each in recorded if each.sender in keepers]
    newest, made_at = _newest(kept, seen, logs)
    stated = {record.sender: entry.timestamp for entry, record in federation.stated(StatementKind.WITNESS)}
    witnesses = [
        _witness(federation, account, _cosigned(lines, key), (recorded, kept), newest, max(at - stated[account], 0), at)
        for account, key in zip(accounts, keys, strict=True)
    ]
    return LogNow(
        at,
        tuple(federation.book.name_of(each) for each in keepers),
        newest,
        made_at,
        tuple(sorted(witnesses, key=lambda each: (each.name, each.account))),
        quorum_of(federation),
    )


def _of_log(federation: Federation, notes: Iterable[Note]) -> Iterator[tuple[Checkpoint, Note]]:
    origin = origin_of(federation.anchor.consortium)
    for note in notes:
        try:
            checkpoint = parse_checkpoint(note.text)
        except ProofMalformed:
            continue
        if checkpoint.origin == origin:
            yield checkpoint, note


def _recorded(federation: Federation) -> Iterator[_Recorded]:
    origin = origin_of(federation.anchor.consortium)
    for entry in federation.checkpoints.made.values():
        if isinstance(entry.record, CheckpointAnchored):
            found = Checkpoint(origin, entry.record.size, entry.record.root)
            yield _Recorded(found, entry.record.sender, entry.timestamp)


def _newest(
    kept: Sequence[_Recorded], seen: Sequence[tuple[Checkpoint, Note]], logs: Sequence[VerifierKey]
) -> tuple[Checkpoint | None, int | None]:
    """Return the newest checkpoint of today's keepers on the ledger; without one, the newest that a log signed."""
    if kept:
        newest = max(kept, key=lambda each: each.checkpoint.size)
        return newest.checkpoint, newest.at
    signed = [
        checkpoint
        for checkpoint, note in seen
        if any(log_signed(line, key, note.text, note_keys.verify) for line in note.lines for key in logs)
    ]
    return max(signed, key=lambda each: each.size, default=None), None


_Lines = dict[tuple[str, bytes], list[tuple[Checkpoint, Note, SignatureLine]]]
"""(Name, id of a key) -> what lines say that it signed, unverified."""


def _by_key(seen: Sequence[tuple[Checkpoint, Note]]) -> _Lines:
    found: _Lines = {}
    for checkpoint, note in seen:
        for line in note.lines:
            found.setdefault((line.name, line.key_id), []).append((checkpoint, note, line))
    return found


def _cosigned(lines: _Lines, key: VerifierKey) -> dict[Checkpoint, int]:
    """Return what a witness cosigned, with the newest time of each."""
    found: dict[Checkpoint, int] = {}
    for checkpoint, note, line in lines.get((key.name, key.id), []):
        time = cosigned_at(line, key, note.text, note_keys.verify)
        if time is not None:
            found[checkpoint] = max(time, found.get(checkpoint, 0))
    return found


def _witness(
    federation: Federation,
    account: Address,
    cosigned: dict[Checkpoint, int],
    recorded: tuple[Sequence[_Recorded], Sequence[_Recorded]],
    newest: Checkpoint | None,
    age: int,
    at: int,
) -> WitnessNow:
    """Return a witness; `recorded`: of all keepers ever, and of today's; `age`: of its key, in seconds."""
    member = federation.book.members[account]
    largest = max(cosigned, key=lambda each: each.size, default=None)
    size = largest.size if largest else 0
    lacks = [each.at for each in recorded[1] if each.checkpoint.size > size]
    seconds = min(max(at - min(lacks), 0), age) if lacks else 0
    return WitnessNow(
        account,
        member.name,
        member.role,
        largest.size if largest else None,
        cosigned[largest] if largest else None,
        max(newest.size - size, 0) if newest else 0,
        seconds,
        None if newest is None else _state(cosigned, recorded[0], newest, seconds),
    )


def _state(
    cosigned: dict[Checkpoint, int], recorded: Sequence[_Recorded], newest: Checkpoint, seconds: int
) -> Cosigning:
    known = {each.checkpoint for each in recorded} or {newest}
    first, last = (pick(each.size for each in known) for pick in (min, max))
    sizes = [each.size for each in cosigned]
    if len(set(sizes)) < len(sizes) or any(each not in known and first <= each.size <= last for each in cosigned):
        return Cosigning.DISAGREES
    if seconds > (SILENT_S if cosigned else GRACE_S):
        return Cosigning.SILENT
    behind = seconds > GRACE_S or not cosigned or (not recorded and max(sizes) < newest.size)
    return Cosigning.BEHIND if behind else Cosigning.COSIGNS
