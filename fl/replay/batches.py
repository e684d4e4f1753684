"""Expands what the coordinator recorded of a wide round into the records of the round.

Invariant: the result depends on ledger and file alone. A batch is accepted whole or not at all: its count, its root,
every signature and every rule of the round must fit.

Source: PROTOCOL.md 5W.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from fl.protocol.batches import OPENING_CAP, Batch, cap_of, parse_opening, record_of
from fl.protocol.errors import (
    BatchInvalid,
    EncodingError,
    MalformedError,
    RefusedError,
    TamperedError,
)
from fl.protocol.federation import Federation, fold
from fl.protocol.names import Address
from fl.protocol.ports import Endorser, Vault
from fl.protocol.records import (
    BatchRecord,
    Entry,
    ModelProposed,
    PhaseClosed,
    Record,
    RoundFinalised,
    RoundFrozen,
    StepsAnchored,
    UpdateCommitted,
    WideFinalised,
    WideOpening,
    WideProposed,
    WideRoundOpened,
    WideTerms,
)
from fl.protocol.rounds.round import Phase, Round, set_digest
from fl.replay.batch_checks import Claimed, check_batch
from fl.replay.cluster_batches import Clustered
from fl.replay.vault_files import read_document


@dataclass(frozen=True)
class Expanded:
    """What a record of a batch is to readers."""

    entries: list[Entry]
    federation: Federation
    """The ledger with these entries."""


def expand(
    raw: Entry, federation: Federation, vault: Vault, endorser: Endorser, viewer: Address | None = None
) -> Expanded:
    """Return the entries in place of `raw`, whose record is a BatchRecord; `federation` is the ledger before it.

    With a `viewer`, a round with clusters that opens here is seen by who looks at this account's cluster alone.

    Raises:
        VaultMissing, VaultUnavailable: its file is not there.
        BatchInvalid: its file breaks a rule.
    """
    record = raw.record
    if not isinstance(record, BatchRecord):
        raise EncodingError("ledger", "this record has no batch")
    phase = _phase(record)
    name = phase.name.lower() if phase else "opening"
    try:
        if isinstance(record, WideRoundOpened):
            records: list[Record] = [_opening(record, read_document(vault, record.file_digest, OPENING_CAP), viewer)]
        else:
            records = _records(record, phase, federation, vault, endorser)
        entries = [_entry(raw, each, place) for place, each in enumerate(records)]
        return Expanded(entries, fold(federation, entries))
    except (MalformedError, RefusedError, TamperedError) as error:
        raise BatchInvalid(record.round, name, str(error).rstrip(".")) from error


def _records(
    record: BatchRecord, phase: Phase | None, federation: Federation, vault: Vault, endorser: Endorser
) -> list[Record]:
    current = federation.active_round
    if current is None or current.wide is None or current.number != record.round or current.phase != phase:
        raise EncodingError("batch of steps", "the round is not in this phase")
    clustered = Clustered.of(current, phase, vault, endorser)
    if clustered is not None:
        return clustered.records(record)
    claimed = Claimed.of(record)
    data = read_document(vault, record.file_digest, cap_of(claimed.count, current, phase))
    batch = Batch.from_bytes(data, current.context, phase)
    check_batch(batch, claimed, current, endorser)
    steps = [record_of(each, phase, current.number) for each in batch.steps]
    return [*steps, *_closing(record, batch, current, steps)]


def _opening(record: WideRoundOpened, data: bytes, viewer: Address | None) -> WideOpening:
    found = parse_opening(data, record.roster_size)
    wide = WideTerms(record.degree, record.replayers, found.group_key, found.key_files, found.clusters)
    seen_by = viewer if found.clusters is not None else None
    return WideOpening(record.sender, record.round, record.terms, found.roster, record.previous_model, wide, seen_by)


def _closing(record: BatchRecord, batch: Batch, current: Round, steps: Sequence[Record]) -> Iterator[Record]:
    """Yield what ends the phase, by the coordinator; nothing in AGREE, which ends by itself."""
    going = tuple(sorted(batch.going))
    match record:
        case StepsAnchored(phase=Phase.MASK):
            yield frozen(record.sender, current, steps, going)
        case StepsAnchored(phase=Phase.ADVERTISE | Phase.SHARE | Phase.COMPLAIN):
            yield PhaseClosed(record.sender, record.round, record.phase, going)
        case WideProposed():
            yield ModelProposed(record.sender, record.round, record.model_digest, record.envelope_digest)
        case WideFinalised():
            yield RoundFinalised(record.sender, record.round, record.model_digest)
        case _:
            return


def frozen(sender: Address, current: Round, steps: Sequence[Record], hospitals: tuple[Address, ...]) -> RoundFrozen:
    """Return the freeze of a set; in a wide round no contract computes its digest, so every reader does."""
    made = {each.sender: each.digest for each in steps if isinstance(each, UpdateCommitted)}
    committed = replace(current, commitments=MappingProxyType(made))
    return RoundFrozen(sender, current.number, hospitals, set_digest(committed, hospitals))


def _phase(record: BatchRecord) -> Phase | None:
    match record:
        case WideProposed():
            return Phase.UNMASK
        case WideFinalised():
            return Phase.PROPOSED
        case StepsAnchored() if record.phase in set(Phase):
            return Phase(record.phase)
        case _:
            return None


def _entry(raw: Entry, record: Record, place: int) -> Entry:
    return replace(raw, record=record, position=replace(raw.position, part=place))
