"""The public log for a site: it reads the chain when there is a new checkpoint, and makes proofs under it.

Invariant: without a checkpoint that enough witnesses cosigned nothing is read from the chain but the trust file's
validators. Proofs are checked before they are handed out (fl/proofs/make.py).

Source: webui/ports/proofs.py (the port).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TypeVar

from chain.proofs.headers import QBFT
from chain.proofs.source import qbft_validators
from fl.proofs.finding import Found, Records
from fl.proofs.make import Maker
from fl.proofs.trusting import Consensus, settled_at, trust_of
from fl.proofs.verify import cosigners
from fl.protocol.errors import RecordMissing, SettingInvalid, WitnessesMissing
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Digest
from fl.protocol.ports import ChainSource
from fl.protocol.records import DecryptionRequested, Entry, Position, RecordsAnchored
from fl.protocol.tlog.checkpoint import parse_checkpoint
from fl.protocol.tlog.entry import LogEntry
from fl.protocol.tlog.extra import InnerLeaf, InnerLine, ReceiptBinding
from fl.protocol.tlog.notes import Note
from fl.protocol.tlog.trust import Trust
from scripts.wiring.home import Home
from scripts.wiring.proofs import CHECKPOINT, maker_of, node_of, read_note
from webui.ports.proofs import Reach

Part = TypeVar("Part")
REMEMBERED = 64
"""Records whose raw parts are kept: many lines of a list are under one root."""


@dataclass(frozen=True)
class Covered:
    """A checkpoint that enough witnesses cosigned, and what it covers."""

    maker: Maker
    federation: Federation
    entries: tuple[Entry, ...]
    reach: Reach


@dataclass
class LogProofs:
    """Implements ProofService over the run's folder, where a keeper of the log leaves the newest checkpoint."""

    home: Home
    account: Address
    """The hospital whose roots and key these are."""
    federation: Callable[[], Federation]
    _maker: Maker | None = None
    _newest: Covered | None = None
    _consensus: Consensus | None = None
    """How the chain's blocks are sealed, as the node says it at the first use."""
    _lock: Lock = field(default_factory=Lock)

    def reach(self) -> Reach:
        covered = self._covered()
        return covered.reach if covered else Reach()

    def of_root(self, batch: int, inner: InnerLeaf | InnerLine) -> str | None:
        return self._made(lambda records: replace(records.root(self.account, batch), inner=inner))

    def of_request(self, number: int) -> str | None:
        return self._made(lambda records: records.request(number))

    def of_model(self, number: int, digest: Digest) -> str | None:
        return self._made(lambda records: records.made(number, digest))

    def of_key(self) -> str | None:
        return self._made(lambda records: records.key(self.account))

    def trust_file(self) -> bytes | None:
        trust = self._trust()
        return trust.encoded() if trust else None

    def trust_code(self) -> str:
        trust = self._trust()
        return trust.code if trust else ""

    def _made(self, find: Callable[[Records], Found]) -> str | None:
        covered = self._covered()
        if covered is None:
            return None
        try:
            found = find(Records(covered.entries, covered.federation, self.home.vault))
        except RecordMissing:  # it may be newer than the checkpoint
            return None
        return covered.maker.proof_of(found.entry, found.inner).decode()

    def _covered(self) -> Covered | None:
        """Return the newest checkpoint in the run's folder; None if it lacks signatures, or nobody made one."""
        file = self.home.folder / CHECKPOINT
        if not file.exists():
            return None
        note = read_note(file)
        with self._lock:
            if self._newest is None or self._newest.maker.note != note:
                self._newest = self._read(note)
            return self._newest

    def _read(self, note: Note) -> Covered | None:
        self._consensus = None  # its validators may be others by now
        trust, size = self._trust(), parse_checkpoint(note.text).size
        try:
            if trust is None:
                return None
            cosigners(note, trust)
        except WitnessesMissing:
            return None
        federation = self.federation()
        if self._maker is None:
            made = maker_of(self.home, note, trust)[1]
            self._maker = replace(made, source=RememberingSource(made.source))
        maker = replace(self._maker, trust=trust, note=note)
        maker.view.refresh()
        entries = tuple(maker.view.entries[:size])
        return Covered(maker, federation, entries, reach_of(entries, self.account))

    def _trust(self) -> Trust | None:
        """Return the trust file that the ledger gives; None while nobody keeps a log or too few witness it."""
        if self._consensus is None:
            validators = qbft_validators(node_of(self.home))
            self._consensus = Consensus(QBFT, validators) if validators else Consensus()
        federation = self.federation()
        try:
            return trust_of(federation, settled_at(federation), None, self._consensus)
        except SettingInvalid:
            return None


def reach_of(entries: tuple[Entry, ...], account: Address) -> Reach:
    """Return up to which root of a hospital, and which request, some entries go."""
    records = [each.record for each in entries]
    roots = [each.batch for each in records if isinstance(each, RecordsAnchored) and each.sender == account]
    requests = [each.request for each in records if isinstance(each, DecryptionRequested)]
    return Reach(max(roots, default=0), max(requests, default=0))


@dataclass
class RememberingSource:
    """Implements ChainSource: asks the node once for what many proofs need."""

    behind: ChainSource
    _events: dict[Position, LogEntry] = field(default_factory=dict)
    _transactions: dict[Position, bytes] = field(default_factory=dict)
    _bindings: dict[Position, ReceiptBinding] = field(default_factory=dict)

    def event(self, entry: Entry) -> LogEntry:
        return _once(self._events, entry, self.behind.event)

    def transaction(self, entry: Entry) -> bytes:
        return _once(self._transactions, entry, self.behind.transaction)

    def binding(self, entry: Entry) -> ReceiptBinding:
        return _once(self._bindings, entry, self.behind.binding)


def _once(known: dict[Position, Part], entry: Entry, ask: Callable[[Entry], Part]) -> Part:
    found = known.get(entry.position)
    if found is None:
        found = ask(entry)
        if len(known) >= REMEMBERED:
            known.clear()
        known[entry.position] = found
    return found
