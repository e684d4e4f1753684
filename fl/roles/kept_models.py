"""A member keeps sealed files of models on its own disk, so that the vault's copy is not the only one.

These are the newest ones, and those to which the coordinator goes back when a hospital withdraws.

Invariant: a copy has the digest that the ledger names. It stays sealed: who takes the disk without the member's key
learns nothing. A full disk, an absent vault or a malformed file in it never stops the
member.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Generic, Protocol, TypeVar

from fl.protocol.errors import HemaledgerError, TooLarge
from fl.protocol.federation import Federation, LedgerOpening
from fl.protocol.names import Blob, Digest, Role
from fl.protocol.ports import Vault
from fl.protocol.rounds.parts import LIST_CAP, named_in
from fl.protocol.rounds.round import Phase, Round
from fl.replay.expected_files import expected_model
from fl.replay.ledger_view import LedgerView
from fl.replay.round_documents import read_manifest, suite_of
from fl.replay.vault_files import read_document
from fl.roles.runner import Agent

KEPT = 3
"""Models, the one in force included."""

A = TypeVar("A", bound=Agent)


class ModelStore(Protocol):
    """Where a member keeps copies."""

    def names(self) -> frozenset[Digest]:
        """Return the digests of the copies."""
        ...

    def put(self, data: Blob) -> Digest:
        """Store a copy durably, or raise StorageFull."""
        ...

    def get(self, digest: Digest, cap: int) -> bytes:
        """Return a copy unverified, or raise VaultMissing or TooLarge."""
        ...

    def delete(self, digest: Digest) -> bool:
        """Remove a copy."""
        ...


class KeepingModels(Generic[A]):
    """An agent that keeps the newest models after each of its steps."""

    def __init__(self, agent: A, vault: Vault, store: ModelStore, kept: int = KEPT) -> None:
        self.inner = agent
        self._vault = vault
        self._store = store
        self._kept = kept
        self._newest = b""
        """The file of the newest model that was kept."""

    @property
    def view(self) -> LedgerView:
        return self.inner.view

    def step(self) -> bool:
        """Do the agent's next thing, then keep a model that became final."""
        acted = self.inner.step()
        self.keep()
        return acted

    def finish(self) -> None:
        self.keep()
        self.inner.finish()

    def keep(self) -> None:
        """Copy the newest models that are not here yet, and remove older ones."""
        newest = newest_models(self.view.federation, self._kept)
        if not newest or newest[-1][1] == self._newest:
            return
        newest += [each for each in bases(self.view.federation) if each not in newest]
        last = newest_models(self.view.federation, 1)[-1][1]
        with suppress(HemaledgerError):
            here, wanted = self._store.names(), set[Digest]()
            for source, digest in newest:
                self._copy(source, digest, here)
                parts = self._parts(digest)
                for part in parts:
                    self._copy(source, part, here)
                wanted |= {digest, *parts}
            for old in here - wanted:
                self._store.delete(old)
            self._newest = last

    def _copy(self, source: Round | LedgerOpening, digest: Digest, here: frozenset[Digest]) -> None:
        """Copy a model's file, or one of its parts, unless it is here."""
        if digest not in here:
            cap = cap_of(self.view.federation, source, self._vault)
            self._store.put(read_document(self._vault, digest, cap))

    def _parts(self, digest: Digest) -> tuple[Digest, ...]:
        """Return the parts that a copy names; none if it is a model in one file."""
        try:
            return named_in(self._store.get(digest, LIST_CAP))
        except TooLarge:
            return ()


def newest_models(federation: Federation, count: int) -> list[tuple[Round | LedgerOpening, Digest]]:
    """Return the newest models that were in force, oldest first, with the digests of their sealed files."""
    parts: list[Round | LedgerOpening] = [*federation.openings]
    parts += [each for each in federation.rounds if each.phase == Phase.FINAL and each.proposal]
    parts.sort(key=lambda part: part.opened.position)
    return [(part, file_of(part)) for part in parts[-count:]]


def bases(federation: Federation) -> list[tuple[Round | LedgerOpening, Digest]]:
    """Return the models before the first round of each active hospital, oldest first.

    To these the coordinator goes back when the hospital withdraws (PROTOCOL.md 5X).
    """
    waiting = {each.account for each in federation.book.having(Role.HOSPITAL)}
    found: dict[Digest, Round | LedgerOpening] = {}
    for current in reversed(list(federation.lineage.ancestors())):
        if not waiting.isdisjoint(current.hospitals):
            source = federation.source_of(current)
            found.setdefault(file_of(source), source)
            waiting.difference_update(current.hospitals)
    return [(source, digest) for digest, source in found.items()]


def file_of(source: Round | LedgerOpening) -> Digest:
    """Return the digest of a model's sealed file."""
    if isinstance(source, LedgerOpening):
        return source.record.envelope_digest
    assert source.proposal is not None  # noqa: S101 - `newest_models` takes only such rounds
    return source.proposal.envelope_digest


def cap_of(federation: Federation, source: Round | LedgerOpening, vault: Vault) -> int:
    """Return the largest size of a model's sealed file; raises as `read_manifest`."""
    before = [each for each in federation.openings if each.opened.position <= source.opened.position]
    return expected_model(source, read_manifest(before[-1], vault).length, suite_of(source, vault)).cap
