"""Receipts: what a check said, in a form that anybody can compare with the ledger.

Invariant: the core of a receipt depends only on the sealed record, so it is the same at every download. Its salted
digest is a leaf beside the record's own, from the moment of the check; a changed receipt has another leaf.

A receipt is canonical JSON (PROTOCOL.md 2):

    format    hemaledger-receipt-2
    core      what is proved: hospital, record, checked_at, answer, model, pipeline, route if there was a choice,
              private if it came by the private way, and of a check: task, classes, pictures; of an answer about a
              table: table, about, row
    salt      32 random bytes; they hide the core from those who only read the ledger
    leaf      SHA-256("leaf" ‖ salt ‖ SHA-256(core))
    ledger    the path from the leaf to a root on the ledger; null until the root is there
    proof     {"state": "there", "tlog_proof": text}: checkpoint, witnesses and path to the leaf (PROTOCOL.md 8T), or
              {"state": "waits", "why": text}
    model_now only if the coordinator went back to an earlier model than this one (PROTOCOL.md 5X): {"superseded": true,
              "back_to": round, "went_back_at": seconds since 1970, "record": transaction of the return}
    software, issued_at, model_now   not proved

A core from before this format has no `pipeline`. Format 1 had no `proof`; it is still compared.

Source: PROTOCOL.md 9, Records; RFC 9162, 2.1.3.
Not here: comparing (receipt_checks.py), paper (receipt_paper.py).
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

from fl.protocol.codec import Fields, JsonValue, Writer, sha256, write_document
from fl.protocol.errors import EncodingError, HemaledgerError
from fl.protocol.merkle import SALT_BYTES, record_leaf
from fl.protocol.names import DIGEST_BYTES, Digest, parse_hex, show
from fl.protocol.tlog.extra import InnerLeaf, Path
from fl.training.tables.schema import Schema
from webui.errors import NotFound
from webui.ports.proofs import ProofService
from webui.ports.records import RecordService
from webui.store.models import StoredRecord
from webui.store.receipts import NewReceipt, ReceiptStore
from webui.usecases.anchoring import Anchoring
from webui.usecases.models_in_use import ModelsInUse
from webui.usecases.proof_states import Far, far_reach
from webui.usecases.record_format import Check, private_document, route_document
from webui.usecases.record_pictures import Pictured, prediction_document
from webui.usecases.risk_format import RiskRecord

FORMAT = "hemaledger-receipt-2"
FORMATS = (FORMAT, "hemaledger-receipt-1")
"""All that are compared."""
NO_ROOT = "The root of this answer is not on the ledger yet. Download the receipt again later."
NO_CHECKPOINT = "No checkpoint of the public log covers this answer yet. Download the receipt again later."
MOST_NODES = 64
LOG = logging.getLogger("hemaledger.site")
Answered = Check | RiskRecord
"""What has a receipt."""


@dataclass(frozen=True)
class Receipt:
    """A receipt, ready to send."""

    document: dict[str, JsonValue] = field(repr=False)
    leaf: Digest
    anchored: bool
    """Whether its root is on the ledger."""
    proof: str | None = field(default=None, repr=False)
    """The `.tlog-proof`, which needs no ledger; None while it waits."""

    @property
    def far(self) -> Far:
        """Return how far its proof is."""
        return Far.ROOT if not self.anchored else Far.CHECKPOINT if self.proof is None else Far.THERE

    @property
    def superseded(self) -> bool:
        """Return whether its model is no longer in use."""
        return "model_now" in self.document

    def to_bytes(self) -> bytes:
        return write_document(self.document)


class Receipts:
    """Issues receipts."""

    def __init__(
        self,
        store: ReceiptStore,
        anchoring: Anchoring,
        service: RecordService,
        proofs: ProofService,
        in_use: ModelsInUse,
        clock: Callable[[], int],
    ) -> None:
        self._in_use = in_use
        self._proofs = proofs
        self._store = store
        self._anchoring = anchoring
        self._service = service
        self._clock = clock

    def of(self, row: StoredRecord, check: Answered) -> Receipt:
        """Return the receipt of an opened answer; one from before there were receipts gets its leaf now.

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
        ledger = self._anchoring.proof_of_leaf(known.leaf_id, row.number or "", leaf)
        proof = self._proof(leaf, ledger)
        document: dict[str, JsonValue] = {
            "format": FORMAT,
            "core": core,
            "salt": show(known.salt),
            "leaf": show(leaf),
            "ledger": ledger,
            "proof": proof,
            "software": f"hemaledger {software()}",
            "issued_at": self._clock(),
            **self._model_now(check),
        }
        text = proof.get("tlog_proof")
        return Receipt(document, leaf, anchored=ledger is not None, proof=text if isinstance(text, str) else None)

    def far(self, row: StoredRecord) -> Far:
        """Return how far the proof of an answer's receipt is, without making it."""
        known = self._store.of(row.id)
        root = self._anchoring.root_of_leaf(known.leaf_id) if known else None
        if root is None:
            return Far.ROOT
        return Far.THERE if root <= far_reach(self._proofs).root else Far.CHECKPOINT

    def _model_now(self, check: Answered) -> dict[str, JsonValue]:
        """Return that the model is no longer in use; empty while it is."""
        back = self._in_use.ended(check.model, check.table if isinstance(check, RiskRecord) else "")
        if back is None:
            return {}
        now: dict[str, JsonValue] = {
            "superseded": True,
            "back_to": back.to,
            "went_back_at": back.at,
            "record": f"0x{back.mark}",
        }
        return {"model_now": now}

    def _proof(self, leaf: Digest, ledger: dict[str, JsonValue] | None) -> dict[str, JsonValue]:
        """Return the proof of a leaf, or that it waits; a log that cannot be read is no reason to refuse a receipt."""
        if ledger is None:
            return {"state": "waits", "why": NO_ROOT}
        fields = Fields(ledger, "receipt")
        path = Path(fields.integer("index"), fields.integer("size"), path_in(fields, "receipt"))
        try:
            text = self._proofs.of_root(fields.integer("batch"), InnerLeaf(leaf, path))
        except HemaledgerError as error:
            LOG.warning("a receipt has no proof: %s: %s", error.name, error)
            text = None
        return {"state": "waits", "why": NO_CHECKPOINT} if text is None else {"state": "there", "tlog_proof": text}


