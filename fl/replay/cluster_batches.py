"""Reads and writes the batches of a round with clusters: an index, and one file of steps for each cluster.

Invariant: who looks at its own cluster reads all files of that cluster, and of the clusters beside only who advertised
which keys and who goes on, to know its partners. It checks every signature in every file that it reads. Whoever looks
at all clusters reads all files.

Source: PROTOCOL.md 5W.5.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from fl.protocol.batches import Batch, Step, cap_of, record_of
from fl.protocol.cluster_index import SPLIT, ClusterFile, ClusterIndex, index_cap
from fl.protocol.errors import BelowThreshold, EncodingError
from fl.protocol.names import DIGEST_BYTES, Address, Digest
from fl.protocol.parcels import with_received, without_received
from fl.protocol.ports import Endorser, Vault
from fl.protocol.records import (
    BatchRecord,
    ClustersClosed,
    ClustersFrozen,
    ClusterTerms,
    KeysAdvertised,
    ModelProposed,
    Record,
    StepsAnchored,
    WideProposed,
)
from fl.protocol.rounds.clusters import Clusters, clusters_of, numbers_seen, terms_of
from fl.protocol.rounds.round import Phase, Round, clusters_digest
from fl.replay.batch_checks import Claimed, check_batch
from fl.replay.vault_files import read_document

OF_PARTNERS = (Phase.ADVERTISE, Phase.COMPLAIN)
"""The phases whose files of the clusters beside a hospital reads: the keys of its partners, and who of them goes on."""


@dataclass(frozen=True)
class Clustered:
    """A phase of a round with clusters, for one reader."""

    current: Round
    phase: Phase
    clusters: Clusters
    terms: ClusterTerms
    vault: Vault
    endorser: Endorser

    @classmethod
    def of(cls, current: Round, phase: Phase, vault: Vault, endorser: Endorser) -> Clustered | None:
        """Return the phase of a round, None if it is in one file: the round has no clusters, or hospitals attest."""
        clusters, terms = clusters_of(current), terms_of(current)
        if clusters is None or terms is None or phase not in SPLIT:
            return None
        return cls(current, phase, clusters, terms, vault, endorser)

    def records(self, record: BatchRecord) -> list[Record]:
        """Return what a reader sees in place of the record of a batch.

        Raises:
            VaultMissing, TooLarge, HashMismatch: a file is not there, or has other bytes.
            EncodingError, SignatureInvalid: index or file do not fit the ledger.
            BelowThreshold: too few of a cluster go on, signed the set, or answered.
        """
        index = self._index(record)
        files = [self._file(index, number) for number in numbers_seen(self.current)]
        steps = [record_of(each, self.phase, self.current.number) for batch, _ in files for each in batch.steps]
        going = tuple(sorted(account for batch, _ in files for account in batch.going))
        received = {account: digest for _, of_cluster in files for account, digest in of_cluster.items()}
        return [*steps, *self._closing(record, index, going, received)]

    def _index(self, record: BatchRecord) -> ClusterIndex:
        count = len(self.clusters.parts)
        data = read_document(self.vault, record.file_digest, index_cap(count))
        index = ClusterIndex.from_bytes(data, self.current.context, self.phase, count)
        claimed = Claimed.of(record)
        if Claimed(index.count, index.going, index.root) != claimed:
            raise EncodingError("index of clusters", "its numbers or its root are not those on the ledger")
        fewest = self.current.terms.threshold if self.phase == Phase.UNMASK else self.terms.fewest
        for each, members in zip(index.files, self.clusters.members, strict=True):
            if not each.going <= each.count <= len(members):
                raise EncodingError("index of clusters", "a cluster has more steps than hospitals")
            if each.going < fewest:
                raise BelowThreshold(each.going, fewest)
        return index

    def _file(self, index: ClusterIndex, number: int) -> tuple[Batch, Mapping[Address, Digest]]:
        """Return the steps of one cluster, checked; in SHARE also the file of parcels for each that goes on."""
        file, current = index.files[number], self.current
        tail = file.going if self.phase == Phase.SHARE else 0
        data = read_document(self.vault, file.digest, cap_of(file.count, current, self.phase) + DIGEST_BYTES * tail)
        data, received = without_received(data, tail)
        batch = Batch.from_bytes(data, current.context, self.phase)
        check_batch(batch, Claimed(file.count, file.going, file.root), current, self.endorser)
        members = frozenset(self.clusters.members[number])
        if any(each.account not in members for each in batch.steps):
            raise EncodingError("batch of steps", "it has a step of another cluster")
        return batch, dict(zip(sorted(batch.going), received, strict=False))

    def _closing(
        self,
        record: BatchRecord,
        index: ClusterIndex,
        going: tuple[Address, ...],
        received: Mapping[Address, Digest],
    ) -> Iterator[Record]:
        """Yield what ends the phase; nothing in AGREE, which ends by itself."""
        number, root = self.current.number, index.root
        match record:
            case StepsAnchored(phase=Phase.MASK):
                digest = clusters_digest(self.current.anchor, number, root)
                yield ClustersFrozen(record.sender, number, going, digest, root)
            case StepsAnchored(phase=Phase.ADVERTISE | Phase.SHARE | Phase.COMPLAIN):
                across = tuple(self._across(index))
                files = tuple(received[who] for who in going if who in received)
                yield ClustersClosed(record.sender, number, self.phase, going, root, across, files)
            case WideProposed():
                yield ModelProposed(record.sender, number, record.model_digest, record.envelope_digest)
            case _:
                return

    def _across(self, index: ClusterIndex) -> Iterator[KeysAdvertised]:
        """Yield the keys of the reader's partners that go on; nothing for who looks at all clusters."""
        viewer, current = self.current.viewer, self.current
        if viewer is None or viewer not in current.roster:
            return
        if self.phase not in OF_PARTNERS:
            yield from current.across.values()
            return
        partners = frozenset(self.clusters.partners(viewer))
        for number in self.clusters.beside(self.clusters.number_of(viewer)):
            batch, _ = self._file(index, number)
            for step in batch.steps:
                if step.account in partners & batch.going:
                    yield from self._keys(step)

    def _keys(self, step: Step) -> Iterator[KeysAdvertised]:
        """Yield a partner's keys: those of its step of ADVERTISE, which are known in COMPLAIN."""
        made = record_of(step, self.phase, self.current.number)
        if isinstance(made, KeysAdvertised):
            yield made
        elif step.account in self.current.across:
            yield self.current.across[step.account]


