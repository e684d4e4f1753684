"""Counts what one member of a round pays: CPU seconds, bytes in the vault, transactions and gas."""

from __future__ import annotations

import cProfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from fl.protocol.names import Blob, Digest
from fl.protocol.ports import Ledger, Mark, Vault
from fl.protocol.records import Entry, Position, Receipt, Record
from fl.replay.batched_ledger import BatchedLedger
from fl.replay.ledger_view import LedgerView, Ports
from fl.replay.posted_steps import Desk
from fl.roles.runner import Agent
from scripts.wiring.home import Home


@dataclass
class Cost:
    """What one member paid."""

    cpu_s: float = 0.0
    read: int = 0
    written: int = 0
    transactions: int = 0
    gas: int = 0
    profile: cProfile.Profile | None = field(default=None, repr=False)


class CountedVault:
    """A vault that counts the bytes of one member."""

    def __init__(self, inner: Vault, cost: Cost) -> None:
        self._inner, self._cost, self.checked = inner, cost, inner.checked

    def put(self, data: Blob) -> Digest:
        self._cost.written += memoryview(data).nbytes
        return self._inner.put(data)

    def get(self, digest: Digest, cap: int) -> bytes:
        data = self._inner.get(digest, cap)
        self._cost.read += len(data)
        return data

    def has(self, digest: Digest) -> bool:
        return self._inner.has(digest)

    def mark(self, digest: Digest) -> Mark | None:
        return self._inner.mark(digest)


class CountedLedger:
    """A ledger that counts the transactions of one member."""

    def __init__(self, inner: Ledger, cost: Cost) -> None:
        self._inner, self._cost, self.anchor, self.account = inner, cost, inner.anchor, inner.account

    def append(self, record: Record) -> Receipt:
        receipt = self._inner.append(record)
        self._cost.transactions += 1
        self._cost.gas += receipt.gas_used
        return receipt

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        return self._inner.replay(after)

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        return self._inner.wait(after, timeout_s)


@dataclass
class CountedAgent:
    """An agent whose CPU seconds count for its member."""

    inner: Agent
    cost: Cost

    @property
    def view(self) -> LedgerView:
        return self.inner.view

    def step(self) -> bool:
        return self._counted(self.inner.step)

    def finish(self) -> None:
        self._counted(self.inner.finish)

    def _counted(self, work: Callable[[], bool | None]) -> bool:
        began, profile = time.thread_time(), self.cost.profile
        if profile is not None:
            profile.enable()
        try:
            return bool(work())
        finally:
            if profile is not None:
                profile.disable()
            self.cost.cpu_s += time.thread_time() - began


def counted(home: Home, ports: Ports, cost: Cost) -> Ports:
    vault = CountedVault(ports.vault, cost)
    if not isinstance(ports.ledger, BatchedLedger):
        raise TypeError("members read batches")
    chain, desk = CountedLedger(ports.ledger.inner, cost), Desk(home.board, ports.journal, ports.endorser, ports.now)
    own = ports.ledger.own_cluster
    return replace(ports, vault=vault, ledger=BatchedLedger(chain, vault, ports.endorser, desk, own_cluster=own))