def new_receipt(check: Answered, record_id: bytes, hospital: bytes) -> NewReceipt:
    """Return the receipt of a new check, to store with it."""
    salt = secrets.token_bytes(SALT_BYTES)
    return NewReceipt(salt, leaf_of(core_of(check, record_id, hospital, salt), salt))


def leaf_of(core: dict[str, JsonValue], salt: bytes) -> Digest:
    """Return the leaf of a receipt's core."""
    return record_leaf(salt, sha256(write_document(core)))


def core_of(check: Answered, record_id: bytes, hospital: bytes, salt: bytes) -> dict[str, JsonValue]:
    """Return what a receipt proves."""
    return {
        "hospital": show(hospital),
        "record": record_id.hex(),
        **(_risk_core(check, salt) if isinstance(check, RiskRecord) else _check_core(check, salt)),
        "model": _model(check),
        **_pipeline(check),
    }


def _check_core(check: Check, salt: bytes) -> dict[str, JsonValue]:
    model = check.model
    return {
        "checked_at": check.checked_at,
        "task": model.task.name,
        "classes": {one.code: one.name for one in model.task.classes},
        "answer": prediction_document(check.label, check.probability, check.shares, check.kept),
        "pictures": [_picture(each, salt) for each in check.pictures],
        **({"route": route_document(check.route)} if check.route else {}),
        **({"private": private_document(check.private)} if check.private else {}),
    }


def _risk_core(record: RiskRecord, salt: bytes) -> dict[str, JsonValue]:
    answer = record.answer
    return {
        "checked_at": record.answered_at,
        "table": record.table,
        "about": record.schema.reported,
        "row": {"digest": show(row_digest(record.schema, record.values, salt))},
        "answer": {
            "probability": answer.probability,
            "low": answer.low,
            "high": answer.high,
            "doubt": answer.doubt,
            "unlike_training": len(record.unlike),
        },
    }


def _model(answered: Answered) -> dict[str, JsonValue]:
    model = answered.model
    return {
        "round": model.round,
        "model_digest": show(model.model_digest),
        "envelope_digest": show(model.envelope_digest),
        **({"preparation": model.preparation} if isinstance(answered, Check) else {}),
        "recorded_by": model.coordinator_name,
        "final_at": model.final_at,
        "attested_by": list(model.attested_by),
        "ledger_was": model.verification.ledger.state.value,
        "ledger_at": model.verification.ledger.at,
    }


def _pipeline(check: Answered) -> dict[str, JsonValue]:
    """Return by what program the answer was made, and how the input was prepared; empty for earlier versions."""
    if not check.software:
        return {}
    if isinstance(check, RiskRecord):
        prepared = f"schema {sha256(write_document(check.schema.to_dict())).hex()}"
    else:
        prepared = check.model.preparation
    return {"pipeline": {"software": f"hemaledger {check.software}", "preparation": prepared}}


def _picture(one: Pictured, salt: bytes) -> JsonValue:
    """Return a picture's salted digest and its answer."""
    digest = show(picture_digest(one.image_png, salt))
    if one.refused is not None:
        return {"digest": digest, "refused": one.refused.reason}
    return {"digest": digest, "answer": prediction_document(one.label, one.probability, one.shares, one.kept)}


def picture_digest(image_png: bytes, salt: bytes) -> Digest:
    """Return SHA-256(`picture` ‖ salt[32] ‖ SHA-256(picture)): it reveals nothing without the salt."""
    return Writer("picture").raw(salt, SALT_BYTES).raw(sha256(image_png), 32).digest()


def row_digest(schema: Schema, values: Sequence[float | None], salt: bytes) -> Digest:
    """Return SHA-256(`row` ‖ salt[32] ‖ SHA-256(schema and values as canonical JSON)), secret without the salt."""
    row: dict[str, JsonValue] = {"schema": schema.to_dict(), "values": list(values)}
    return Writer("row").raw(salt, SALT_BYTES).raw(sha256(write_document(row)), 32).digest()


def path_in(fields: Fields, what: str) -> tuple[Digest, ...]:
    """Return the path of a receipt's `ledger`; raise EncodingError."""
    items = fields.value.get("path")
    if not isinstance(items, list) or len(items) > MOST_NODES or not all(isinstance(item, str) for item in items):
        raise EncodingError(what, "its path is not a list of digests")
    return tuple(Digest(parse_hex(str(item), DIGEST_BYTES, what)) for item in items)


def software() -> str:
    """Return the version of this program."""
    try:
        return version("hemaledger")
    except PackageNotFoundError:
        return "unknown"
