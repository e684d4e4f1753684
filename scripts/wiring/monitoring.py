"""Connects a monitor to a run's folder: the member's node, vault and journal, the checkpoints, and its own memory.

Invariant: evidence is on disk before a finding is noted as reported. The monitor writes nothing to ledger or vault.

Source: PROTOCOL.md 8T.7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fl.files import write_atomic
from fl.proofs.evidence import SUFFIX, Claim, Evidence, HeaderItem, Kind, TransactionItem, claim_digest
from fl.proofs.evidence_pieces import account_of
from fl.proofs.finding import Records
from fl.proofs.monitor import Found, continues, judged_of, look, remember, signed_notes
from fl.proofs.replayed import Replayed
from fl.proofs.trusting import Consensus, watching_trust
from fl.proofs.watch_history import History, first_difference, on_chain, seen
from fl.proofs.watch_member import Consortium, OwnMember
from fl.proofs.watch_rules import Case, Scene
from fl.protocol.codec import sha256
from fl.protocol.errors import (
    ChainReorg,
    LedgerRolledBack,
    NodesDisagree,
    ProofMalformed,
    ServerSilent,
    UnavailableError,
    WitnessForgot,
    WrongChain,
)
from fl.protocol.names import Address, Digest
from fl.protocol.tlog.checkpoint import parse_checkpoint
from fl.protocol.tlog.notes import Note
from fl.protocol.tlog.trust import Trust, parse_trust
from fl.storage.cosigned_notes import CosignedNotes
from fl.storage.log_folder import CHECKPOINT, COSIGNED, DISPUTED, LOG_FOLDER
from fl.storage.seen_log import FILE, Reported, SqliteSeenLog, open_findings
from fl.storage.witness_state import FolderWitnessState
from fl.transport.http_log import HttpKeeper, HttpWitness
from scripts.wiring.clock import now
from scripts.wiring.proofs import node_of, read_note

if TYPE_CHECKING:
    from chain.proofs.facts import OfflineFacts
    from chain.rpc.node import Node
    from scripts.wiring.home import Home, MemberHome

EVIDENCE = "evidence"
"""The folder of evidence in the member's folder, if no other one is named."""
GRACE_S = 3600
FILES_EVERY_S = 3600
"""A monitor that goes on looking asks the vault for all files so often."""
_TRUST, _LOOKED = "trust", "looked"


@dataclass(frozen=True)
class Sources:
    """Where a monitor looks beside its own node, and where it writes."""

    evidence: Path
    notes: tuple[Path, ...] = ()
    """Files with checkpoints."""
    keepers: tuple[HttpKeeper, ...] = ()
    witnesses: tuple[HttpWitness, ...] = ()
    quorum: int | None = None
    grace_s: int = GRACE_S
    """For so many seconds a file may be missing."""


