"""A whole consortium in one process: real roles, real crypto, real vault, over any ledger."""

from __future__ import annotations

import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from chain.transactions.eip712 import AccountEndorser
from chain.transactions.keystore import generate
from fl.crypto.hpke_keys import PrivateKey, key_record
from fl.crypto.hybrid_kem import LongPrivateKey
from fl.events import Event
from fl.protocol.names import Address, Role
from fl.protocol.ports import Ledger, Vault
from fl.protocol.records import MemberRegistered
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.replay.ledger_view import Keyring, Ports
from fl.replay.vault_files import Awaited
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Initial, Plan
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.background_training import TrainingJob
from fl.roles.long_key_statement import long_key_statement
from fl.roles.runner import Agent, Run, run
from fl.roles.trustee.stores import TrusteeStores
from fl.storage.journal import SqliteJournal
from fl.storage.keyring import LONG, FolderKeys
from fl.storage.shares import FolderShares
from fl.storage.vault import FolderVault
from fl.training.aggregation.quantise import LocalMetrics, Vector
from fl.training.aggregation.work import TrainedWeights
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import manifest_of, to_vector
from tests.support.ledger import MemoryChain, MemoryLedger

SPEC = ModelSpec(size_px=16, width=8, depth=1)
PASSWORD = "a password of the trustee"
CONFIG = RoundConfig(clip=0.5, l2_bound=50.0, w_max=1024, training={"seed": 1}, task=LEUKEMIA)


def nudge(name: str) -> Callable[[TrainingJob], TrainedWeights]:
    """Return a quick honest training: a seeded small step, so that the arithmetic has something to add."""

    def train(task: TrainingJob) -> tuple[Vector, LocalMetrics]:
        seed = int.from_bytes(name.encode() + bytes([task.round]), "big")
        step = np.random.default_rng(seed).normal(0, 0.01, task.previous.size).astype(np.float32)
        return task.previous + step, LocalMetrics(samples=100 + len(name), correct=80, loss=0.5)

    return train


def initial() -> Initial:
    model = build_model(SPEC, seed=7)
    return Initial(manifest_of(model), to_vector(model))


ENDORSERS: dict[Address, AccountEndorser] = {}
"""By account: the real signatures of accounts that need no chain."""


def new_account() -> Address:
    key = generate()
    ENDORSERS[key.address] = AccountEndorser(key)
    return key.address


def endorser() -> AccountEndorser:
    """Return somebody who can tell who signed."""
    return AccountEndorser(generate())


@dataclass
class Party:
    """One member with its own folder."""

    name: str
    role: Role
    ledger: Ledger
    folder: Path
    keys: dict[int, PrivateKey]
    events: list[tuple[Event, Mapping[str, object]]] = field(default_factory=list)
    now: Callable[[], int] = lambda: int(time.time())
    long_keys: dict[int, LongPrivateKey] = field(default_factory=dict)

    @property
    def account(self) -> Address:
        return self.ledger.account

    def ports(self, vault: Vault) -> Ports:
        return Ports(
            ledger=self.ledger,
            endorser=ENDORSERS[self.account],
            vault=Awaited(vault),
            outbox=FolderVault(self.folder / "outbox"),
            journal=SqliteJournal(self.folder / "journal.sqlite"),
            keyring=Keyring(self.keys, self.long_keys),
            now=self.now,
            notify=lambda what, facts: self.events.append((what, facts)),
        )

    @property
    def safe(self) -> TrusteeStores:
        """Return a trustee's disk."""
        return TrusteeStores(FolderShares(self.folder / "shares", PASSWORD), FolderKeys(self.folder, PASSWORD))

    def register_key(self) -> None:
        """Register a fresh key: the first one, or that of the next epoch; a trustee's lies on its disk alone."""
        if self.role == Role.TRUSTEE:
            key = self.safe.keys.create(max(self.safe.keys.epochs(), default=0) + 1)
        else:
            key = PrivateKey.generate(len(self.keys) + 1)
            self.keys[key.epoch] = key
        self.ledger.append(key_record(self.ledger.anchor, self.account, key))

    def state_long_key(self, vault: Vault) -> LongPrivateKey:
        """Make and state a long key for this member's newest key; a trustee's lies on its disk alone."""
        if self.role == Role.TRUSTEE:
            key = self.safe.keys.of(max(self.safe.keys.epochs()))
            long_key = LONG.create(self.folder, key.epoch, PASSWORD)
        else:
            key = self.keys[max(self.keys)]
            long_key = self.long_keys.setdefault(key.epoch, LongPrivateKey.generate(key.epoch))
        self.ledger.append(long_key_statement(self.ledger.anchor, self.account, vault, key, long_key))
        return long_key


