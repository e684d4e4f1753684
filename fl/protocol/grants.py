"""Grants: who can open a model that was not sealed to them, because a reader sealed its content key to them later.

Invariant: a grant counts only if its sender could open that model itself. So a chain of grants begins with a reader of
the model's own file. The contract cannot see this; the fold keeps every grant, and an audit reports those that do not
count.

Source: PROTOCOL.md 4 (Grants); contracts/ledger/FederationLedger.sol (grantModel).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fl.protocol.codec import Writer
from fl.protocol.errors import DuplicateStep, KeyEpochMismatch, ModelDigestMismatch, WrongPhase, WrongRole
from fl.protocol.keys.members import KeyBook, MemberKey
from fl.protocol.names import Address, Digest, Role
from fl.protocol.opening import LedgerOpening
from fl.protocol.records import Entry, ModelGranted, Position
from fl.protocol.rounds.round import Round

MODEL_READERS = (Role.COORDINATOR, Role.HOSPITAL, Role.AUDITOR)
"""Who may open a global model, and grant it."""


Source = Round | LedgerOpening
"""Where a model comes from: a final round, or how a ledger began."""


@dataclass(frozen=True)
class Model:
    """The model in force when it was granted.

    Attributes:
        digest: Of the model.
        envelope: Of its file.
        number: Of the round that made it; of the last round before, for a model with which a ledger opened.
        source: That round, or that opening.
    """

    digest: Digest
    envelope: Digest
    number: int
    source: Source


def model_of(source: Source) -> Model:
    """Return the model of a round or of an opening, or raise WrongPhase if the round proposed none."""
    if isinstance(source, LedgerOpening):
        record = source.record
        return Model(record.model_digest, record.envelope_digest, record.last_round, source)
    proposal = source.proposal
    if proposal is None:
        raise WrongPhase(source.number, source.phase)
    return Model(proposal.model_digest, proposal.envelope_digest, source.number, source)


@dataclass(frozen=True)
class Grant:
    """One grant, with what its envelope is bound to."""

    record: ModelGranted
    model: Model
    reader_key: MemberKey
    sender_key: MemberKey | None
    """The sender's newest key at that moment; without one it could not have opened the model."""
    entry: Entry | None = None
    """None before it is on the ledger."""
    counts: bool = False
    """Whether the sender could open the model itself."""

    @property
    def context(self) -> bytes:
        """Return the context of its envelope, 32 bytes.

        SHA-256(`grant` ‖ context of the model's file[32] ‖ its digest[32] ‖ model digest[32] ‖ reader[20] ‖ epoch u32 ‖
        key[65]).
        """
        model, key = self.model, self.reader_key
        writer = Writer("grant").raw(model.source.context, 32).raw(model.envelope, 32).raw(model.digest, 32)
        return writer.raw(self.record.reader, 20).u32(key.epoch).raw(key.public_key, 65).digest()


def planned(record: ModelGranted, model: Model, book: KeyBook) -> Grant:
    """Return the grant that `record` will be, as far as its envelope depends on it; its digest may still be missing."""
    key = book.members[record.reader].key
    if key is None:
        raise KeyEpochMismatch(0, record.epoch)
    return Grant(record, model, key, book.members[record.sender].key)


@dataclass(frozen=True)
class Grants:
    """Every grant, in ledger order."""

    made: tuple[Grant, ...] = ()

    def of(self, digest: Digest, before: Position | None = None) -> Iterator[Grant]:
        """Yield the grants of a model that count, those made before a record if one is named."""
        for grant in self.made:
            timely = before is None or (grant.entry is not None and grant.entry.position < before)
            if grant.counts and timely and grant.record.model_digest == digest:
                yield grant

    def readers(self, digest: Digest, source: Source, before: Position | None = None) -> frozenset[Address]:
        """Return the accounts that can open a model: those its file is sealed to, and those with a grant."""
        return frozenset(source.keys) | {grant.record.reader for grant in self.of(digest, before)}

    def advance(self, entry: Entry, record: ModelGranted, model: Model, book: KeyBook) -> Grants:
        """Return the grants after a `record` of a sender who may read models, or raise the rule's RefusedError."""
        if record.model_digest != model.digest:
            raise ModelDigestMismatch(model.digest, record.model_digest)
        check_reader(record.reader, book)
        key = book.members[record.reader].key
        if key is None or record.epoch != key.epoch:
            raise KeyEpochMismatch(key.epoch if key else 0, record.epoch)
        if any(_same(grant.record, record) for grant in self.made):
            raise DuplicateStep(record.sender)
        able = record.sender in self.readers(model.digest, model.source) and record.sender != record.reader
        grant = planned(record, model, book)
        counts = able and grant.sender_key is not None
        return Grants((*self.made, replace(grant, entry=entry, counts=counts)))


def check_reader(account: Address, book: KeyBook) -> None:
    """Raise UnknownSender, RevokedSender or WrongRole unless an account may read global models."""
    if book.active(account).role not in MODEL_READERS:
        raise WrongRole(account)


def _same(one: ModelGranted, other: ModelGranted) -> bool:
    return (one.sender, one.reader, one.epoch, one.model_digest) == (
        other.sender,
        other.reader,
        other.epoch,
        other.model_digest,
    )