@dataclass
class Monitor:
    """One member's monitor; several looks may follow each other."""

    home: Home
    member: MemberHome
    sources: Sources
    store: SqliteSeenLog = field(init=False)
    silent: list[str] = field(init=False, default_factory=list)
    """Why servers gave no answer at the last look."""

    def __post_init__(self) -> None:
        """Open the memory, and the account, so that a wrong password shows at once."""
        from chain.proofs.facts import OfflineFacts
        from scripts.wiring.roles import load_account

        self._account = load_account(self.member)
        self._facts: OfflineFacts = OfflineFacts()
        self.store = SqliteSeenLog(self.member.folder / FILE)
        self._anchor = self.home.deployment.anchor
        self._opened: Replayed | None = None
        self._files_asked = 0

    def look(self) -> list[Found]:
        """Look once, and return everything that is wrong now; raises as `roles.open_ledger`."""
        try:
            log = self._replayed()
        except WrongChain as error:
            return self._lost(error)
        known, live = seen(self.store, self._facts, self._anchor.authority), self._live(log)
        good = continues(known, live)
        trust = self._trust(log if good else None)
        scene = self._scene(trust, known, live)
        found = look(scene, self._me(), self._consortium(log) if good else None, self._nodes())
        if good:
            remember(self.store, known, live)
            self.store.keep(_LOOKED, str(now()).encode())
        return found

    def accept(self) -> None:
        """Take what the chain shows now for right, and every finding as dealt with."""
        with suppress(WrongChain):
            live, leaves = self._live(self._replayed()), self.store.leaves()
            at = first_difference(leaves, live.leaves)
            self.store.forget_from(len(live) if at is None else at)
        for found in self.look():
            self._note(found, is_open=False)
        self.store.accept()

    def report(self, found: Sequence[Found]) -> Iterator[tuple[Reported, Found]]:
        """Write evidence and note what was found; yield what is new."""
        known = {each.key: each for each in self.store.findings()}
        for each in found:
            old = known.get(each.key)
            if old is None or (old.open and not old.file and each.data):
                yield self._note(each, is_open=True), each

    def open_findings(self) -> list[Reported]:
        """Return what was reported and not accepted."""
        return [each for each in self.store.findings() if each.open]

    def _note(self, found: Found, *, is_open: bool) -> Reported:
        name = ""
        if found.data:
            name = f"{found.finding.name}-{sha256(found.key.encode()).hex()[:8]}{SUFFIX}"
            self.sources.evidence.mkdir(parents=True, exist_ok=True)
            write_atomic(self.sources.evidence / name, found.data)
        reported = Reported(found.key, found.finding.name, str(found.finding), name, is_open)
        self.store.report(reported)
        return reported

    def _replayed(self) -> Replayed:
        """Return the ledger with everything new; after a reorganisation it is read from its beginning."""
        try:
            opened = self._opened or self._open()
            opened.refresh()
        except ChainReorg:
            opened = self._open()
            opened.refresh()
        self._opened = opened
        return opened

    def _open(self) -> Replayed:
        from fl.proofs.log_view import LogView
        from fl.replay.ledger_view import LedgerView
        from fl.roles.serving.successor_ledger import SuccessorLedger
        from scripts.wiring.agent import announce
        from scripts.wiring.roles import chain_ledger, open_ledger

        self._opened, notify = None, announce(self.member.name)
        log = SuccessorLedger(lambda: chain_ledger(self.home, None, None), notify)
        members = SuccessorLedger(lambda: open_ledger(self.home), notify)
        return Replayed(LogView(log), LedgerView(members))

    def _live(self, log: Replayed) -> History:
        from chain.proofs.source import NodeSource

        return on_chain(log.log, NodeSource(node_of(self.home), self._anchor))

    def _scene(self, trust: Trust, known: History, live: History) -> Scene:
        looked = int(self.store.fact(_LOOKED) or b"0")
        notes = list(signed_notes([*self.store.notes(), *self._new_notes(trust)], trust))
        return Scene(trust, self._facts, known, live, notes, self._speak, now(), looked)

    def _new_notes(self, trust: Trust) -> Iterator[Note]:
        """Yield the checkpoints that this home and the servers have, and keep those that the log signed."""
        folder = self.home.folder / LOG_FOLDER
        paths = [path for path in (folder / CHECKPOINT, *sorted((folder / DISPUTED).glob("*.note"))) if path.exists()]
        self.silent = []
        found = [*map(read_note, self.sources.notes), *self._readable(paths)]
        shelf = CosignedNotes(folder / COSIGNED)
        found += [each.note for each in shelf.all().values()]
        found += self._asked(trust.origin)
        for note in found:
            for signed in signed_notes([note], trust):
                self.store.add_note(signed.note)
                for name in signed.cosigned:
                    account = account_of(trust.policy.witnesses[name].name)
                    if account is not None:
                        shelf.put(account, signed.note)
                yield signed.note

    def _readable(self, paths: Iterable[Path]) -> Iterator[Note]:
        """Yield the notes of this home; one that cannot be read stops no look, and is in `silent` afterwards."""
        for path in paths:
            try:
                yield read_note(path)
            except ProofMalformed as error:
                self.silent.append(f"{path.name}: {error}")

    def _asked(self, origin: str) -> list[Note]:
        """Return what the servers of keepers and witnesses show; who does not answer is in `silent` afterwards."""
        asked: list[Callable[[], Note | None]] = [each.checkpoint for each in self.sources.keepers]
        asked += [partial(each.newest, origin) for each in self.sources.witnesses]
        found: list[Note | None] = []
        for ask in asked:
            try:
                found.append(ask())
            except ServerSilent as error:
                self.silent.append(str(error))
        return [note for note in found if note is not None]

    def _trust(self, log: Replayed | None) -> Trust:
        """Return the trust of the ledger as it was last right, and keep it; without a ledger the last one."""
        kept = self.store.fact(_TRUST)
        if log is None and kept is not None:
            return parse_trust(kept)
        from chain.proofs.headers import QBFT
        from chain.proofs.source import qbft_validators

        log = log or self._replayed()
        validators = qbft_validators(node_of(self.home))
        consensus = Consensus(QBFT, validators) if validators else None
        trust = watching_trust(log.federation, now(), self.sources.quorum, consensus)
        self.store.keep(_TRUST, trust.encoded())
        return trust

    def _me(self) -> OwnMember:
        from chain.transactions import sent_list
        from fl.storage.journal import SqliteJournal

        own = sent_list.read(self.member.sending)
        path = self.member.folder / "journal.sqlite"
        journal = SqliteJournal(path).get if path.exists() else lambda _key: None
        try:
            cosigned = FolderWitnessState(self.member.folder, self.member.name).newest()
        except WitnessForgot:
            return OwnMember(self._account.address, self.member.role, own.lacks, journal)
        newest = parse_checkpoint(cosigned.text) if cosigned else None
        return OwnMember(self._account.address, self.member.role, own.lacks, journal, newest, is_witness=True)

    def _consortium(self, log: Replayed) -> Consortium:
        from fl.replay.retention import retained

        vault, federation = self.home.vault, log.federation
        records = Records(log.log.entries, federation, vault)
        due = self._files_asked + FILES_EVERY_S <= now()
        self._files_asked = now() if due else self._files_asked
        deletable = frozenset(retained(federation, vault).files) if due else frozenset()
        return Consortium(federation, vault, records, deletable, self.sources.grace_s, due)

    def _lost(self, error: WrongChain) -> list[Found]:
        """Return what it means that the consortium is not on the chain any more, or raise the error again."""
        kept = self.store.fact(_TRUST)
        if kept is None or not self.store.leaves():
            raise error
        from chain.proofs.source import founding_of
        from chain.rpc.node import NodeSettings, connect
        from scripts.wiring import nodes

        node = connect(nodes.node_of(self.home.deployment, NodeSettings.timeout_s))
        trust, first = parse_trust(kept), self.store.sight(0).transaction
        other = founding_of(node, self._anchor.authority)
        if other is None:
            finding = LedgerRolledBack(len(self.store.leaves()), 0)
            return [Found("rollback/0", finding)]
        pair = Evidence(Kind.LEDGER_RESET, (TransactionItem(first), TransactionItem(other)))
        case = Case(f"reset/{sha256(other).hex()}", pair)
        judged = judged_of(case, trust, self._facts)
        if judged is None:
            raise error
        return [judged]

    def _nodes(self) -> Iterator[Case]:
        """Yield each further node of this member that shows another block than the first one, where blocks count."""
        from chain.finality import Finality
        from chain.proofs.source import header_at
        from chain.rpc.node import NodeSettings, connect
        from scripts.wiring import nodes

        deployment, finality = self.home.deployment, Finality(self.home.confirmations)
        shown: list[Node] = []
        for url in deployment.urls if len(deployment.urls) > 1 else ():
            try:
                shown.append(connect(nodes.node_of(deployment, NodeSettings.timeout_s, only=url)))
            except UnavailableError as error:
                self.silent.append(str(error))
        number = min((finality.head(each) for each in shown), default=-1)
        blocks = [header_at(each, number) for each in shown] if number >= 0 else []
        for place, block in enumerate(blocks[1:], start=1):
            if block is not None and blocks[0] is not None and block[0] != blocks[0][0]:
                pair = Evidence(Kind.CHAIN_FORKED, (HeaderItem(blocks[0][1]), HeaderItem(block[1])))
                yield Case(f"nodes/{place}", pair, NodesDisagree(number))

    def _speak(self, kind: Kind, digest: Digest, number: int, time: int) -> Claim:
        account: Address = self._account.address
        signature = self._account.sign_digest(claim_digest(kind, self._anchor.consortium, digest, number, time))
        return Claim(account, digest, number, time, signature)


def findings_of(home: Home) -> dict[str, list[Reported]]:
    """Return what the monitors of this run's members reported and nobody accepted, by the member's name."""
    found = {member.name: open_findings(member.folder) for member in home.members()}
    return {name: each for name, each in found.items() if each}
