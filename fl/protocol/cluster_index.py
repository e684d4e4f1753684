"""The index of a phase of a round with clusters: one file of steps for each cluster, and one file that names them.

Who reads one cluster needs the index, that cluster's file, and little else; whoever has the root of the phase on the
ledger has a digest of all steps of all clusters.

Invariant: one list of files has one index and one root.

Layout (big-endian):
    index = "BAFL/1/clusters" ‖ context[32] ‖ phase:u8 ‖ G:u16 ‖ G·(n:u16 ‖ going:u16 ‖ root[32] ‖ SHA-256(file)[32])
    root  = MTH(root_1 … root_G)                                                       RFC 9162, 2.1.1

Source: PROTOCOL.md 5W.5.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol import merkle
from fl.protocol.codec import Reader, Writer
from fl.protocol.errors import EncodingError
from fl.protocol.names import DIGEST_BYTES, Digest
from fl.protocol.rounds.round import Phase

SPLIT = (Phase.ADVERTISE, Phase.SHARE, Phase.COMPLAIN, Phase.MASK, Phase.AGREE, Phase.UNMASK)
"""The phases with an index; attestations are in one file, because few make them and all read them."""
_LABEL, _WHAT = "clusters", "index of clusters"
_FILE_BYTES = 2 + 2 + 2 * DIGEST_BYTES


@dataclass(frozen=True)
class ClusterFile:
    """The steps of one cluster in one phase."""

    count: int
    """u16: how many steps."""
    going: int
    """u16: how many of their hospitals go on."""
    root: Digest
    """Of the tree over the steps (batches.Batch.root)."""
    digest: Digest
    """SHA-256 of the file."""


@dataclass(frozen=True)
class ClusterIndex:
    """The files of one phase, by the number of their cluster."""

    context: bytes
    """Of the round (Round.context), 32 bytes."""
    phase: Phase
    files: tuple[ClusterFile, ...]

    @property
    def count(self) -> int:
        return sum(each.count for each in self.files)

    @property
    def going(self) -> int:
        return sum(each.going for each in self.files)

    @property
    def root(self) -> Digest:
        return merkle.root_of([each.root for each in self.files])

    def to_bytes(self) -> bytes:
        writer = _head(self.context, self.phase).u16(len(self.files))
        for each in self.files:
            writer.u16(each.count).u16(each.going).raw(each.root, DIGEST_BYTES).raw(each.digest, DIGEST_BYTES)
        return writer.bytes()

    @classmethod
    def from_bytes(cls, data: bytes, context: bytes, phase: Phase, clusters: int) -> ClusterIndex:
        """Parse an index; raise EncodingError for another layout, round, phase or number of clusters."""
        reader, head = Reader(data, _WHAT), _head(context, phase).u16(clusters).bytes()
        if reader.raw(len(head)) != head:
            raise EncodingError(_WHAT, "it belongs to another round or phase, or has another number of clusters")
        files = tuple(_file(reader) for _ in range(clusters))
        reader.end()
        return cls(context, phase, files)


def index_cap(clusters: int) -> int:
    """Return the size of an index, in bytes."""
    return len(_head(bytes(32), Phase.NONE).bytes()) + 2 + clusters * _FILE_BYTES


def _file(reader: Reader) -> ClusterFile:
    count, going = reader.u16(), reader.u16()
    return ClusterFile(count, going, Digest(reader.raw(DIGEST_BYTES)), Digest(reader.raw(DIGEST_BYTES)))


def _head(context: bytes, phase: Phase) -> Writer:
    return Writer(_LABEL).raw(context, 32).u8(phase)
