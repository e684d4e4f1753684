"""Checks a record's inclusion proof, or the receipt of a check, against the ledger. Anybody who has it can do it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from fl.protocol.codec import Fields, JsonValue, parse_document, sha256, write_document
from fl.protocol.errors import EncodingError, HashMismatch, NotOnChain, WrongContext
from fl.protocol.merkle import record_leaf, verify_inclusion
from fl.protocol.names import Address, Digest, address, digest, parse_hex, show
from fl.protocol.ports import Ledger
from fl.protocol.tlog.extra import InnerLeaf, Path
from fl.replay.ledger_view import LedgerView
from webui.usecases.anchoring import PROOF_FORMAT
from webui.usecases.receipts import FORMATS as RECEIPT_FORMATS

_WHAT = "inclusion proof"


@dataclass(frozen=True)
class Checked:
    """The contents of a valid proof."""

    hospital: str
    batch: int
    block: int
    anchored_at: int
    """Seconds since 1970."""
    file_sha256: str

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


def check_proof(data: bytes, ledger: Ledger) -> Checked:
    """Check a proof against a ledger and return its contents.

    Raises:
        EncodingError: the file is not a proof.
        WrongContext: it belongs to another consortium, chain or contract.
        NotOnChain: the ledger has no such batch.
        HashMismatch: the batch has another root.
        ProofInvalid: the path does not lead to the root.
    """
    fields = Fields(_as_proof(parse_document(data, _WHAT)), _WHAT)
    if fields.text("format") != PROOF_FORMAT:
        raise EncodingError(_WHAT, "it has another format")
    anchor = ledger.anchor
    for name, known in (("consortium", anchor.consortium), ("key_authority", anchor.authority)):
        if parse_hex(fields.text(name), len(known), _WHAT) != known:
            raise WrongContext(name)
    if fields.integer("chain_id") != anchor.chain_id:
        raise WrongContext("chain")
    hospital, root = address(parse_hex(fields.text("hospital"), 20, _WHAT)), _digest(fields, "root")
    federation = LedgerView(ledger).refresh()
    roots = federation.threshold.roots.get(hospital, ())
    anchored = next((each for each in roots if each.batch == fields.integer("batch")), None)
    if anchored is None:
        raise NotOnChain(root)
    if anchored.root != root:
        raise HashMismatch(anchored.root, root)
    file_digest = _digest(fields, "file_sha256")
    leaf = record_leaf(parse_hex(fields.text("salt"), 32, _WHAT), file_digest)
    verify_inclusion(leaf, fields.integer("index"), fields.integer("size"), _path(fields), root)
    entry = anchored.entry
    name = federation.book.name_of(hospital)
    return Checked(name, anchored.batch, entry.position.block, entry.timestamp, file_digest.hex())


def place_of(data: bytes) -> tuple[Address, int, InnerLeaf]:
    """Return the hospital and batch of the root that a proof or receipt names, and the leaf with its path.

    Raises:
        EncodingError: the file is not a proof.
    """
    fields = Fields(_as_proof(parse_document(data, _WHAT)), _WHAT)
    if fields.text("format") != PROOF_FORMAT:
        raise EncodingError(_WHAT, "it has another format")
    leaf = record_leaf(parse_hex(fields.text("salt"), 32, _WHAT), _digest(fields, "file_sha256"))
    path = Path(fields.integer("index"), fields.integer("size"), tuple(_path(fields)))
    hospital = address(parse_hex(fields.text("hospital"), 20, _WHAT))
    return hospital, fields.integer("batch"), InnerLeaf(leaf, path)


def _as_proof(document: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the proof in a receipt, whose file is its core; any other document as it is.

    Raises:
        EncodingError: the receipt has no path yet, or its core names another hospital.
    """
    if document.get("format") not in RECEIPT_FORMATS:
        return document
    receipt = Fields(document, _WHAT)
    if document.get("ledger") is None:
        raise EncodingError(_WHAT, "it is a receipt whose root was not on the ledger yet: download it again")
    ledger, core = receipt.mapping("ledger"), receipt.mapping("core")
    if core.get("hospital") != ledger.get("hospital"):
        raise EncodingError(_WHAT, "it is a receipt of another hospital than its path")
    facts: dict[str, JsonValue] = {
        "format": PROOF_FORMAT,
        "salt": receipt.text("salt"),
        "file_sha256": show(sha256(write_document(core))),
    }
    return {**ledger, **facts}


def _digest(fields: Fields, name: str) -> Digest:
    return digest(parse_hex(fields.text(name), 32, _WHAT))


def _path(fields: Fields) -> list[bytes]:
    nodes = fields.value.get("path")
    if not isinstance(nodes, list):
        raise EncodingError(_WHAT, "path is not a list")
    return [parse_hex(node if isinstance(node, str) else "", 32, _WHAT) for node in nodes]
