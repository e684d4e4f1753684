"""The fold of the whole ledger: members, keys, threshold keys, models and rounds.

Invariant: only records that the rules allow, in ledger order, lead to a `Federation`. The coordinator folds them live;
an auditor later folds the same list with the same function.

Source: PROTOCOL.md 5S and 8; contracts/ledger/FederationLedger.sol.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from fl.protocol.anchored import KEEPERS
from fl.protocol.errors import (
    EncodingError,
    FederationAlreadyOpened,
    FederationNotOpened,
    LedgerClosed,
    ModelDigestMismatch,
    NotInRoster,
    PredecessorMismatch,
    RoundStillOpen,
    WrongPhase,
    WrongRole,
    WrongRound,
)
from fl.protocol.federation_state import Federation as Federation  # noqa: PLC0414 - others know it from here
from fl.protocol.grants import check_reader
from fl.protocol.keys.members import KeyBook, MemberKey, PossessionDomain
from fl.protocol.names import NO_ADDRESS, Address, Protection, Role, StatementKind
from fl.protocol.opening import LedgerOpening as LedgerOpening  # noqa: PLC0414 - others know it from here
from fl.protocol.opening import genesis_context as genesis_context  # noqa: PLC0414
from fl.protocol.records import (
    BatchRecord,
    CheckpointAnchored,
    ConsortiumFounded,
    Entry,
    FederationOpened,
    KeyRecord,
    LedgerHandedOver,
    MemberRecord,
    MemberRevoked,
    ModelGranted,
    ModelReverted,
    OperatorChanged,
    RoundOpened,
    RoundRecord,
    SideRecord,
    StatementMade,
    SuccessionRecord,
    WideOpening,
)
from fl.protocol.rounds.clusters import seen
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.rounds.rules import advance, check_sender, check_terms
from fl.protocol.statements import MAY_STATE


def fold(federation: Federation, entries: Iterable[Entry]) -> Federation:
    """Return the federation after `entries`, or raise the RefusedError of the first entry that the rules forbid."""
    for entry in entries:
        federation = step(federation, entry)
    return federation


def step(federation: Federation, entry: Entry) -> Federation:
    if federation.position is not None and entry.position <= federation.position:
        raise EncodingError("ledger", "its records are out of order")
    record = entry.record
    if isinstance(record, KeyRecord):
        changed = _advance_authority(federation, entry, record)
    else:
        _check_contract(federation, entry)
        if isinstance(record, FederationOpened):
            changed = _open_federation(federation, entry, record)
        elif isinstance(record, SideRecord):
            changed = _beside(federation, entry, record)
        elif isinstance(record, BatchRecord):
            raise EncodingError("ledger", "a batch of steps was not expanded")
        elif isinstance(record, RoundOpened):
            changed = _open_round(federation, entry, record)
        else:
            changed = _advance_round(federation, entry, record)
    return replace(changed, position=entry.position)


def _advance_authority(federation: Federation, entry: Entry, record: KeyRecord) -> Federation:
    anchor, book = federation.anchor, federation.book
    if entry.contract != anchor.authority:
        raise EncodingError("ledger", "a record of the key authority comes from another contract")
    if isinstance(record, SuccessionRecord):
        succession = federation.succession.advance(entry, record, book)
        book = book.appoint(record.sender) if isinstance(record, OperatorChanged) else book
        return replace(federation, book=book, succession=succession)
    if not isinstance(record, MemberRecord):
        return replace(federation, threshold=federation.threshold.advance(entry, record, book, anchor))
    if isinstance(record, ConsortiumFounded) and record.consortium != anchor.consortium:
        raise EncodingError("ledger", "its key authority belongs to another consortium")
    book = book.advance(record, PossessionDomain(anchor.chain_id, anchor.authority), federation.verify)
    if isinstance(record, MemberRevoked):
        federation = replace(federation, succession=federation.succession.after_revocation(entry.timestamp))
    return replace(federation, book=book)


def _check_contract(federation: Federation, entry: Entry) -> None:
    """Raise LedgerClosed for a record of a closed ledger, EncodingError for one of a foreign contract."""
    ledgers = [opening.anchor.contract for opening in federation.openings]
    if federation.successor is not None:
        ledgers = [*(ledgers or [federation.anchor.contract]), federation.successor]
    if entry.contract in ledgers[:-1]:
        raise LedgerClosed(ledgers[ledgers.index(entry.contract) + 1])
    if ledgers and entry.contract != ledgers[-1]:
        raise EncodingError("ledger", "a record comes from a contract that is not this consortium's ledger")


def _beside(federation: Federation, entry: Entry, record: SideRecord) -> Federation:
    """Return the federation after a record beside its rounds."""
    match record:
        case ModelGranted():
            return _grant(federation, entry, record)
        case StatementMade():
            return _state(federation, entry, record)
        case CheckpointAnchored():
            return _anchor_checkpoint(federation, entry, record)
        case ModelReverted():
            return _revert(federation, entry, record)
        case LedgerHandedOver():
            return _hand_over(federation, entry, record)


def _grant(federation: Federation, entry: Entry, record: ModelGranted) -> Federation:
    book = federation.book
    check_reader(record.sender, book)
    if federation.successor is not None or not federation.openings:
        raise FederationNotOpened
    return replace(federation, grants=federation.grants.advance(entry, record, federation.model, book))


def _anchor_checkpoint(federation: Federation, entry: Entry, record: CheckpointAnchored) -> Federation:
    if federation.book.active(record.sender).role not in KEEPERS:
        raise WrongRole(record.sender)
    return replace(federation, checkpoints=federation.checkpoints.advance(entry, record))


def _revert(federation: Federation, entry: Entry, record: ModelReverted) -> Federation:
    federation.book.active(record.sender, Role.COORDINATOR)
    if federation.successor is not None or not federation.openings:
        raise FederationNotOpened
    if federation.active_round is not None:
        raise RoundStillOpen(federation.active_round.number)
    if record.round > federation.last_round:
        raise WrongRound(federation.last_round, record.round)
    back = federation.lineage.reversion(entry, record, federation.anchor)
    return replace(federation, reverted=(*federation.reverted, back))


def _hand_over(federation: Federation, entry: Entry, record: LedgerHandedOver) -> Federation:
    federation.book.active(record.sender, Role.OPERATOR)
    if federation.active_round is not None:
        raise RoundStillOpen(federation.active_round.number)
    if record.successor in (NO_ADDRESS, entry.contract):
        raise PredecessorMismatch
    if federation.successor is not None:
        raise FederationNotOpened
    return replace(federation, anchor=replace(federation.anchor, contract=entry.contract), successor=record.successor)


def _state(federation: Federation, entry: Entry, record: StatementMade) -> Federation:
    if federation.book.active(record.sender).role not in MAY_STATE[record.kind]:
        raise WrongRole(record.sender)
    if record.kind == StatementKind.DECLINE:
        here = [each for each in federation.rounds[-1:] if each.anchor.contract == entry.contract]
        last = federation.last_round if federation.successor is None else 0
        if record.round != last:
            raise WrongRound(last, record.round)
        if not here or here[0].ended:
            raise WrongPhase(record.round, here[0].phase if here else Phase.NONE)
        if record.sender not in here[0].roster and here[0].wide is None:  # the contract knows no wide roster
            raise NotInRoster(record.sender)
    return replace(federation, statements=(*federation.statements, entry))


def _advance_round(federation: Federation, entry: Entry, record: RoundRecord) -> Federation:
    if federation.rounds and federation.rounds[-1].anchor.contract == entry.contract:
        changed = advance(federation.rounds[-1], entry, federation.book)
        return replace(federation, rounds=(*federation.rounds[:-1], changed))
    check_sender(record, federation.book)
    last_round = federation.last_round if federation.successor is None else 0
    if record.round != last_round:
        raise WrongRound(last_round, record.round)
    raise WrongPhase(record.round, Phase.NONE)


def _open_federation(federation: Federation, entry: Entry, record: FederationOpened) -> Federation:
    federation.book.active(record.sender, Role.COORDINATOR)
    if federation.successor is not None:
        expected = (federation.anchor.contract, federation.last_round, federation.model_digest)
        manifest = federation.opening.record.manifest_digest
        same = expected == (record.predecessor, record.last_round, record.model_digest)
        if not same or manifest != record.manifest_digest:
            raise PredecessorMismatch
    elif federation.openings:
        raise FederationAlreadyOpened
    elif record.predecessor != NO_ADDRESS or record.last_round != 0:
        raise PredecessorMismatch
    anchor = replace(federation.anchor, contract=entry.contract)
    opening = LedgerOpening(record, entry, anchor, _active_keys(federation.book))
    return replace(federation, anchor=anchor, openings=(*federation.openings, opening), successor=None)


def _open_round(federation: Federation, entry: Entry, record: RoundOpened) -> Federation:
    book = federation.book
    check_sender(record, book)
    if federation.successor is not None:
        raise FederationNotOpened
    model = federation.model_digest
    if federation.active_round is not None:
        raise RoundStillOpen(federation.active_round.number)
    if record.round != federation.last_round + 1:
        raise WrongRound(federation.last_round + 1, record.round)
    if record.previous_model != model:
        raise ModelDigestMismatch(model, record.previous_model)
    check_terms(record, entry.timestamp)
    for account in record.roster:
        member = book.members.get(account)
        gone = member is None or (member.revoked and not isinstance(record, WideOpening))
        if member is None or gone or member.role != Role.HOSPITAL or member.key is None:
            raise NotInRoster(account)
    opened = Round(
        number=record.round,
        terms=record.terms,
        roster=record.roster,
        previous_model=record.previous_model,
        opener=record.sender,
        anchor=federation.anchor,
        opened=entry,
        keys=_keys_of(record, book),
        phase=Phase.OPEN if record.terms.protection == Protection.SEALED else Phase.ADVERTISE,
        phase_since=entry.timestamp,
        sharers=record.roster,
        last=entry,
        wide=record.wide if isinstance(record, WideOpening) else None,
        viewer=record.viewer if isinstance(record, WideOpening) else None,
        before=federation.rounds[-1] if federation.rounds else None,
    )
    return replace(federation, rounds=(*federation.rounds, replace(opened, sharers=seen(opened))))


def _keys_of(record: RoundOpened, book: KeyBook) -> Mapping[Address, MemberKey]:
    """Return the keys of a round: of all active members, and of its roster, which may have been revoked just before."""
    roster = {account: book.members[account].key for account in record.roster}
    return MappingProxyType({account: key for account, key in roster.items() if key} | dict(_active_keys(book)))


def _active_keys(book: KeyBook) -> Mapping[Address, MemberKey]:
    members = book.members.values()
    return MappingProxyType({member.account: member.key for member in members if member.key and not member.revoked})
