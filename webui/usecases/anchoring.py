"""Anchors the roots of new records on the ledger, soon after they were made, and proves that a root covers a record.

Invariant: a batch is sent once. After a crash between sending and storing, this asks the ledger which roots it has.

Source: PROTOCOL.md 9, Records; RFC 9162, 2.1.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fl.protocol.codec import JsonValue, write_document
from fl.protocol.errors import HashMismatch, ProofInvalid, UnavailableError, WrongBatch
from fl.protocol.merkle import inclusion_path, verify_inclusion
from fl.protocol.names import Digest, show
from webui.errors import NotFound, RecordMisplaced
from webui.ports.records import Anchored, RecordService
from webui.store.access_log import AccessLog
from webui.store.leaves import LeafPlace, LeafStore
from webui.store.models import Batch, StoredRecord

MOST_WAITING = 64
"""So many leaves do not wait for the time of the next root."""
PROOF_FORMAT = "hemaledger-proof-1"


@dataclass(frozen=True)
class Standing:
    """The place of a record on the ledger; its path to the root has just been computed again."""

    batch: int
    root: Digest
    index: int
    size: int
    block: int | None
    """None until the root is on the ledger."""
    anchored_at: int | None
    confirmed: bool
    """Whether the ledger answered now; otherwise the root is the one that this site stored."""


class Anchoring:
    """Anchors this hospital's records."""

    def __init__(
        self, leaves: LeafStore, service: RecordService, clock: Callable[[], int], log: AccessLog, every_s: int
    ) -> None:
        """Anchor the leaves of records, and the roots of the access log among them, at most every so many seconds."""
        self._every_s = every_s
        self._log = log
        self._leaves = leaves
        self._service = service
        self._clock = clock

    def due(self) -> bool:
        """Return whether to anchor now: a batch is unfinished, many leaves wait, or some do since long."""
        if self._leaves.prepared() is not None:
            return True
        waiting, last = self._leaves.waiting(), self._leaves.last_anchored_at()
        if waiting >= MOST_WAITING:
            return True
        return (waiting > 0 or self._log.waiting()) and (last is None or self._clock() - last >= self._every_s)

    def anchor(self) -> Anchored | None:
        """Anchor all waiting records now; return None if there are none.

        Raises:
            HashMismatch: the ledger has another root of this batch, because a second site uses this account.
            RefusedError: this hospital may not anchor.
            UnavailableError: the chain or the database does not answer.
        """
        roots = self._service.roots()
        prepared = self._leaves.prepared()
        if prepared is None:
            self._log.seal()
        batch = prepared or self._leaves.prepare(len(roots) + 1)
        if batch is None:
            return None
        anchored = next((root for root in roots if root.batch == batch.number), None) or self._send(batch)
        if anchored.root != batch.root:
            raise HashMismatch(anchored.root, batch.root)
        self._leaves.confirm(anchored)
        return anchored

    def standing(self, row: StoredRecord) -> Standing | None:
        """Return the place of a record; None while it waits for its batch.

        Raises:
            RecordMisplaced: its path does not lead to the root, or the ledger has another root or none.
        """
        place = self._leaves.place_of(row.leaf_id)
        if place is None:
            return None
        batch = place.batch
        anchored = self._on_ledger(row, batch)
        root = Digest(batch.root)
        _path(row, place, root)
        stored = anchored or batch
        confirmed = anchored is not None
        return Standing(
            batch.number, root, place.index, batch.size, stored.block, stored.anchored_at, confirmed=confirmed
        )

    def proof(self, row: StoredRecord, file_digest: Digest) -> bytes:
        """Return the inclusion proof of a record; anybody can check it without this site.

        Raises:
            NotFound: the record waits for its root, or was erased.
            RecordMisplaced: the stored leaves do not give the anchored root.
        """
        place = self._leaves.place_of(row.leaf_id)
        if place is None or place.batch.block is None or row.salt is None:
            raise NotFound
        path = _path(row, place, Digest(place.batch.root))
        return write_document(self._document(place, path, row.salt, file_digest))

    def place_of_leaf(self, leaf_id: int) -> LeafPlace | None:
        """Return the place of a receipt's leaf; None while it waits for its batch."""
        return self._leaves.place_of(leaf_id)

    def root_of_leaf(self, leaf_id: int) -> int | None:
        """Return the number of the root on the ledger over a receipt's leaf; None while it waits."""
        return self._leaves.anchored_in(leaf_id)

    def proof_of_leaf(self, leaf_id: int, number: str, leaf: Digest) -> dict[str, JsonValue] | None:
        """Return the path from a receipt's leaf to its root on the ledger; None while it waits for it.

        Raises:
            RecordMisplaced: the stored leaf is another one, or does not lead to the root.
        """
        place = self._leaves.place_of(leaf_id)
        if place is None or place.batch.block is None:
            return None
        root = Digest(place.batch.root)
        try:
            path = inclusion_path(place.leaves, place.index)
            verify_inclusion(leaf, place.index, place.batch.size, path, root)
        except (IndexError, ProofInvalid) as error:
            raise RecordMisplaced(number, "its receipt does not lead to the root of its batch") from error
        return {**self._ledger_facts(place), "path": [show(node) for node in path]}

    def _on_ledger(self, row: StoredRecord, batch: Batch) -> Anchored | None:
        """Return the root of a batch on the ledger; None if it is not there yet or the chain does not answer."""
        if batch.block is None:
            return None
        try:
            roots = self._service.roots()
        except UnavailableError:
            return None
        anchored = next((root for root in roots if root.batch == batch.number), None)
        if anchored is None:
            raise RecordMisplaced(row.number or "", f"the ledger has no batch {batch.number} of this hospital")
        if anchored.root != batch.root:
            raise RecordMisplaced(row.number or "", f"batch {batch.number} has another root here than on the ledger")
        return anchored

    def _document(
        self, place: LeafPlace, path: tuple[Digest, ...], salt: bytes, file_digest: Digest
    ) -> dict[str, JsonValue]:
        return {
            "format": PROOF_FORMAT,
            **self._ledger_facts(place),
            "file_sha256": show(file_digest),
            "salt": show(salt),
            "path": [show(node) for node in path],
        }

    def _ledger_facts(self, place: LeafPlace) -> dict[str, JsonValue]:
        sealer, batch = self._service.sealer(), place.batch
        return {
            "consortium": show(sealer.consortium),
            "chain_id": sealer.chain_id,
            "key_authority": show(sealer.authority),
            "hospital": show(sealer.account),
            "batch": batch.number,
            "root": show(batch.root),
            "block": batch.block,
            "transaction": show(batch.transaction or b""),
            "index": place.index,
            "size": batch.size,
        }

    def _send(self, batch: Batch) -> Anchored:
        try:
            return self._service.anchor(batch.number, Digest(batch.root))
        except WrongBatch:  # another process of this site sent it first
            for root in self._service.roots():
                if root.batch == batch.number:
                    return root
            raise


def _path(row: StoredRecord, place: LeafPlace, root: Digest) -> tuple[Digest, ...]:
    """Return the path from a record's leaf to `root`, or raise RecordMisplaced."""
    try:
        path = inclusion_path(place.leaves, place.index)
        verify_inclusion(row.leaf.digest, place.index, place.batch.size, path, root)
    except (IndexError, ProofInvalid) as error:
        why = f"its place {place.index + 1} in batch {place.batch.number} does not lead to the root {show(root)}"
        raise RecordMisplaced(row.number or "", why) from error
    return path
