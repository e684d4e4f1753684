"""One entry of the log: a record's event, exactly as the chain has it.

Invariant: an entry is the raw event of the contract and never the decoded record: decoding replaces bytes that are not
UTF-8, so it loses something. Everybody who reads the same chain makes the same bytes.

Source: PROTOCOL.md 8T.1; C2SP tlog-tiles (an entry of a bundle has at most 65,535 bytes); RFC 9162, 2.1.1 (leaf hash).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from fl.protocol.codec import Reader, Writer
from fl.protocol.errors import EncodingError
from fl.protocol.names import ADDRESS_BYTES, DIGEST_BYTES, LABEL_PREFIX, Address, Digest

LABEL = "logentry"
ENTRY_CAP = 65_535
"""The most bytes that an entry may have."""
MAX_TOPICS = 4
WHOLE, HASHED = 0, 1
"""The forms of an event's data in an entry: whole, or their SHA-256 where the entry would be too long."""
_HASH = 32


@dataclass(frozen=True)
class LogEntry:
    """A raw event with its place on the chain."""

    consortium: bytes
    """32 bytes."""
    chain_id: int
    contract: Address
    block: int
    index: int
    """Of the event within its block."""
    time: int
    """Seconds since 1970 of the block."""
    block_hash: bytes
    """32 bytes."""
    transaction: bytes
    """Hash of the transaction, 32 bytes."""
    topics: tuple[bytes, ...]
    """32 bytes each."""
    data: bytes

    def encoded(self) -> bytes:
        """Return the entry's bytes; the data are whole if the entry then has at most ENTRY_CAP bytes.

        Raises:
            EncodingError: a field does not fit its width.
        """
        head = self._head()
        whole = head + Writer().u8(WHOLE).text(self.data).bytes()
        if len(whole) <= ENTRY_CAP:
            return whole
        return head + Writer().u8(HASHED).raw(sha256(self.data).digest(), _HASH).bytes()

    @property
    def data_are_hashed(self) -> bool:
        """Return whether the entry's bytes hold only the SHA-256 of the data."""
        return len(self._head()) + 1 + 4 + len(self.data) > ENTRY_CAP

    def leaf(self) -> Digest:
        """Return the hash of this entry in the tree, 32 bytes."""
        return leaf_hash(self.encoded())

    def _head(self) -> bytes:
        if len(self.topics) > MAX_TOPICS:
            raise EncodingError("log entry", f"it has more than {MAX_TOPICS} topics")
        writer = Writer(LABEL).raw(self.consortium, DIGEST_BYTES).u64(self.chain_id)
        writer.raw(self.contract, ADDRESS_BYTES).u64(self.block).u32(self.index).u64(self.time)
        writer.raw(self.block_hash, _HASH).raw(self.transaction, _HASH).u8(len(self.topics))
        for topic in self.topics:
            writer.raw(topic, _HASH)
        return writer.bytes()


def leaf_hash(entry: bytes) -> Digest:
    """Return the hash of an entry's bytes as a leaf of the tree: SHA-256(00 ‖ entry)."""
    return Digest(sha256(b"\x00" + entry).digest())


def parse_entry(raw: bytes, data: bytes = b"") -> LogEntry:
    """Return the event in an entry's bytes.

    Args:
        raw: The entry.
        data: The event's data if the entry holds only their SHA-256; empty otherwise.

    Raises:
        EncodingError: it is not an entry, or `data` are not those of the entry.
    """
    if len(raw) > ENTRY_CAP:
        raise EncodingError("log entry", f"it has more than {ENTRY_CAP} bytes")
    reader = Reader(raw, "log entry")
    label = LABEL_PREFIX + LABEL.encode()
    if raw[: len(label)] != label:
        raise EncodingError("log entry", "it does not begin with its label")
    reader.raw(len(label))
    consortium, chain_id, contract = reader.raw(DIGEST_BYTES), reader.u64(), Address(reader.raw(ADDRESS_BYTES))
    block, index, time = reader.u64(), reader.u32(), reader.u64()
    block_hash, transaction = reader.raw(_HASH), reader.raw(_HASH)
    count = reader.u8()
    if count > MAX_TOPICS:
        raise EncodingError("log entry", f"it has more than {MAX_TOPICS} topics")
    topics = tuple(reader.raw(_HASH) for _ in range(count))
    found = _data(reader, data)
    entry = LogEntry(consortium, chain_id, contract, block, index, time, block_hash, transaction, topics, found)
    if entry.encoded() != raw:
        raise EncodingError("log entry", "its data have the wrong form")
    return entry


def _data(reader: Reader, given: bytes) -> bytes:
    """Return the event's data, which are in the entry or `given` beside it."""
    form = reader.u8()
    if form == WHOLE:
        if given:
            raise EncodingError("log entry", "its data are in the entry, so none may follow it")
        data = reader.raw(reader.u32())
    elif form == HASHED:
        if sha256(given).digest() != reader.raw(_HASH):
            raise EncodingError("log entry", "the data beside it are not its own")
        data = given
    else:
        raise EncodingError("log entry", f"its data have the unknown form {form}")
    reader.end()
    return data