@dataclass(frozen=True)
class Written:
    """What the ledger says of the steps of a phase."""

    count: int
    going: int
    root: Digest
    file_digest: Digest


def write(
    current: Round,
    steps: Mapping[Address, Step],
    going: Collection[Address],
    vault: Vault,
    received: Mapping[Address, Digest] = MappingProxyType({}),
) -> Written:
    """Put the file of the steps of a phase into the vault, with clusters one of each and the index.

    `received`: with clusters, in SHARE, the file of parcels for each that goes on.
    """
    phase, clusters = current.phase, clusters_of(current)
    if clusters is None or phase not in SPLIT:
        batch = Batch(current.context, phase, tuple(steps[who] for who in sorted(steps)), frozenset(going))
        return Written(len(batch.steps), len(batch.going), batch.root, vault.put(batch.to_bytes()))
    files = tuple(_written(current, members, (steps, going, received), vault) for members in clusters.members)
    index = ClusterIndex(current.context, phase, files)
    return Written(index.count, index.going, index.root, vault.put(index.to_bytes()))


def _written(
    current: Round,
    members: Sequence[Address],
    made: tuple[Mapping[Address, Step], Collection[Address], Mapping[Address, Digest]],
    vault: Vault,
) -> ClusterFile:
    steps, going, received = made
    chosen = tuple(steps[each] for each in members if each in steps)
    batch = Batch(current.context, current.phase, chosen, frozenset(going) & frozenset(members))
    data = with_received(batch.to_bytes(), {who: received[who] for who in members if who in received})
    return ClusterFile(len(chosen), len(batch.going), batch.root, vault.put(data))
