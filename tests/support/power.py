"""Ports that fail where a test says: the power goes, a file is withheld. They wrap real ports and change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fl.crypto.encrypted_keystore import HeldShare
from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.hybrid_kem import LongPrivateKey
from fl.protocol.errors import ChainUnavailable
from fl.protocol.names import Address, Blob, Digest, KeyUse
from fl.protocol.ports import Anchor, Journal, Ledger, Mark, Vault
from fl.protocol.records import Entry, Position, Receipt, Record
from fl.replay.ledger_view import Ports
from fl.roles.trustee.stores import MemberKeys, Shares, TrusteeStores


class PowerCut(BaseException):
    """The machine stopped."""


@dataclass
class Fuse:
    """Blows at a chosen moment; every write passes it twice, before and after its effect."""

    blows_at: int | None = None
    passed: list[str] = field(default_factory=list)

    def burn(self, moment: str) -> None:
        self.passed.append(moment)
        if len(self.passed) - 1 == self.blows_at:
            raise PowerCut(moment)


@dataclass
class FusedVault:
    """A vault whose machine can lose power."""

    inner: Vault
    fuse: Fuse
    name: str

    def put(self, data: Blob) -> Digest:
        self.fuse.burn(f"before {self.name}.put")
        digest = self.inner.put(data)
        self.fuse.burn(f"after {self.name}.put")
        return digest

    def get(self, digest: Digest, cap: int) -> bytes:
        return self.inner.get(digest, cap)

    def has(self, digest: Digest) -> bool:
        return self.inner.has(digest)

    def mark(self, digest: Digest) -> Mark | None:
        return self.inner.mark(digest)

    @property
    def checked(self) -> bool:
        return self.inner.checked


@dataclass
class FusedJournal:
    """A journal whose machine can lose power."""

    inner: Journal
    fuse: Fuse

    def once(self, key: str, value: bytes) -> bytes:
        what = key.split("/", maxsplit=1)[0]
        self.fuse.burn(f"before journal.once {what}")
        found = self.inner.once(key, value)
        self.fuse.burn(f"after journal.once {what}")
        return found

    def get(self, key: str) -> bytes | None:
        return self.inner.get(key)

    def erase(self, key: str) -> None:
        what = key.split("/", maxsplit=1)[0]
        self.fuse.burn(f"before journal.erase {what}")
        self.inner.erase(key)
        self.fuse.burn(f"after journal.erase {what}")


@dataclass
class FusedLedger:
    """A ledger whose writer can lose power."""

    inner: Ledger
    fuse: Fuse

    @property
    def anchor(self) -> Anchor:
        return self.inner.anchor

    @property
    def account(self) -> Address:
        return self.inner.account

    def append(self, record: Record) -> Receipt:
        self.fuse.burn(f"before append {type(record).__name__}")
        receipt = self.inner.append(record)
        self.fuse.burn(f"after append {type(record).__name__}")
        return receipt

    def replay(self, after: Position | None = None) -> list[Entry]:
        return list(self.inner.replay(after))

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        return self.inner.wait(after, timeout_s)


def fused(ports: Ports, fuse: Fuse) -> Ports:
    """Return the same ports on a machine with that fuse."""
    return replace(
        ports,
        ledger=FusedLedger(ports.ledger, fuse),
        vault=FusedVault(ports.vault, fuse, "vault"),
        outbox=FusedVault(ports.outbox, fuse, "outbox"),
        journal=FusedJournal(ports.journal, fuse),
    )


@dataclass
class FusedShares:
    """Shares on a disk whose machine can lose power."""

    inner: Shares
    fuse: Fuse

    def put(self, held: HeldShare) -> None:
        self.fuse.burn("before shares.put")
        self.inner.put(held)
        self.fuse.burn("after shares.put")

    def get(self, use: KeyUse, epoch: int) -> HeldShare:
        return self.inner.get(use, epoch)

    def has(self, use: KeyUse, epoch: int) -> bool:
        return self.inner.has(use, epoch)

    def epochs(self, use: KeyUse) -> Sequence[int]:
        return self.inner.epochs(use)

    def erase(self, use: KeyUse, epoch: int) -> None:
        self.fuse.burn("before shares.erase")
        self.inner.erase(use, epoch)
        self.fuse.burn("after shares.erase")


@dataclass
class FusedKeys:
    """Member keys on a disk whose machine can lose power."""

    inner: MemberKeys
    fuse: Fuse

    def create(self, epoch: int) -> PrivateKey:
        self.fuse.burn("before keys.create")
        key = self.inner.create(epoch)
        self.fuse.burn("after keys.create")
        return key

    def of(self, epoch: int) -> PrivateKey:
        return self.inner.of(epoch)

    def epochs(self) -> Sequence[int]:
        return self.inner.epochs()

    def long_keys(self) -> Sequence[LongPrivateKey]:
        return self.inner.long_keys()

    def destroy(self, epoch: int) -> None:
        self.fuse.burn("before keys.destroy")
        self.inner.destroy(epoch)
        self.fuse.burn("after keys.destroy")


def fused_safe(safe: TrusteeStores, fuse: Fuse) -> TrusteeStores:
    """Return the same disk of a trustee in a machine with that fuse."""
    return TrusteeStores(FusedShares(safe.shares, fuse), FusedKeys(safe.keys, fuse))


def moments(writes: list[str]) -> list[str]:
    return [f"{when} {write}" for write in writes for when in ("before", "after")]


@dataclass
class Switch:
    """A ledger that can be cut off."""

    inner: Ledger
    off: bool = False

    @property
    def anchor(self) -> Anchor:
        return self.inner.anchor

    @property
    def account(self) -> Address:
        return self.inner.account

    def append(self, record: Record) -> Receipt:
        return self.inner.append(record)

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        if self.off:
            raise ChainUnavailable("http://127.0.0.1:8545", "connection refused")
        return self.inner.replay(after)

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        return self.inner.wait(after, timeout_s)
