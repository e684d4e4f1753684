"""The journal of the embedded chain: every included transaction, in order, durable before it is answered.

Two append-only files, one JSON object per line, each line fsynced:

- `journal.jsonl`: first `{"chain_id", "genesis", "link"}`, then `{"n", "t", "raw", "link"}` per transaction, where
  `link` = SHA-256(previous link ‖ n u64 ‖ t u64 ‖ raw), so a changed line breaks the chain of links.
- `heads.jsonl`: `{"n", "hash", "link"}` per mined block, written after the journal's line and before the answer.

Invariant: the journal has as many transactions as there are heads, or one more (killed between the two writes). A last
line without newline was never answered and is dropped. These faults are detected, with the line: edited, inserted,
swapped or removed lines; a journal or heads file cut at a line; and, by replay, a transaction that gives another block
than recorded. These are not detected: both files cut at the same place, or a folder replaced by an older copy; clients
that saw more then report ChainReorg or WrongChain.

Source: fsync(2).
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fl.protocol import strict_json
from fl.protocol.errors import EncodingError, JournalTampered, JournalUnreadable, StorageFull, refused_write

JOURNAL = "journal.jsonl"
HEADS = "heads.jsonl"
LINE_CAP = 16 * 1024 * 1024
LABEL = b"hemaledger/chain-journal/1"


@dataclass(frozen=True)
class Transaction:
    """One included transaction."""

    number: int
    """Also the number of its block, because every block holds exactly one transaction."""
    timestamp: int
    raw: bytes


@dataclass
class _Lines:
    """An append-only text file; each line is durable when `append` returns."""

    path: Path
    size: int = 0

    def load(self) -> tuple[list[dict[str, Any]], bool]:
        """Return the complete lines, and whether an incomplete one follows."""
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            raw = b""
        except OSError as error:
            raise JournalUnreadable(str(self.path), error.strerror or "it cannot be read") from error
        *complete, tail = raw.split(b"\n")
        self.size = len(raw) - len(tail)
        lines = []
        for number, line in enumerate(complete, start=1):
            try:
                value = strict_json.loads(line, "line", LINE_CAP)
            except EncodingError as error:
                raise JournalTampered(str(self.path), number, "the line is not valid JSON") from error
            if not isinstance(value, dict):
                raise JournalTampered(str(self.path), number, "the line is not an entry")
            lines.append(value)
        return lines, bool(tail)

    def append(self, value: dict[str, Any]) -> None:
        """Write one line durably, or raise StorageFull and leave the file as it was."""
        line = json.dumps(value, separators=(",", ":")).encode() + b"\n"
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.ftruncate(descriptor, self.size)  # remove what a failed write or a crash left
                os.lseek(descriptor, self.size, os.SEEK_SET)
                written = 0
                while written < len(line):
                    written += os.write(descriptor, line[written:])
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, self.size)
                raise
            finally:
                os.close(descriptor)
        except OSError as error:
            raise refused_write(str(self.path), error) from error
        self.size += len(line)


@dataclass
class BlockJournal:
    """The journal of one folder, held by one process (chain.py locks the folder)."""

    folder: Path
    chain_id: int = 0
    genesis: str = ""
    """Hash of block 0; empty until `found` recorded it."""
    transactions: list[Transaction] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    """Hash of block n at index n - 1."""

    def __post_init__(self) -> None:
        self._journal = _Lines(self.folder / JOURNAL)
        self._heads = _Lines(self.folder / HEADS)
        self._links: list[bytes] = []
        self._sealed = 0
        self._load()

    def found(self, chain_id: int, genesis: str) -> None:
        self.chain_id, self.genesis = chain_id, genesis
        link = _first_link(chain_id, genesis)
        self._journal.append({"chain_id": chain_id, "genesis": genesis, "link": link.hex()})
        self._links = [link]
        _fsync_folder(self.folder)

    def append(self, transaction: Transaction) -> None:
        """Record a transaction durably, or raise StorageFull and leave the journal as it was."""
        self._flush_heads()
        link = _next_link(self._links[-1], transaction)
        line = {"n": transaction.number, "t": transaction.timestamp, "raw": transaction.raw.hex(), "link": link.hex()}
        self._journal.append(line)
        self.transactions.append(transaction)
        self._links.append(link)

    def seal(self, block_hash: str) -> None:
        """Record the block of the last transaction.

        If the disk is full, the line waits in memory until the next transaction; the journal already holds this one.
        """
        self.heads.append(block_hash)
        try:
            self._flush_heads()
        except StorageFull:
            return

    def mismatch(self, number: int) -> JournalTampered:
        """Return the error that block `number` differs from the recorded one."""
        why = "its replay gives another block than the recorded one (an edited entry, or another version of Hardhat)"
        return JournalTampered(str(self._journal.path), number + 1, why)

    def _flush_heads(self) -> None:
        while self._sealed < len(self.heads):
            number = self._sealed + 1
            line = {"n": number, "hash": self.heads[number - 1], "link": self._links[number].hex()}
            self._heads.append(line)
            self._sealed = number
            if number == 1:
                _fsync_folder(self.folder)

    def _load(self) -> None:
        lines, torn = self._journal.load()
        heads, heads_torn = self._heads.load()
        self._sealed = len(heads)
        if not lines and not heads and self._heads.path.exists():
            raise self._tampered(1, "it is empty, but blocks were recorded")
        if lines:
            self._read_header(lines[0])
            for number, line in enumerate(lines[1:], start=1):
                self._read_transaction(number, line)
        count = len(self.transactions)
        if len(heads) > count:
            raise self._tampered(count + 2, f"{len(heads)} transactions were answered, but only {count} are here")
        if count - len(heads) > 1 or (torn and count != len(heads)) or (heads_torn and count == len(heads)):
            why = f"it has {len(heads)} heads, but the journal has {count} transactions"
            raise JournalTampered(str(self._heads.path), len(heads) + 1, why)
        for number, line in enumerate(heads, start=1):
            if line.get("n") != number or line.get("link") != self._links[number].hex() or not line.get("hash"):
                raise JournalTampered(str(self._heads.path), number, "it does not belong to the journal's entry")
            self.heads.append(str(line["hash"]))

    def _read_header(self, line: dict[str, Any]) -> None:
        try:
            self.chain_id, self.genesis = int(line["chain_id"]), str(line["genesis"])
            link = _first_link(self.chain_id, self.genesis)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise self._tampered(1, "it is not the first line of a journal") from error
        if line.get("link") != link.hex():
            raise self._tampered(1, "it was edited")
        self._links.append(link)

    def _read_transaction(self, number: int, line: dict[str, Any]) -> None:
        try:
            transaction = Transaction(int(line["n"]), int(line["t"]), bytes.fromhex(line["raw"]))
            link = _next_link(self._links[-1], transaction)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise self._tampered(number + 1, "it is not a transaction") from error
        if transaction.number != number:
            raise self._tampered(number + 1, f"entry {transaction.number} is in the place of entry {number}")
        if line.get("link") != link.hex():
            raise self._tampered(number + 1, "it, or an entry before it, was edited")
        self.transactions.append(transaction)
        self._links.append(link)

    def _tampered(self, line: int, why: str) -> JournalTampered:
        return JournalTampered(str(self._journal.path), line, why)


def _first_link(chain_id: int, genesis: str) -> bytes:
    return hashlib.sha256(LABEL + chain_id.to_bytes(8, "big") + genesis.encode()).digest()


def _next_link(link: bytes, transaction: Transaction) -> bytes:
    place = transaction.number.to_bytes(8, "big") + transaction.timestamp.to_bytes(8, "big")
    return hashlib.sha256(link + place + transaction.raw).digest()


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
