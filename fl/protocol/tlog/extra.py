"""What a proof carries beside the standard part: the entry itself, its signed transaction, and further paths.

C2SP says that this part is not authenticated: each field is checked against the entry, or is a checksum (the seal).

Layout (PROTOCOL.md 8T.4; `u32 x` is a u32 length and the bytes):
    "BAFL/1/extra" ‖ u32 entry ‖ u32 data ‖ u32 transaction ‖ u8 inner ‖ … ‖ u8 binding ‖ … ‖ seal[32]
    inner 0: nothing | 1: u32 step ‖ u8 goesOn ‖ PATH | 2: leaf[32] ‖ PATH | 3: u32 line ‖ PATH ‖ u32 batch ‖ PATH
          | 4: u32 step ‖ u8 goesOn ‖ PATH ‖ PATH
    binding 0: nothing | 1: u32 header ‖ u32 transaction index ‖ u8 event ‖ NODES receipts ‖ NODES transactions
    PATH = u32 index ‖ u32 size ‖ u8 n ‖ n·[32]        NODES = u8 n ‖ n·(u32 node)

Source: PROTOCOL.md 8T.4.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.codec import Reader, Writer
from fl.protocol.errors import EncodingError
from fl.protocol.names import DIGEST_BYTES, LABEL_PREFIX

LABEL = "extra"
MOST_NODES = 63
MOST_TRIE_NODES = 64
_HASH = 32
_STEP, _LEAF, _LINE, _CLUSTER_STEP = 1, 2, 3, 4
_RECEIPT = 1


@dataclass(frozen=True)
class Path:
    """Where a leaf is in a tree of a record, and the nodes from its neighbour up."""

    index: int
    size: int
    nodes: tuple[bytes, ...]


@dataclass(frozen=True)
class InnerStep:
    """A member's signed step under the root of a batch of a wide round (PROTOCOL.md 5W.2)."""

    step: bytes
    goes_on: int
    """As the batch's file has it: 1 if this hospital goes on."""
    path: Path


@dataclass(frozen=True)
class InnerLeaf:
    """A patient record's salted leaf under an anchored root (PROTOCOL.md 9)."""

    leaf: bytes
    """32 bytes."""
    path: Path


@dataclass(frozen=True)
class InnerLine:
    """A line of the access log, under its batch, under an anchored root."""

    line: bytes
    path: Path
    batch: bytes
    """The batch's leaf bytes."""
    above: Path


@dataclass(frozen=True)
class InnerClusterStep:
    """A member's signed step under the root of its cluster, under the root of a batch (PROTOCOL.md 5W.5)."""

    step: bytes
    goes_on: int
    path: Path
    """Among the steps of the cluster."""
    above: Path
    """Of the cluster's root among the clusters."""


Inner = InnerStep | InnerLeaf | InnerLine | InnerClusterStep


@dataclass(frozen=True)
class ReceiptBinding:
    """Shows that a block holds CheckpointAnchored of the proof's checkpoint, and who signed its transaction."""

    header: bytes
    """RLP of the block's header."""
    transaction_index: int
    event: int
    """The place of CheckpointAnchored among the events of its receipt."""
    receipts: tuple[bytes, ...]
    """Nodes of the block's receipt trie, from the root down."""
    transactions: tuple[bytes, ...]


@dataclass(frozen=True)
class Extra:
    """The parts, without the seal."""

    entry: bytes
    """The log entry's bytes."""
    data: bytes
    """The event's data, if the entry holds only their SHA-256; otherwise empty."""
    transaction: bytes
    """The raw signed transaction that made the event."""
    inner: Inner | None = None
    binding: ReceiptBinding | None = None

    def encoded(self) -> bytes:
        """Return the layout's bytes, without the seal."""
        writer = Writer(LABEL).text(self.entry).text(self.data).text(self.transaction)
        _write_inner(writer, self.inner)
        _write_binding(writer, self.binding)
        return writer.bytes()


def parse_extra(raw: bytes) -> Extra:
    """Return the parts of an extra line without its seal, or raise EncodingError."""
    label = LABEL_PREFIX + LABEL.encode()
    reader = Reader(raw, "proof")
    if raw[: len(label)] != label:
        raise EncodingError("proof", "its extra line does not begin with its label")
    reader.raw(len(label))
    extra = Extra(_sized(reader), _sized(reader), _sized(reader), _read_inner(reader), _read_binding(reader))
    reader.end()
    return extra


def _sized(reader: Reader) -> bytes:
    return reader.raw(reader.u32())


def _write_path(writer: Writer, path: Path) -> None:
    writer.u32(path.index).u32(path.size).u8(len(path.nodes))
    for node in path.nodes:
        writer.raw(node, _HASH)


def _read_path(reader: Reader) -> Path:
    index, size, count = reader.u32(), reader.u32(), reader.u8()
    if count > MOST_NODES:
        raise EncodingError("proof", f"a path has more than {MOST_NODES} nodes")
    return Path(index, size, tuple(reader.raw(_HASH) for _ in range(count)))


def _write_inner(writer: Writer, inner: Inner | None) -> None:
    if inner is None:
        writer.u8(0)
    elif isinstance(inner, InnerStep):
        writer.u8(_STEP).text(inner.step).u8(inner.goes_on)
        _write_path(writer, inner.path)
    elif isinstance(inner, InnerClusterStep):
        writer.u8(_CLUSTER_STEP).text(inner.step).u8(inner.goes_on)
        _write_path(writer, inner.path)
        _write_path(writer, inner.above)
    elif isinstance(inner, InnerLeaf):
        writer.u8(_LEAF).raw(inner.leaf, DIGEST_BYTES)
        _write_path(writer, inner.path)
    else:
        writer.u8(_LINE).text(inner.line)
        _write_path(writer, inner.path)
        writer.text(inner.batch)
        _write_path(writer, inner.above)


def _read_inner(reader: Reader) -> Inner | None:
    kind = reader.u8()
    if kind == 0:
        return None
    if kind == _STEP:
        return InnerStep(_sized(reader), reader.u8(), _read_path(reader))
    if kind == _LEAF:
        return InnerLeaf(reader.raw(DIGEST_BYTES), _read_path(reader))
    if kind == _LINE:
        return InnerLine(_sized(reader), _read_path(reader), _sized(reader), _read_path(reader))
    if kind == _CLUSTER_STEP:
        return InnerClusterStep(_sized(reader), reader.u8(), _read_path(reader), _read_path(reader))
    raise EncodingError("proof", f"it has an inner part of the unknown kind {kind}")


def _write_binding(writer: Writer, binding: ReceiptBinding | None) -> None:
    if binding is None:
        writer.u8(0)
        return
    writer.u8(_RECEIPT).text(binding.header).u32(binding.transaction_index).u8(binding.event)
    for nodes in (binding.receipts, binding.transactions):
        writer.u8(len(nodes))
        for node in nodes:
            writer.text(node)


def _read_binding(reader: Reader) -> ReceiptBinding | None:
    kind = reader.u8()
    if kind == 0:
        return None
    if kind != _RECEIPT:
        raise EncodingError("proof", f"it is tied to the chain in the unknown way {kind}")
    header, index, event = _sized(reader), reader.u32(), reader.u8()
    return ReceiptBinding(header, index, event, _nodes(reader), _nodes(reader))


def _nodes(reader: Reader) -> tuple[bytes, ...]:
    count = reader.u8()
    if count > MOST_TRIE_NODES:
        raise EncodingError("proof", f"a path of the chain has more than {MOST_TRIE_NODES} nodes")
    return tuple(_sized(reader) for _ in range(count))