@dataclass
class Consortium:
    """The parties over one shared vault."""

    operator: Ledger
    coordinator: Party
    auditor: Party
    hospitals: list[Party]
    vault: FolderVault
    join: Callable[[str, Role], Party]
    """Admit one more member, with a key."""

    def everybody(self) -> list[Party]:
        return [self.coordinator, self.auditor, *self.hospitals]

    def plan(self, rounds: int) -> Plan:
        return Plan(
            rounds=rounds,
            min_commitments=len(self.hospitals),
            attestations=1,
            config=CONFIG,
            commit_timeout_s=120,
            close_timeout_s=120,
            min_hospitals=len(self.hospitals),
        )

    def agents(self, plan: Plan) -> tuple[Coordinator, Auditor, list[Hospital]]:
        coordinator = Coordinator(self.coordinator.ports(self.vault), plan, initial())
        auditor = Auditor(self.auditor.ports(self.vault), lambda _model, _config: Evaluation({"auroc": 0.5}))
        hospitals = [Hospital(party.ports(self.vault), nudge(party.name)) for party in self.hospitals]
        return coordinator, auditor, hospitals


@dataclass
class Clock:
    """Seconds since 1970, as the test says."""

    now: int = 1_800_000_000

    def __call__(self) -> int:
        return self.now


@contextmanager
def memory_folder(otherwise: Path) -> Iterator[Path]:
    """Yield a folder in memory where the system has such, so that a hundred syncs take no time; else `otherwise`."""
    memory = Path("/dev/shm")  # noqa: S108 - a fresh private folder inside it
    if not os.access(memory, os.W_OK):
        yield otherwise
        return
    with tempfile.TemporaryDirectory(dir=memory, prefix="hemaledger-") as name:
        yield Path(name)


def settle(*agents: Agent) -> None:
    """Step the agents in turn, in this thread, until none of them has anything to do."""
    for _ in range(200):
        acted = [agent.step() for agent in agents]
        if not any(acted):
            return
    raise AssertionError("the agents never came to rest")


def names_of(hospitals: int) -> list[str]:
    """Return the names of that many hospitals."""
    first = ["alpha", "beta", "gamma", "delta"]
    return [*first, *(f"hospital-{number}" for number in range(5, hospitals + 1))][:hospitals]


def found(
    folder: Path,
    connect: Callable[[str], Ledger],
    hospitals: int = 3,
    now: Callable[[], int] = lambda: int(time.time()),
) -> Consortium:
    """Register everybody over ledgers made by `connect(name)`; the operator's is `connect("operator")`."""
    operator = connect("operator")

    def party(name: str, role: Role) -> Party:
        member = Party(name, role, connect(name), folder / name, {}, now=now)
        operator.append(MemberRegistered(operator.account, member.account, role, name))
        member.register_key()
        return member

    return Consortium(
        operator=operator,
        coordinator=party("coordinator", Role.COORDINATOR),
        auditor=party("auditor", Role.AUDITOR),
        hospitals=[party(name, Role.HOSPITAL) for name in names_of(hospitals)],
        vault=FolderVault(folder / "vault"),
        join=party,
    )


def memory_connect(now: Callable[[], int] = lambda: int(time.time())) -> Callable[[str], Ledger]:
    """Return a `connect` over one fresh MemoryChain."""
    operator = new_account()
    chain = MemoryChain(now, operator, secrets.token_bytes(32))

    def connect(name: str) -> Ledger:
        return MemoryLedger(chain, operator if name == "operator" else new_account())

    return connect


def run_all(coordinator: Coordinator, others: list[Agent], timeout_s: float = 400) -> None:
    """Run every agent in a thread of its own until the coordinator's plan is done; the first error is raised here."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def work(agent: Agent, done: Callable[[], bool]) -> None:
        try:
            run(agent, Run(stop, lambda _what, _facts: None, done=done))
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            errors.append(error)
            stop.set()

    threads = [threading.Thread(target=work, args=(agent, lambda: False), daemon=True) for agent in others]
    leader = threading.Thread(target=work, args=(coordinator, lambda: coordinator.done), daemon=True)
    for thread in (*threads, leader):
        thread.start()
    leader.join(timeout_s)
    stop.set()
    for thread in (*threads, leader):
        thread.join(timeout_s)
    if errors:
        raise errors[0]
    assert coordinator.done, "the plan was not done in time"
