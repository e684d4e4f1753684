"""Roots of new records onto the ledger, at least one a day, and the proof that one record is under one of them.

Invariant: a batch is sent once; after a crash between sending and noting, the ledger is asked what it has.

Source: PROTOCOL.md 9, Records; RFC 9162, 2.1.3.
Not here: the tree (fl/protocol/merkle.py); when to look (scripts/, maintenance.py).
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
from webui.store.leaves import LeafPlace, LeafStore
from webui.store.models import Batch, StoredRecord

ONE_DAY_S = 24 * 3600
PROOF_FORMAT = "hemaledger-proof-1"


@dataclass(frozen=True)
class Standing:
    """Where a record stands on the ledger: its path was computed anew, and leads to the root."""

    batch: int
    root: Digest
    index: int
    size: int
    block: int | None
    """None while the root is on its way."""
    anchored_at: int | None
    confirmed: bool
    """Whether the ledger answered just now; else the root is the one that it had when it was noted here."""


class Anchoring:
    """Anchors this hospital's records."""

    def __init__(self, leaves: LeafStore, service: RecordService, clock: Callable[[], int]) -> None:
        self._leaves = leaves
        self._service = service
        self._clock = clock

    def due(self) -> bool:
        """Return whether a root should go out: none for a day and new records, or one that was left unfinished."""
        if self._leaves.prepared() is not None:
            return True
        last = self._leaves.last_anchored_at()
        return self._leaves.waiting() > 0 and (last is None or self._clock() - last >= ONE_DAY_S)

    def anchor(self) -> Anchored | None:
        """Anchor all records that wait, now; None when there are none.

        Raises:
            HashMismatch: the ledger has another root of that batch: a second site works with this account.
            RefusedError: this hospital may not anchor.
            UnavailableError: the chain or the database does not answer.
        """
        roots = self._service.roots()
        prepared = self._leaves.prepared()
        batch = prepared or self._leaves.prepare(len(roots) + 1)
        if batch is None:
            return None
        found = next((root for root in roots if root.batch == batch.number), None) or self._send(batch)
        if found.root != batch.root:
            raise HashMismatch(found.root, batch.root)
        self._leaves.confirm(found)
        return found

    def standing(self, row: StoredRecord) -> Standing | None:
        """Return where a record stands, None while it waits for its batch.

        Raises:
            RecordMisplaced: its path does not lead to the root, or the ledger has another root or none.
        """
        place = self._leaves.place_of(row.leaf_id)
        if place is None:
            return None
        batch = place.batch
        found = self._on_ledger(row, batch)
        root = Digest(batch.root)
        _path(row, place, root)
        block, anchored_at = (found.block, found.anchored_at) if found else (batch.block, batch.anchored_at)
        return Standing(batch.number, root, place.index, batch.size, block, anchored_at, confirmed=found is not None)

    def proof(self, row: StoredRecord, file_digest: Digest) -> bytes:
        """Return the inclusion proof of a record as a document that anybody can check without this site.

        Raises:
            NotFound: the record waits for its root, or was erased.
            RecordMisplaced: the leaves here do not give the root that was anchored.
        """
        place = self._leaves.place_of(row.leaf_id)
        if place is None or place.batch.block is None or row.salt is None:
            raise NotFound
        path = _path(row, place, Digest(place.batch.root))
        return write_document(self._document(place, path, row.salt, file_digest))

    def _on_ledger(self, row: StoredRecord, batch: Batch) -> Anchored | None:
        """Return the root of a batch as the ledger has it now; None when it is on its way, or the chain is silent."""
        if batch.block is None:
            return None
        try:
            roots = self._service.roots()
        except UnavailableError:
            return None
        found = next((root for root in roots if root.batch == batch.number), None)
        if found is None:
            raise RecordMisplaced(row.number or "", f"the ledger has no batch {batch.number} of this hospital")
        if found.root != batch.root:
            raise RecordMisplaced(row.number or "", f"another root than the ledger's is noted for batch {batch.number}")
        return found

    def _document(
        self, place: LeafPlace, path: tuple[Digest, ...], salt: bytes, file_digest: Digest
    ) -> dict[str, JsonValue]:
        sealer, batch = self._service.sealer(), place.batch
        return {
            "format": PROOF_FORMAT,
            "consortium": show(sealer.consortium),
            "chain_id": sealer.chain_id,
            "key_authority": show(sealer.authority),
            "hospital": show(sealer.account),
            "batch": batch.number,
            "root": show(batch.root),
            "block": batch.block,
            "transaction": show(batch.transaction or b""),
            "file_sha256": show(file_digest),
            "salt": show(salt),
            "index": place.index,
            "size": batch.size,
            "path": [show(node) for node in path],
        }

    def _send(self, batch: Batch) -> Anchored:
        try:
            return self._service.anchor(batch.number, Digest(batch.root))
        except WrongBatch:  # another process of this site was faster
            for root in self._service.roots():
                if root.batch == batch.number:
                    return root
            raise


def _path(row: StoredRecord, place: LeafPlace, root: Digest) -> tuple[Digest, ...]:
    """Return the path from a record's leaf to `root`, or raise RecordMisplaced when there is none."""
    try:
        path = inclusion_path(place.leaves, place.index)
        verify_inclusion(row.leaf.digest, place.index, place.batch.size, path, root)
    except (IndexError, ProofInvalid) as error:
        why = f"its place {place.index + 1} in batch {place.batch.number} does not lead to the root {show(root)}"
        raise RecordMisplaced(row.number or "", why) from error
    return path
