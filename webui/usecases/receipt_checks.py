"""Compares a receipt with the ledger, for anybody who has one.

Invariant: *unchanged* is said only after the receipt's own bytes gave the leaf again, and the leaf led to a root that
the ledger names for this hospital.

Source: RFC 9162, 2.1.3.2 (verification).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError, ProofInvalid, UnavailableError
from fl.protocol.merkle import SALT_BYTES, verify_inclusion
from fl.protocol.names import DIGEST_BYTES, Digest, parse_hex, show
from fl.protocol.strict_json import loads
from webui.ports.federation import AuditService
from webui.ports.records import Anchored, RecordService
from webui.store.receipts import ReceiptStore
from webui.usecases.anchoring import Anchoring
from webui.usecases.receipts import FORMAT, FORMATS, leaf_of, path_in

RECEIPT_CAP = 256 * 1024
"""Bytes of a receipt; one with 20 pictures has about 12 kB."""
WHAT = "receipt"


class Compared(StrEnum):
    """What a comparison found."""

    PROVED = "proved"
    """It is unchanged, and the ledger names its root."""
    WAITING = "waiting"
    """This site knows it; its root is not on the ledger yet."""
    CHANGED = "changed"
    """It was changed, or was never issued here."""
    ELSEWHERE = "elsewhere"
    """Another hospital issued it."""
    SILENT = "silent"
    """The ledger does not answer."""


@dataclass(frozen=True)
class Comparison:
    """The result for a page."""

    state: Compared
    leaf: Digest
    anchored: Anchored | None = None
    core: dict[str, JsonValue] | None = None
    """What the receipt says; None if only its leaf was given."""
    model_named: bool | None = None
    """Whether the ledger names the receipt's model; None if nobody asked, it is silent, or the model is of a table."""

    @property
    def model_digest(self) -> Digest:
        """Return the digest of the receipt's model; raise EncodingError without one."""
        model = Fields(Fields(self.core or {}, WHAT).mapping("model"), WHAT)
        return Digest(parse_hex(model.text("model_digest"), DIGEST_BYTES, WHAT))


class ReceiptChecks:
    """Compares receipts."""

    def __init__(self, store: ReceiptStore, anchoring: Anchoring, records: RecordService, audits: AuditService) -> None:
        self._store = store
        self._anchoring = anchoring
        self._records = records
        self._audits = audits

    def of_file(self, data: bytes) -> Comparison:
        """Compare a receipt.

        Raises:
            EncodingError: it is not one.
        """
        core, salt, stated, ledger = _parse(data)
        leaf = leaf_of(core, salt)
        if leaf != stated:
            return Comparison(Compared.CHANGED, leaf, core=core)
        if Fields(core, WHAT).text("hospital") != show(self._records.sealer().account):
            return Comparison(Compared.ELSEWHERE, leaf, core=core)
        found = self._by_path(leaf, ledger) if ledger is not None else None
        state, anchored = found or self._by_store(leaf)
        return Comparison(state, leaf, anchored, core, self._model_named(core))

    def of_leaf(self, leaf: Digest) -> Comparison:
        """Look up the fingerprint of a receipt, as its QR code has it."""
        state, anchored = self._by_store(leaf)
        return Comparison(state, leaf, anchored)

    def _by_path(self, leaf: Digest, ledger: dict[str, JsonValue]) -> tuple[Compared, Anchored | None] | None:
        """Follow the path in the receipt; None if its root is not on the ledger."""
        fields = Fields(ledger, WHAT)
        path, root = path_in(fields, WHAT), Digest(parse_hex(fields.text("root"), DIGEST_BYTES, WHAT))
        try:
            verify_inclusion(leaf, fields.integer("index"), fields.integer("size"), path, root)
            roots = self._records.roots()
        except ProofInvalid:
            return Compared.CHANGED, None
        except UnavailableError:
            return Compared.SILENT, None
        batch = fields.integer("batch")
        anchored = next((each for each in roots if each.batch == batch and each.root == root), None)
        return (Compared.PROVED, anchored) if anchored is not None else None

    def _by_store(self, leaf: Digest) -> tuple[Compared, Anchored | None]:
        """Find the leaf among the receipts of this site."""
        leaf_id = self._store.leaf_of(leaf)
        if leaf_id is None:
            return Compared.CHANGED, None
        place = self._anchoring.place_of_leaf(leaf_id)
        if place is None or place.batch.block is None:
            return Compared.WAITING, None
        try:
            roots = self._records.roots()
        except UnavailableError:
            return Compared.SILENT, None
        root = Digest(place.batch.root)
        anchored = next((each for each in roots if each.batch == place.batch.number and each.root == root), None)
        return (Compared.PROVED if anchored is not None else Compared.CHANGED), anchored

    def _model_named(self, core: dict[str, JsonValue]) -> bool | None:
        """Return whether the ledger names a receipt's model; None for a table's, which has a federation of its own."""
        if "row" in core:
            return None
        digest = parse_hex(
            Fields(Fields(core, WHAT).mapping("model"), WHAT).text("envelope_digest"), DIGEST_BYTES, WHAT
        )
        try:
            return bool(self._audits.look_up(Digest(digest)).places)
        except UnavailableError:
            return None


def _parse(data: bytes) -> tuple[dict[str, JsonValue], bytes, Digest, dict[str, JsonValue] | None]:
    """Return core, salt, stated leaf and ledger facts; blanks and order do not matter, so that a paste works."""
    value = loads(data, WHAT, RECEIPT_CAP)
    if not isinstance(value, dict):
        raise EncodingError(WHAT, "it is not a JSON object")
    fields = Fields(value, WHAT)
    if fields.text("format") not in FORMATS:
        raise EncodingError(WHAT, "its format is unknown")
    newer = {"proof", *({"model_now"} & set(value))} if fields.text("format") == FORMAT else set[str]()
    fields.only("format", "core", "salt", "leaf", "ledger", "software", "issued_at", *newer)
    salt = parse_hex(fields.text("salt"), SALT_BYTES, WHAT)
    leaf = Digest(parse_hex(fields.text("leaf"), DIGEST_BYTES, WHAT))
    ledger = fields.mapping("ledger") if value.get("ledger") is not None else None
    return fields.mapping("core"), salt, leaf, ledger
