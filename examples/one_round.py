"""One masked round from start to end in one process: `.venv/bin/python -m examples.one_round`.

Three hospitals train a tiny network. Nobody sees one hospital's update: the coordinator learns only the sum. The ledger
is a list in memory with the same rules as the contracts, and the vault is a folder. At the end, an audit computes
everything again. Then somebody changes one byte of a file, and the audit names the round and the hospital.

In production each agent is its own process, and the ledger is an Ethereum chain (`hemaledger demo`).
"""

from __future__ import annotations

import secrets
import tempfile
import time
from pathlib import Path

import numpy as np

from chain.transactions.eip712 import AccountEndorser
from chain.transactions.keystore import generate
from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.crypto.hpke_keys import PrivateKey, key_record
from fl.protocol.audit import Report
from fl.protocol.names import Protection, Role
from fl.protocol.records import MemberRegistered
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA_DRAWN
from fl.replay.ledger_view import Keyring, Ports
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Initial, Plan
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.background_training import TrainingJob
from fl.roles.runner import Agent
from fl.storage.journal import SqliteJournal
from fl.storage.vault import FolderVault
from fl.training.aggregation.quantise import LocalMetrics, Vector
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import manifest_of, to_vector
from tests.support.ledger import MemoryChain, MemoryLedger

HOSPITALS = ("alpha", "beta", "gamma")
MEMBERS = {"coordinator": Role.COORDINATOR, "auditor": Role.AUDITOR, **dict.fromkeys(HOSPITALS, Role.HOSPITAL)}


def train(job: TrainingJob) -> tuple[Vector, LocalMetrics]:
    """Change every weight a little, instead of training on a hospital's images."""
    step = np.random.default_rng(secrets.randbits(64)).normal(0, 0.01, job.previous.size).astype(np.float32)
    return job.previous + step, LocalMetrics(samples=100, correct=80, loss=0.5)


def found_consortium(folder: Path) -> tuple[MemoryChain, dict[str, Ports]]:
    """Found a consortium: each member has its own account, key for files, and folder."""
    operator = generate()
    chain = MemoryChain(lambda: int(time.time()), operator.address, secrets.token_bytes(32))
    operator_ledger = MemoryLedger(chain, operator.address)
    ports = {}
    for name, role in MEMBERS.items():
        account, key, own = generate(), PrivateKey.generate(1), folder / name
        ledger = MemoryLedger(chain, account.address)
        operator_ledger.append(MemberRegistered(operator.address, account.address, role, name))
        ledger.append(key_record(ledger.anchor, account.address, key))
        ports[name] = Ports(
            ledger=ledger,
            endorser=AccountEndorser(account),
            vault=FolderVault(folder / "vault"),
            outbox=FolderVault(own / "outbox"),
            journal=SqliteJournal(own / "journal.sqlite"),
            keyring=Keyring({key.epoch: key}),
            now=lambda: int(time.time()),
            notify=lambda event, _facts, name=name: print(f"  {name}: {event}"),  # type: ignore[misc]
        )
    return chain, ports


def run_round(ports: dict[str, Ports]) -> None:
    """Let the agents take turns until the round is final."""
    model = build_model(ModelSpec(size_px=16, width=8), seed=7)
    config = RoundConfig(clip=0.5, l2_bound=50.0, w_max=1024, training={"seed": 1}, task=LEUKEMIA_DRAWN)
    plan = Plan(1, 3, 1, config, 120, 120, min_hospitals=3, protection=Protection.MASKED)
    coordinator = Coordinator(ports["coordinator"], plan, Initial(manifest_of(model), to_vector(model)))
    auditor = Auditor(ports["auditor"], lambda _model, _config: Evaluation())
    hospitals = [Hospital(ports[name], train) for name in HOSPITALS]
    agents: list[Agent] = [coordinator, auditor, *hospitals]
    while not coordinator.done:
        for agent in agents:
            agent.step()


def audit(chain: MemoryChain, ports: Ports) -> Report:
    """Check the whole history with the auditor's key."""
    key = AuditKey(ports.ledger.account, ports.keyring)
    return Audit(ports.ledger.anchor, ports.vault, key, ports.endorser).run(chain.entries, lambda _done, _of: None)[0]


def main() -> None:
    """Run a round, audit it, plant a lie, and audit again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chain, ports = found_consortium(folder)
        print("The round:")
        run_round(ports)
        report = audit(chain, ports["auditor"])
        print(f"The audit: {report.checks['records']} records, {len(report.findings)} findings")
        digest = next(iter(chain.federation.rounds[-1].commitments.values()))
        file = FolderVault(folder / "vault").path(digest)
        file.write_bytes(file.read_bytes()[:-1] + b"\x00")
        print("Somebody changes one byte of a hospital's file. The audit:")
        for finding in audit(chain, ports["auditor"]).findings:
            print(f"  round {finding.round}, {finding.subject}: {finding.sentence}")


if __name__ == "__main__":
    main()
