"""Ports and agents that add the time they take to a stopwatch: a decorator around each, and nothing else changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fl.protocol.names import Address, Blob, Digest
from fl.protocol.ports import Anchor, Ledger, Mark, Vault
from fl.protocol.records import Entry, Position, Receipt, Record
from fl.replay.ledger_view import LedgerView, Ports
from fl.roles.runner import Agent
from fl.timing import Stopwatch


@dataclass(frozen=True)
class MeasuredLedger:
    """A ledger whose appending is measured as `chain`; reading and waiting are not work."""

    inner: Ledger
    watch: Stopwatch

    @property
    def anchor(self) -> Anchor:
        """Return what this ledger is."""
        return self.inner.anchor

    @property
    def account(self) -> Address:
        """Return the account that signs what is appended."""
        return self.inner.account

    def append(self, record: Record) -> Receipt:
        """Append, as the inner ledger does."""
        with self.watch("chain"):
            return self.inner.append(record)

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        """Return the entries behind `after`."""
        return self.inner.replay(after)

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        """Wait for an entry behind `after`."""
        return self.inner.wait(after, timeout_s)


@dataclass(frozen=True)
class MeasuredVault:
    """A vault whose reading and writing are measured as `vault`."""

    inner: Vault
    watch: Stopwatch

    @property
    def checked(self) -> bool:
        """Return whether `get` compares a file with its digest."""
        return self.inner.checked

    def put(self, data: Blob) -> Digest:
        """Store, as the inner vault does."""
        with self.watch("vault"):
            return self.inner.put(data)

    def get(self, digest: Digest, cap: int) -> bytes:
        """Return a file, as the inner vault does."""
        with self.watch("vault"):
            return self.inner.get(digest, cap)

    def has(self, digest: Digest) -> bool:
        """Return whether a file of that name exists."""
        return self.inner.has(digest)

    def mark(self, digest: Digest) -> Mark | None:
        """Return the mark of the file of that name."""
        return self.inner.mark(digest)


@dataclass(frozen=True)
class MeasuredAgent:
    """An agent whose steps count for a stopwatch."""

    inner: Agent
    watch: Stopwatch

    @property
    def view(self) -> LedgerView:
        """Return what the agent sees of the ledger."""
        return self.inner.view

    def step(self) -> bool:
        """Do the agent's next thing."""
        with self.watch.running():
            return self.inner.step()

    def finish(self) -> None:
        """Let the agent put things in order."""
        self.inner.finish()


def measured(ports: Ports, watch: Stopwatch) -> Ports:
    """Return a role's ports with the ledger and both stores measured."""
    return replace(
        ports,
        ledger=MeasuredLedger(ports.ledger, watch),
        vault=MeasuredVault(ports.vault, watch),
        outbox=MeasuredVault(ports.outbox, watch),
    )
