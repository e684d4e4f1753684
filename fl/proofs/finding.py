"""Finds the entry of the log that proves something about a round, a request or a root.

Source: PROTOCOL.md 8T.2 (what is proven by which record).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from fl.protocol import merkle
from fl.protocol.batches import Batch, cap_of
from fl.protocol.cluster_index import ClusterIndex, index_cap
from fl.protocol.errors import RecordMissing
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Digest
from fl.protocol.ports import Vault
from fl.protocol.records import (
    DecryptionApproved,
    DecryptionRequested,
    Entry,
    FederationOpened,
    KeyRegistered,
    KeyRotated,
    ModelAttested,
    RecordsAnchored,
    RoundFinalised,
    StepsAnchored,
    UpdateCommitted,
    WideFinalised,
)
from fl.protocol.rounds.clusters import Clusters, clusters_of
from fl.protocol.rounds.round import Phase, Round
from fl.protocol.tlog.extra import Inner, InnerClusterStep, InnerStep, Path
from fl.replay.vault_files import read_document

R = TypeVar("R")


@dataclass(frozen=True)
class Found:
    """An entry, and what its proof shows inside it."""

    entry: Entry
    inner: Inner | None = None


@dataclass(frozen=True)
class Records:
    """The entries of the chain, and for the steps of wide rounds the folded ledger and the vault."""

    entries: Sequence[Entry]
    federation: Federation
    vault: Vault

    def model(self, number: int) -> Found:
        """Return what made a round's model final, or raise RecordMissing or WrongRound."""
        kind: type[RoundFinalised | WideFinalised] = RoundFinalised
        if self.federation.round(number).wide is not None:
            kind = WideFinalised
        return Found(self._newest(kind, lambda each: each.round == number, f"model of round {number}"))

    def update(self, number: int, hospital: Address) -> Found:
        """Return how a hospital recorded its update in a round.

        Raises:
            RecordMissing: it recorded none.
            VaultMissing, VaultUnavailable: the file with the steps is not there.
        """
        return self._step(number, hospital, UpdateCommitted, StepsAnchored, Phase.MASK)

    def report(self, number: int, member: Address) -> Found:
        """Return how an auditor, or a hospital, attested a round's model; raises as `update`."""
        return self._step(number, member, ModelAttested, WideFinalised, Phase.PROPOSED)

    def approval(self, request: int, trustee: Address) -> Found:
        """Return how a trustee approved a request, or raise RecordMissing."""
        return Found(
            self._newest(
                DecryptionApproved, lambda each: (each.request, each.sender) == (request, trustee), f"request {request}"
            )
        )

    def root(self, hospital: Address, batch: int) -> Found:
        """Return how a hospital recorded the root of its records, or raise RecordMissing."""
        return Found(
            self._newest(RecordsAnchored, lambda each: (each.batch, each.sender) == (batch, hospital), f"batch {batch}")
        )

    def request(self, number: int) -> Found:
        """Return how somebody asked the trustees, or raise RecordMissing."""
        return Found(self._newest(DecryptionRequested, lambda each: each.request == number, f"request {number}"))

    def key(self, member: Address, epoch: int | None = None) -> Found:
        """Return how a member registered its key of an epoch, by default the newest, or raise RecordMissing."""

        def names(each: object) -> bool:
            if not isinstance(each, KeyRegistered | KeyRotated):
                return False
            return each.sender == member and epoch in {None, each.epoch}

        return Found(self._last(names, "key of this member"))

    def made(self, number: int, digest: Digest) -> Found:
        """Return what made a model final, or opened the ledger with it, or raise RecordMissing."""

        def names(each: object) -> bool:
            if isinstance(each, FederationOpened):
                return (each.last_round, each.model_digest) == (number, digest)
            if isinstance(each, RoundFinalised | WideFinalised):
                return (each.round, each.model_digest) == (number, digest)
            return False

        return Found(self._last(names, f"model of round {number}"))

    def at(self, block: int, index: int) -> Found:
        """Return the entry at a place of the chain, or raise RecordMissing."""
        for entry in self.entries:
            if (entry.position.block, entry.position.index) == (block, index):
                return Found(entry)
        raise RecordMissing(f"event {index} of block {block}")

    def _step(
        self,
        number: int,
        member: Address,
        alone: type[UpdateCommitted | ModelAttested],
        batched: type[StepsAnchored | WideFinalised],
        phase: Phase,
    ) -> Found:
        what = f"step of this member in round {number}"
        current = self.federation.round(number)
        if current.wide is None:
            return Found(self._newest(alone, lambda each: (each.round, each.sender) == (number, member), what))
        entry = self._newest(
            batched,
            lambda each: each.round == number and (not isinstance(each, StepsAnchored) or each.phase == phase),
            what,
        )
        record = entry.record
        if not isinstance(record, StepsAnchored | WideFinalised):
            raise RecordMissing(what)
        clusters = clusters_of(current) if phase == Phase.MASK else None
        if clusters is not None:
            if member not in current.roster:
                raise RecordMissing(what)
            return Found(entry, self._in_cluster(record, current, clusters, member))
        data = read_document(self.vault, record.file_digest, cap_of(record.count, current, phase))
        return Found(entry, _in_batch(Batch.from_bytes(data, current.context, phase), member, what))

    def _in_cluster(
        self, record: StepsAnchored | WideFinalised, current: Round, clusters: Clusters, member: Address
    ) -> InnerClusterStep:
        """Return a hospital's step of MASK, under the root of its cluster."""
        number, count = clusters.number_of(member), len(clusters.parts)
        data = read_document(self.vault, record.file_digest, index_cap(count))
        index = ClusterIndex.from_bytes(data, current.context, Phase.MASK, count)
        file = index.files[number]
        steps = read_document(self.vault, file.digest, cap_of(file.count, current, Phase.MASK))
        batch = Batch.from_bytes(steps, current.context, Phase.MASK)
        found = _in_batch(batch, member, f"update of this hospital in round {current.number}")
        above = merkle.inclusion_path([each.root for each in index.files], number)
        return InnerClusterStep(found.step, found.goes_on, found.path, Path(number, count, above))

    def _newest(self, kind: type[R], fits: Callable[[R], bool], what: str) -> Entry:
        return self._last(lambda each: isinstance(each, kind) and fits(each), what)

    def _last(self, fits: Callable[[object], bool], what: str) -> Entry:
        for entry in reversed(self.entries):
            if fits(entry.record):
                return entry
        raise RecordMissing(what)


def _in_batch(batch: Batch, member: Address, what: str) -> InnerStep:
    """Return a member's step under the root of a file, or raise RecordMissing."""
    step = next((each for each in batch.steps if each.account == member), None)
    if step is None:
        raise RecordMissing(what)
    place, nodes = batch.proof(member)
    return InnerStep(step.to_bytes(), int(member in batch.going), Path(place, len(batch.steps), nodes))
