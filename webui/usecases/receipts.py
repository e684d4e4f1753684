"""Receipts: what a check said, in a form that anybody can compare with the ledger.

Invariant: the core of a receipt depends only on the sealed record, so it is the same at every download. Its salted
digest is a leaf beside the record's own, from the moment of the check; a changed receipt has another leaf.

A receipt is canonical JSON (PROTOCOL.md 2):

    format    hemaledger-receipt-1
    core      what is proved: hospital, record, checked_at, task, answer, pictures, model
    salt      32 random bytes; they hide the core from those who only read the ledger
    leaf      SHA-256("leaf" ‖ salt ‖ SHA-256(core))
    ledger    the path from the leaf to a root on the ledger; null until the root is there (within a day)
    software, issued_at   not proved

Source: PROTOCOL.md 9, Records; RFC 9162, 2.1.3.
Not here: comparing (receipt_checks.py), paper (receipt_paper.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

from fl.protocol.codec import JsonValue, Writer, sha256, write_document
from fl.protocol.merkle import SALT_BYTES, record_leaf
from fl.protocol.names import Digest, show
from webui.errors import NotFound
from webui.ports.records import RecordService
from webui.store.models import StoredRecord
from webui.store.receipts import NewReceipt, ReceiptStore
from webui.usecases.anchoring import Anchoring
from webui.usecases.record_format import Check, route_document
from webui.usecases.record_pictures import Pictured, prediction_document

FORMAT = "hemaledger-receipt-1"


@dataclass(frozen=True)
class Receipt:
    """A receipt, ready to send."""

    document: dict[str, JsonValue] = field(repr=False)
    leaf: Digest
    anchored: bool
    """Whether its root is on the ledger."""

    def to_bytes(self) -> bytes:
        return write_document(self.document)


class Receipts:
    """Issues receipts."""

    def __init__(
        self, store: ReceiptStore, anchoring: Anchoring, service: RecordService, clock: Callable[[], int]
    ) -> None:
        self._store = store
        self._anchoring = anchoring
        self._service = service
        self._clock = clock

    def of(self, row: StoredRecord, check: Check) -> Receipt:
        """Return the receipt of an opened check; a check from before there were receipts gets its leaf now.

        Raises:
            NotFound: the check was erased.
            RecordMisplaced: the stored receipt is of another answer.
        """
        if row.record_id is None:
            raise NotFound
        hospital = self._service.sealer().account
        known = self._store.of(row.id)
        if known is None:
            salt = secrets.token_bytes(SALT_BYTES)
            known = self._store.issue(
                row.id, NewReceipt(salt, leaf_of(core_of(check, row.record_id, hospital, salt), salt))
            )
        core = core_of(check, row.record_id, hospital, known.salt)
        leaf = leaf_of(core, known.salt)
        proof = self._anchoring.proof_of_leaf(known.leaf_id, row.number or "", leaf)
        document: dict[str, JsonValue] = {
            "format": FORMAT,
            "core": core,
            "salt": show(known.salt),
            "leaf": show(leaf),
            "ledger": proof,
            "software": f"hemaledger {software()}",
            "issued_at": self._clock(),
        }
        return Receipt(document, leaf, anchored=proof is not None)


def new_receipt(check: Check, record_id: bytes, hospital: bytes) -> NewReceipt:
    """Return the receipt of a new check, to store with it."""
    salt = secrets.token_bytes(SALT_BYTES)
    return NewReceipt(salt, leaf_of(core_of(check, record_id, hospital, salt), salt))


def leaf_of(core: dict[str, JsonValue], salt: bytes) -> Digest:
    """Return the leaf of a receipt's core."""
    return record_leaf(salt, sha256(write_document(core)))


def core_of(check: Check, record_id: bytes, hospital: bytes, salt: bytes) -> dict[str, JsonValue]:
    """Return what a receipt proves."""
    model = check.model
    return {
        "hospital": show(hospital),
        "record": record_id.hex(),
        "checked_at": check.checked_at,
        "task": model.task.name,
        "classes": {one.code: one.name for one in model.task.classes},
        "answer": prediction_document(check.label, check.probability, check.shares, check.kept),
        "pictures": [_picture(each, salt) for each in check.pictures],
        "model": {
            "round": model.round,
            "model_digest": show(model.model_digest),
            "envelope_digest": show(model.envelope_digest),
            "preparation": model.preparation,
            "recorded_by": model.coordinator_name,
            "final_at": model.final_at,
            "attested_by": list(model.attested_by),
            "ledger_was": model.verification.ledger.state.value,
            "ledger_at": model.verification.ledger.at,
        },
        **({"route": route_document(check.route)} if check.route else {}),
    }


def _picture(one: Pictured, salt: bytes) -> JsonValue:
    """Return a picture's salted digest and its answer."""
    digest = show(picture_digest(one.image_png, salt))
    if one.refused is not None:
        return {"digest": digest, "refused": one.refused.reason}
    return {"digest": digest, "answer": prediction_document(one.label, one.probability, one.shares, one.kept)}


def picture_digest(image_png: bytes, salt: bytes) -> Digest:
    """Return SHA-256(`picture` ‖ salt[32] ‖ SHA-256(picture)): it reveals nothing without the salt."""
    return Writer("picture").raw(salt, SALT_BYTES).raw(sha256(image_png), 32).digest()


def software() -> str:
    """Return the version of this program."""
    try:
        return version("hemaledger")
    except PackageNotFoundError:
        return "unknown"
