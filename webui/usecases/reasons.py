"""The reason why a doctor asks for a record, for the trustees who decide and for the patient.

Invariant: a sentence is sealed before it is stored, and it names its record, so that no sentence can be shown for
another request. The ledger gets neither sentence nor reason.

Source: PROTOCOL.md 9 (requests).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fl.crypto.capsule import RECORD_ID_BYTES, Readers, RecordPolicy
from fl.protocol.codec import Fields, parse_document, write_document
from fl.protocol.errors import EncodingError, MalformedError, RecipientNotFound, TamperedError
from webui.ports.decryption_requests import AskReason
from webui.ports.records import RecordService, SealedRecord
from webui.store.models import RequestRow, StoredRecord
from webui.store.reasons import ReasonStore, StoredReason

FORMAT = "hemaledger-reason-1"
MAX_SENTENCE_CHARS = 300
_WHAT = "reason of a request"


@dataclass(frozen=True)
class Why:
    """Why somebody asks for a record."""

    reason: AskReason
    sentence: str = ""
    """At most MAX_SENTENCE_CHARS; may be empty."""
    damaged: bool = False
    """Whether the stored sentence cannot be read."""


class Reasons:
    """Seals and opens the reasons of requests."""

    def __init__(self, store: ReasonStore, service: RecordService) -> None:
        self._store = store
        self._service = service

    def seal(self, record: StoredRecord, why: Why) -> SealedRecord | None:
        """Return the sealed sentence of a request for `record`; None if there is none."""
        if not why.sentence:
            return None
        body = write_document({"format": FORMAT, "record": record.id, "sentence": why.sentence[:MAX_SENTENCE_CHARS]})
        policy = RecordPolicy(secrets.token_bytes(RECORD_ID_BYTES), Readers.HOSPITAL_AND_TRUSTEES, frozenset())
        return self._service.seal(policy, body)

    def of(self, rows: Sequence[RequestRow]) -> Mapping[int, Why]:
        """Return the reasons of some requests by their rows; only for people who may read them."""
        stored = self._store.of([row.id for row in rows])
        return {row.id: self._open(row, stored[row.id]) for row in rows if row.id in stored}

    def _open(self, row: RequestRow, stored: StoredReason) -> Why:
        if stored.sealed is None or stored.leaf is None:
            return Why(stored.reason)
        try:
            body = self._service.open(stored.sealed, stored.leaf)
            fields = Fields(parse_document(body, _WHAT), _WHAT)
            fields.only("format", "record", "sentence")
            if fields.text("format") != FORMAT or fields.integer("record") != row.record_row:
                raise EncodingError(_WHAT, "it belongs to another request")
            return Why(stored.reason, fields.text("sentence"))
        except (TamperedError, MalformedError, RecipientNotFound):
            return Why(stored.reason, damaged=True)
