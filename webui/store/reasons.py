"""Why somebody asked for a record: a reason from a list, and a sealed sentence.

Invariant: the sentence is stored only as a sealed file, and it is deleted with the record that it is about. Neither
goes to the ledger.

Source: PROTOCOL.md 9, Requests (the ledger has the purpose, and no reason).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from fl.crypto.capsule import Readers, RecordPolicy
from fl.protocol.names import Digest
from webui.ports.consent import mask_of, purposes_in
from webui.ports.decryption_requests import AskReason
from webui.ports.records import SealedRecord
from webui.store.database import Database
from webui.store.doctor_tables import RequestReason
from webui.store.models import RequestRow


@dataclass(frozen=True)
class StoredReason:
    """A reason and its sealed sentence."""

    reason: AskReason
    sealed: SealedRecord | None
    """None if there is no sentence, or if it was deleted with the record."""
    leaf: Digest | None
    """The digest of the sealed sentence when it was stored."""


class ReasonStore:
    """The reasons of this site's requests."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, request_rows: Sequence[int]) -> Mapping[int, StoredReason]:
        """Return the reasons of some requests by their rows; those without a reason are missing."""
        query = select(RequestReason).where(RequestReason.request_row.in_(request_rows))
        with self._database.reading() as session:
            return {row.request_row: _stored(row) for row in session.scalars(query)}


def keep_reason(session: Session, request_row: int, reason: AskReason, sealed: SealedRecord | None) -> None:
    """Add the reason of a request within a write."""
    row = RequestReason(request_row=request_row, reason=int(reason))
    if sealed is not None:
        row.file, row.salt, row.leaf = sealed.file, sealed.salt, sealed.leaf
        row.record_id, row.consent = sealed.policy.record, mask_of(sealed.policy.consent)
        row.key_id, row.key_epoch = sealed.key_id, sealed.key_epoch
    session.add(row)


def forget_sentences(session: Session, record_rows: Sequence[int]) -> None:
    """Delete the sentences of all requests for some records, within a write."""
    requests = select(RequestRow.id).where(RequestRow.record_row.in_(record_rows))
    nothing = dict.fromkeys(("file", "salt", "leaf", "record_id", "consent", "key_id", "key_epoch"))
    session.execute(update(RequestReason).where(RequestReason.request_row.in_(requests)).values(nothing))


def _stored(row: RequestReason) -> StoredReason:
    reason = AskReason(row.reason)
    if row.file is None or row.salt is None or row.record_id is None or row.key_id is None or row.leaf is None:
        return StoredReason(reason, None, None)
    policy = RecordPolicy(row.record_id, Readers.HOSPITAL_AND_TRUSTEES, purposes_in(row.consent or 0))
    return StoredReason(
        reason, SealedRecord(row.file, row.salt, policy, row.key_id, row.key_epoch or 0), Digest(row.leaf)
    )
