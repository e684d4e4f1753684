"""Connects the keeper of the log and the witnesses to a run's folder, its chain and each other."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from fl.events import Event, Notify
from fl.proofs.log_view import LogView
from fl.proofs.replayed import Replayed
from fl.protocol.errors import HemaledgerError, ProofMalformed, ServerSilent, SettingInvalid, WitnessForgot
from fl.protocol.records import Entry
from fl.protocol.tlog.checkpoint import witness_key
from fl.protocol.tlog.notes import Note, VerifierKey, parse_key
from fl.replay.ledger_view import LedgerView
from fl.roles.keeper.agent import Keeper, KeepSettings
from fl.roles.keeper.asking import Asking, AsksWitness
from fl.roles.keeper.pending import Pending
from fl.roles.serving.successor_ledger import SuccessorLedger
from fl.roles.witness import WitnessDesk
from fl.storage.cosigned_notes import CosignedNotes
from fl.storage.journal import SqliteJournal
from fl.storage.log_folder import COSIGNED, LOG_FOLDER, LogFolder
from fl.storage.note_key_files import LOG, WITNESS, load_note_key
from fl.storage.witness_state import FolderWitnessState
from fl.transport.http_log import HttpKeeper, HttpWitness
from scripts.wiring.agent import announce
from scripts.wiring.clock import now
from scripts.wiring.home import Home, MemberHome
from scripts.wiring.roles import chain_ledger, ledger_settings, load_account, open_ledger, open_ports

PULL_S = 5.0
"""How often a witness reads the ledger, and asks its keeper."""


def log_folder(home: Home, *, entries: bool = False) -> LogFolder:
    """Return the log's files; with `entries` also the entries are published."""
    return LogFolder(home.folder / LOG_FOLDER, _events_of(home) if entries else None)


def _events_of(home: Home) -> Callable[[Entry], bytes]:
    from chain.proofs.source import NodeSource
    from scripts.wiring.proofs import node_of

    source = NodeSource(node_of(home), ledger_settings(home).anchor)
    return lambda entry: source.event(entry).encoded()


# --- The keeper --------------------------------------------------------------------------------------------------


@dataclass
class Keeping:
    """What outlives a keeper's agent, which begins again after a hand-over or a reorg."""

    home: Home
    member: MemberHome
    witnesses: Sequence[AsksWitness]
    settings: KeepSettings
    folder: LogFolder
    pending: Pending

    def agent(self, notify: Notify) -> Keeper:
        """Return an agent for the ledger in force; raises as `roles.open_ports`."""
        ports = open_ports(self.home, self.member, notify)
        log = LogView(chain_ledger(self.home, None, None, ledger_settings(self.home, notify=notify)))
        return Keeper(
            ports=ports,
            replayed=Replayed(log, LedgerView(ports.ledger)),
            private=load_note_key(self.member.folder, LOG),
            journal=SqliteJournal(self.member.folder / "journal.sqlite"),
            asking=Asking(self.witnesses, notify, time.monotonic),
            pending=self.pending,
            shelf=self.folder,
            settings=self.settings,
            steady=time.monotonic,
        )


def http_witnesses(urls: Sequence[str]) -> tuple[list[AsksWitness], tuple[VerifierKey, ...]]:
    """Return the witnesses of `--witness` options, and the keys of those that are no members.

    Each is a URL, or KEY=URL for one whose key is not on the ledger.

    Raises:
        SettingInvalid: one is malformed, or comes twice.
    """
    found: list[AsksWitness] = []
    keys = []
    for text in urls:
        before, separator, url = text.rpartition("=http")
        if separator:
            keys.append(_key(before))
        found.append(HttpWitness(checked_url("witness", f"http{url}" if separator else text)))
    if len({each.name for each in found}) != len(found):
        raise SettingInvalid("witness", "the same URL comes twice")
    return found, tuple(keys)


