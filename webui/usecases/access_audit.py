"""Checks the whole access log: every line under its root, every root under the ledger's.

Invariant: nothing here changes the log.

Source: RFC 9162, 2.1.3 (inclusion proofs).
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors import ProofInvalid, UnavailableError
from fl.protocol.merkle import inclusion_path, verify_inclusion
from fl.protocol.names import Digest
from webui.account_errors import AccessLogChanged
from webui.ports.records import RecordService
from webui.store.access_log import AccessLog, leaf_of
from webui.store.account_tables import AccessBatch
from webui.store.leaves import LeafStore


@dataclass(frozen=True)
class CheckedRoot:
    """One root of the log after its check."""

    batch: AccessBatch
    block: int | None
    """The block of the ledger that covers it; None if it waits, or the ledger does not answer."""
    problem: str = ""
    """A sentence if something does not agree."""


class AccessAudit:
    """Checks of the log."""

    def __init__(self, log: AccessLog, leaves: LeafStore, service: RecordService) -> None:
        self._log = log
        self._leaves = leaves
        self._service = service

    def check(self) -> list[CheckedRoot]:
        """Compute all roots again and compare them with the ledger, the newest first."""
        try:
            roots = {root.batch: (Digest(root.root), root.block) for root in self._service.roots()}
        except UnavailableError:
            roots = None
        return [self._one(batch, roots) for batch in self._log.batches()]

    def _one(self, batch: AccessBatch, roots: dict[int, tuple[Digest, int]] | None) -> CheckedRoot:
        try:
            self._log.check(batch)
            return CheckedRoot(batch, self._block(batch, roots))
        except AccessLogChanged as error:
            return CheckedRoot(batch, None, str(error))

    def _block(self, batch: AccessBatch, roots: dict[int, tuple[Digest, int]] | None) -> int | None:
        place = self._leaves.place_of(batch.leaf_id)
        if place is None:
            return None
        try:
            path = inclusion_path(place.leaves, place.index)
            verify_inclusion(Digest(leaf_of(batch)), place.index, place.batch.size, path, Digest(place.batch.root))
        except (IndexError, ProofInvalid) as error:
            raise AccessLogChanged(batch.number, "its leaf does not lead to the root of its day") from error
        if roots is None or place.batch.block is None:
            return None
        on_ledger = roots.get(place.batch.number)
        if on_ledger is None or on_ledger[0] != place.batch.root:
            raise AccessLogChanged(batch.number, "the ledger has another root of that day, or none")
        return on_ledger[1]
