"""Connects the log, its keys and its proofs to a run's folder, its chain and its members."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fl.protocol.codec import sha256
from fl.protocol.errors import CheckpointEarly, ProofMalformed, SettingInvalid
from fl.protocol.names import StatementKind
from fl.protocol.records import CheckpointAnchored, StatementMade
from fl.protocol.tlog.checkpoint import log_key, parse_checkpoint, witness_key
from fl.protocol.tlog.notes import NOTE_CAP, Note, VerifierKey, parse_note
from fl.protocol.tlog.trust import Trust

if TYPE_CHECKING:
    from chain.ledger import EthereumLedger
    from chain.rpc.node import Node
    from fl.proofs.log_view import LogView
    from fl.proofs.make import Maker
    from fl.protocol.federation import Federation
    from fl.protocol.names import Address
    from scripts.wiring.home import Home, MemberHome

CHECKPOINT = Path("log") / "checkpoint"
"""The newest checkpoint with its signatures, in the run's folder."""


@dataclass(frozen=True)
class OpenLog:
    """The log as one member, or a reader without a key, computes it from the chain."""

    home: Home
    ledger: EthereumLedger
    view: LogView
    federation: Federation

    @property
    def consortium(self) -> bytes:
        return self.ledger.anchor.consortium


def open_log(home: Home, member: MemberHome | None = None) -> OpenLog:
    """Read the chain's records; raises as `roles.open_ledger`."""
    from fl.proofs.log_view import LogView
    from fl.replay.ledger_view import LedgerView
    from scripts.wiring.roles import chain_ledger, load_account, open_ledger

    ledger = chain_ledger(home, member, load_account(member) if member else None)
    view = LogView(ledger)
    view.refresh()
    return OpenLog(home, ledger, view, LedgerView(open_ledger(home)).refresh())


def state_key(home: Home, member: MemberHome, kind: StatementKind, federation: Federation | None = None) -> VerifierKey:
    """Make a member's key of the log (LOG) or of a witness (WITNESS) and state it on the ledger; may be repeated.

    `federation` is what the caller has read of the ledger; None: it is read here.

    Raises:
        WrongRole, UnknownSender: the ledger does not allow this member the statement.
    """
    from fl.proofs.trusting import keys_of
    from fl.replay.ledger_view import LedgerView
    from fl.storage.note_key_files import LOG, WITNESS, create_note_key, has_note_key
    from fl.storage.witness_state import FolderWitnessState
    from scripts.wiring.roles import chain_ledger, load_account, open_ledger

    account, of_log = load_account(member), kind == StatementKind.LOG
    known = federation or LedgerView(open_ledger(home)).refresh()
    if not of_log and not has_note_key(member.folder, WITNESS):
        FolderWitnessState(member.folder, member.name).begin()
    public, consortium = create_note_key(member.folder, LOG if of_log else WITNESS).public, known.anchor.consortium
    own = log_key(consortium, public) if of_log else witness_key(consortium, account.address, public)
    if own not in keys_of(known, kind)[1]:
        text = own.text()
        made = StatementMade(account.address, 0, kind, sha256(text.encode()), text)
        chain_ledger(home, member, account).append(made)
    return own


def make_checkpoint(home: Home, member: MemberHome) -> Note:
    """Sign the log as it is now, and record its root on the ledger.

    If the newest recorded checkpoint of this keeper still covers everything but itself, that one is signed again.

    Raises:
        CheckpointForged: the chain has another history than the one that this key signed.
        CheckpointEarly: the chain does not have all records yet that this key signed.
        HemaledgerError: as Ledger.append.
    """
    from fl.proofs.keeping import Promises
    from fl.proofs.witnessing import newest_anchored
    from fl.storage.journal import SqliteJournal
    from fl.storage.note_key_files import LOG, load_note_key

    log = open_log(home, member)
    private = load_note_key(member.folder, LOG)
    promises = Promises(SqliteJournal(member.folder / "journal.sqlite"), log_key(log.consortium, private.public))
    if not promises.check(log.view):
        raise CheckpointEarly(promises.largest, f"the chain shows {len(log.view.tree)} records so far")
    own = [entry.record for entry in log.view.entries]
    newest = newest_anchored(log.view, {log.ledger.account})
    idle = newest > 0 and all(isinstance(each, CheckpointAnchored) for each in own[newest:])
    checkpoint = log.view.checkpoint(newest if idle else None)
    note = promises.sign(checkpoint, private)
    if not idle:
        log.ledger.append(CheckpointAnchored(log.ledger.account, checkpoint.size, checkpoint.root))
    return note


def merged(first: Note, second: Note) -> Note:
    """Return one checkpoint with the lines of two copies of it, the first copy's lines first; else ProofMalformed."""
    from fl.roles.keeper.asking import merged_lines

    if first.text != second.text:
        raise ProofMalformed("checkpoint", "the two files are of different checkpoints")
    return merged_lines(first, second.lines)


def read_note(path: Path) -> Note:
    """Return the checkpoint in a file; raise SettingInvalid without one, ProofMalformed for another form."""
    try:
        with path.open("rb") as file:
            note = parse_note(file.read(NOTE_CAP + 1))
    except FileNotFoundError as error:
        why = f"{path} does not exist: a keeper of the log makes it with `hemaledger log checkpoint`"
        raise SettingInvalid("checkpoint", why) from error
    parse_checkpoint(note.text)
    return note


def ledger_trust(log: OpenLog, quorum: int | None = None) -> Trust:
    """Return the trust file that the ledger and this member's node give; raises as trusting.trust_of."""
    from chain.proofs.headers import QBFT
    from chain.proofs.source import qbft_validators
    from fl.proofs.trusting import Consensus, settled_at, trust_of

    validators = qbft_validators(node_of(log.home))
    consensus = Consensus(QBFT, validators) if validators else None
    return trust_of(log.federation, settled_at(log.federation), quorum, consensus)


def maker_of(home: Home, note: Note, trust: Trust | None) -> tuple[OpenLog, Maker]:
    """Return the log and what makes proofs of its entries; without `trust` it is made from the ledger."""
    from chain.proofs.facts import OfflineFacts
    from chain.proofs.source import NodeSource
    from fl.proofs.make import Maker

    log = open_log(home)
    trusted = trust or ledger_trust(log)
    source = NodeSource(node_of(home), log.ledger.anchor, trusted.consensus)
    return log, Maker(log.view, source, OfflineFacts(), trusted, note)


def node_of(home: Home) -> Node:
    """Return a connection to the run's chain; raises as chain.rpc.node.connect."""
    from chain.rpc.node import connect
    from scripts.wiring.roles import ledger_settings

    return connect(ledger_settings(home).node)


def account_of(federation: Federation, name: str) -> Address:
    """Return the account of a member by its name, or raise SettingInvalid."""
    for member in federation.book.members.values():
        if member.name == name:
            return member.account
    raise SettingInvalid("name", f"the ledger knows no member {name}")
