"""A consortium in memory whose rounds have clusters: real batches, real signatures, real files; the chain is a list.

The chain checks nothing, as it can check little of such a round: all rules are those of the readers.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.protocol.audit import Report
from fl.protocol.names import Address, Digest, Protection
from fl.protocol.records import ClusterTerms
from fl.protocol.rounds.round import Phase, Round
from fl.replay.batched_ledger import BatchedLedger
from fl.replay.ledger_view import Keyring, LedgerView, Ports
from fl.replay.posted_steps import Desk
from fl.replay.vault_files import Awaited
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Plan, WidePlan
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.trusted_peers import TrustedPeers
from fl.storage.journal import SqliteJournal
from fl.storage.step_board import FolderSteps
from fl.storage.vault import FolderVault
from scripts.bench._stage import StagedChain, StagedLedger
from tests.support.federation import (
    CONFIG,
    ENDORSERS,
    Clock,
    Consortium,
    Party,
    endorser,
    found,
    initial,
    new_account,
    nudge,
)

STEP_S = 60
TWELVE, DRAWN, FEWEST = 12, 8, 8
THREE = ClusterTerms(count=3, fewest=3, across=2)
"""Clusters of four, with shares of three, in which one of all may collude."""
FOUR = ClusterTerms(count=4, fewest=2, across=2)
"""Clusters of three, with shares of two, in which nobody may collude; two clusters are not beside each other."""


class NotingVault(FolderVault):
    """A vault that notes which files one member opened."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.opened: set[Digest] = set()

    def get(self, digest: Digest, cap: int) -> bytes:
        data = super().get(digest, cap)
        self.opened.add(digest)
        return data


@dataclass
class ClusterTown:
    """Twelve hospitals in clusters."""

    folder: Path
    terms: ClusterTerms = THREE
    clock: Clock = field(default_factory=Clock)
    vaults: dict[Address, NotingVault] = field(default_factory=dict)
    """What each member read, by account."""

    def __post_init__(self) -> None:
        self.operator = new_account()
        self.chain = StagedChain(secrets.token_bytes(32), self.operator, now=self.clock)
        self.board = FolderSteps(self.folder / "vault")
        self.consortium: Consortium = found(self.folder, self.connect, hospitals=TWELVE, now=self.clock)
        self.coordinator = Coordinator(self._ports(self.consortium.coordinator), plan(self.terms), initial())
        self.auditor = Auditor(self._ports(self.consortium.auditor), lambda _model, _config: Evaluation({"auroc": 0.5}))
        self.hospitals = {party.account: self.hospital(party) for party in self.consortium.hospitals}

    def connect(self, name: str, account: Address | None = None, *, whole: bool = False) -> BatchedLedger:
        """Return a member's ledger, with its account after a restart; a hospital looks at its cluster, or all."""
        account = account or (self.operator if name == "operator" else new_account())
        home = self.folder / name
        home.mkdir(parents=True, exist_ok=True)
        vault = self.vaults[account] = NotingVault(self.folder / "vault")
        desk = Desk(self.board, SqliteJournal(home / "steps.sqlite"), ENDORSERS[account], self.clock)
        own = not whole and name not in ("operator", "coordinator", "auditor")
        ledger = StagedLedger(self.chain, account)
        return BatchedLedger(ledger, Awaited(vault), ENDORSERS[account], desk, own_cluster=own)

    def _ports(self, party: Party) -> Ports:
        return replace(party.ports(self.consortium.vault), vault=Awaited(self.vaults[party.account]))

    def hospital(self, party: Party, peers: frozenset[Address] = frozenset()) -> Hospital:
        trust = TrustedPeers(peers, len(peers), 0.1 if self.terms == THREE else 0.0)
        return Hospital(self._ports(party), nudge(party.name), trust)

    def party(self, who: Address) -> Party:
        return next(each for each in self.consortium.hospitals if each.account == who)

    def restart_coordinator(self) -> None:
        party = self.consortium.coordinator
        party.ledger = self.connect(party.name, party.account)
        self.coordinator = Coordinator(self._ports(party), plan(self.terms), initial())

    def restart(self, who: Address, peers: frozenset[Address] = frozenset()) -> None:
        """Let a hospital begin again in a fresh process with the same disk; it reads all if it names `peers`."""
        party = self.party(who)
        party.ledger = self.connect(party.name, who, whole=bool(peers))
        self.hospitals[who] = self.hospital(party, peers)

    def reader(self, *, strict: bool = True, viewer: Address | None = None) -> BatchedLedger:
        """Return the ledger as somebody reads it who looks at all clusters, or at a viewer's."""
        ledger = StagedLedger(self.chain, viewer or Address(bytes(20)))
        vault = FolderVault(self.folder / "vault")
        return BatchedLedger(ledger, vault, endorser(), strict=strict, own_cluster=viewer is not None)

    def current(self, viewer: Address | None = None) -> Round:
        """Return the newest round as who looks at all clusters sees it, or at a viewer's."""
        return LedgerView(self.reader(viewer=viewer)).refresh().rounds[-1]

    @property
    def phase(self) -> Phase:
        rounds = self.coordinator.view.refresh().rounds
        return rounds[-1].phase if rounds else Phase.NONE

    def play(self, gone: Callable[[Address], Phase | None], until: Phase = Phase.FINAL) -> Phase:
        """Play a round; a hospital does nothing from the phase on that `gone` says. Return the phase it came to."""
        for _ in range(400):
            phase = self.phase
            if phase in (until, Phase.FINAL, Phase.ABORTED):
                return phase
            present = [who for who in self.hospitals if (gone(who) or Phase.ABORTED) > phase]
            acted = [self.hospitals[who].step() for who in present]
            for who in present:
                self.hospitals[who].finish_training()
            if not any([*acted, self.auditor.step(), self.coordinator.step()]) and phase != Phase.NONE:
                self.clock.now += STEP_S + 1 if phase != Phase.MASK else 121
        raise AssertionError("the round never ended")

    def audit(self) -> Report:
        party = self.consortium.auditor
        key = AuditKey(party.account, Keyring(party.keys))
        made = Audit(self.chain.anchor, FolderVault(self.folder / "vault"), key, endorser())
        return made.run(self.reader().replay(), lambda _done, _of: None)[0]


def plan(terms: ClusterTerms) -> Plan:
    """Return a plan of one round in such clusters."""
    size = TWELVE // terms.count
    wide = WidePlan(
        TWELVE - 1,
        drop_out=(TWELVE - FEWEST) / TWELVE,
        degree=size // 2 * 2,
        threshold=size // 2 + 1,
        replayers=8 if terms == THREE else 4,  # two of eight may be away, one of four
        clusters=terms,
    )

    return Plan(
        rounds=1,
        min_commitments=FEWEST,
        attestations=1,
        config=CONFIG,
        commit_timeout_s=120,
        close_timeout_s=120,
        min_hospitals=TWELVE,
        protection=Protection.MASKED,
        step_timeout_s=STEP_S,
        wide=wide,
    )
