"""The demo's log: the coordinator keeps it, and all hospitals and the auditor cosign, in this process.

On one machine all witnesses read one chain, so they share one reader; elsewhere each has a node of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from fl.events import Notify
from fl.files import write_atomic
from fl.proofs.finding import Records
from fl.protocol.federation import Federation
from fl.protocol.names import StatementKind
from fl.protocol.rounds.round import Phase
from fl.replay.ledger_view import LedgerView
from fl.roles.keeper.agent import Keeper, KeepSettings
from fl.roles.keeper.asking import Reply
from fl.roles.keeper.pending import Pending
from fl.roles.runner import Run, run
from fl.roles.witness import WitnessDesk
from scripts.demo.together import AUDITOR, COORDINATOR
from scripts.wiring.home import Home
from scripts.wiring.log_services import Keeping, log_folder, open_witness
from scripts.wiring.proofs import CHECKPOINT, maker_of, read_note, state_key
from scripts.wiring.roles import open_ledger

PROOF, TRUST = "model.tlog-proof", "trust.json"


@dataclass(frozen=True)
class NearWitness:
    """Implements AsksWitness over a witness in this process."""

    name: str
    desk: WitnessDesk

    def add(self, body: bytes) -> Reply:
        answer = self.desk.add(body)
        return Reply(answer.status, answer.body)


@dataclass
class DemoLog:
    """The keeper and the witnesses of a demo."""

    home: Home
    hospitals: Sequence[str]
    notify: Notify
    keeper: Keeper = field(init=False)

    def sign_and_prove(self, federation: Federation) -> str:
        """Sign the log with every witness, prove the newest model, and return a line that says how to check it."""
        self.begin()
        self.sign()
        final = [current.number for current in federation.rounds if current.phase == Phase.FINAL]
        if not final:
            return "  All witnesses cosigned the log."
        proof, trust = self.prove(final[-1])
        return f"  Check the model elsewhere: hemaledger verify {proof} --trust {trust}"

    def begin(self) -> None:
        """State the keys of log and witnesses on the ledger, which may be repeated, and open all of them."""
        home, names = self.home, (*self.hospitals, AUDITOR)
        federation = LedgerView(open_ledger(home)).refresh()
        state_key(home, home.member(COORDINATOR), StatementKind.LOG, federation)
        for name in names:
            state_key(home, home.member(name), StatementKind.WITNESS, federation)
        desks: dict[str, WitnessDesk] = {}
        shared, lock = None, threading.Lock()
        for name in names:
            desks[name] = open_witness(home, home.member(name), self.notify, shared)
            shared, desks[name].lock = desks[name].replayed, lock
        near = [NearWitness(name, desk) for name, desk in desks.items()]
        settings, folder = KeepSettings(), log_folder(home)
        self.keeper = Keeping(home, home.member(COORDINATOR), near, settings, folder, Pending()).agent(self.notify)

    def sign(self) -> None:
        """Make a checkpoint of everything so far, with every cosignature."""
        while self.keeper.step():
            pass

    def prove(self, number: int) -> tuple[Path, Path]:
        """Write the proof of a round's model and the trust file; return both."""
        home = self.home
        log, maker = maker_of(home, read_note(home.folder / CHECKPOINT), None)
        found = Records(log.view.entries, log.federation, home.vault).model(number)
        proof, trust = home.folder / PROOF, home.folder / TRUST
        write_atomic(proof, maker.proof_of(found.entry, found.inner))
        write_atomic(trust, maker.trust.encoded())
        return proof, trust

    def follow(self, stack: ExitStack) -> None:
        """Keep the log in a thread until the stack ends, so that answers of the site get their proofs."""
        stop = threading.Event()
        how = Run(stop, self.notify, patience_s=float("inf"))
        threading.Thread(target=partial(run, self.keeper, how), name="log", daemon=True).start()
        stack.callback(stop.set)