def checked_url(option: str, url: str) -> str:
    """Return a URL without a slash at the end, or raise SettingInvalid."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise SettingInvalid(option, f"{url} is not a URL such as https://clinic.example:8110")
    return url.rstrip("/")


def _key(text: str) -> VerifierKey:
    try:
        return parse_key(text)
    except ProofMalformed as error:
        raise SettingInvalid("witness", f"what is before the URL is no key: {error.why}") from error


# --- A witness ---------------------------------------------------------------------------------------------------


def witness_state(member: MemberHome) -> FolderWitnessState:
    return FolderWitnessState(member.folder, member.name)


def open_witness(home: Home, member: MemberHome, notify: Notify, shared: Replayed | None = None) -> WitnessDesk:
    """Return a witness over this member's own node, with the ledger not read yet; or over a reader that it shares.

    Raises:
        KeystoreUnreadable: the member has no key of a witness, or it is damaged.
        HemaledgerError: as `roles.open_ledger`.
    """

    def reopen() -> Replayed:
        log = SuccessorLedger(lambda: chain_ledger(home, None, None), notify)
        members = SuccessorLedger(lambda: open_ledger(home, strict=True), notify)
        return Replayed(LogView(log), LedgerView(members))

    private = load_note_key(member.folder, WITNESS)
    replayed = shared or reopen()
    consortium, account = replayed.members.ledger.anchor.consortium, load_account(member).address
    key = witness_key(consortium, account, private.public)
    dispute = log_folder(home).dispute
    return WitnessDesk(replayed, key, private, witness_state(member), now, notify, dispute, reopen)


@dataclass
class WitnessLoop:
    """What a running witness does by itself: it reads the ledger, remembers after a backup, and asks the keeper."""

    home: Home
    member: MemberHome
    desk: WitnessDesk
    keeper: HttpKeeper | None
    peers: Sequence[HttpWitness]
    notify: Notify
    _said: str = ""

    def run(self, stop: threading.Event) -> None:
        """Go on until `stop` is set."""
        while not stop.is_set():
            self.turn()
            stop.wait(PULL_S)

    def turn(self) -> None:
        """Do everything once; a fault is reported once and tried again next time."""
        try:
            self.desk.refresh()
            self.remember()
            if self.keeper is not None:
                pull(self.desk, self.keeper)
            self._said = ""
        except HemaledgerError as error:
            if str(error) != self._said:
                self._said = str(error)
                self.notify(Event.WAITING, {"reason": str(error)})

    def remember(self) -> None:
        """After a backup: go on from the largest checkpoint that keeper, peers and the own folder show.

        Raises:
            WitnessForgot: no server is given, or one of them does not answer: only it may show what was signed last.
        """
        state = witness_state(self.member)
        try:
            state.newest()
        except WitnessForgot:
            state.remember(self.desk.largest(self._shown()))

    def _shown(self) -> list[Note]:
        """Return every checkpoint that somebody shows, or raise WitnessForgot."""
        folder, origin = self.home.folder / LOG_FOLDER, self.desk.replayed.log.origin
        shown: list[Note | None] = [each.note for each in CosignedNotes(folder / COSIGNED).all().values()]
        shown.append(log_folder(self.home).checkpoint())
        sources: list[Callable[[], Note | None]] = [partial(peer.newest, origin) for peer in self.peers]
        sources += [self.keeper.checkpoint, self.keeper.pending] if self.keeper else []
        answered = bool(sources)
        for source in sources:
            try:
                shown.append(source())
            except ServerSilent as error:
                answered = False
                self.notify(Event.WAITING, {"reason": str(error)})
        if not answered:
            raise WitnessForgot(self.member.name)
        return [note for note in shown if note is not None]


def pull(desk: WitnessDesk, keeper: HttpKeeper) -> bool:
    """Cosign the checkpoint that waits at the keeper, unless this witness's line is there; return whether it did.

    Raises:
        ServerSilent: the keeper does not answer, or did not take the line.
        HemaledgerError: as WitnessDesk.cosign.
    """
    note = keeper.pending()
    if note is None or any(line.is_of(desk.key) for line in note.lines):
        return False
    keeper.send(desk.cosign(note))
    return True


def pull_once(home: Home, member: MemberHome, url: str) -> bool:
    """Cosign what waits at a keeper once; return whether anything did. Raises as `pull` and `open_witness`."""
    desk, keeper = open_witness(home, member, announce(member.name)), HttpKeeper(url)
    desk.refresh()
    WitnessLoop(home, member, desk, keeper, (), announce(member.name)).remember()
    return pull(desk, keeper)


def cosign_note(home: Home, member: MemberHome, note: Note) -> Note:
    """Return a checkpoint with this member's cosignature, in place of an older one of its own.

    After a backup the checkpoint itself is what the keeper shows. Raises as WitnessDesk.cosign and `open_witness`.
    """
    desk = open_witness(home, member, announce(member.name))
    desk.refresh()
    witness_state(member).remember(desk.largest([note]))
    line = desk.cosign(note).lines[-1]
    return Note(note.text, (*(each for each in note.lines if not each.is_of(desk.key)), line))


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """Yield an event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    yield stop
