"""Checks a receipt offline: its fingerprint, the proof in it, and what it says about its place on the ledger.

Invariant: a receipt has a `proven` only after its own bytes gave the fingerprint that the proof shows, under a root
that the receipt's hospital signed.

Source: PROTOCOL.md 9, Records; webui/usecases/receipts.py makes receipts; webui/client/verify/receipt.js does the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.proofs.verify import Proven, verify
from fl.protocol import strict_json
from fl.protocol.codec import Fields, JsonValue, Writer, sha256, write_document
from fl.protocol.errors import EncodingError, ProofMalformed, ReceiptChanged
from fl.protocol.merkle import SALT_BYTES, record_leaf
from fl.protocol.names import ADDRESS_BYTES, DIGEST_BYTES, Digest, parse_hex, show
from fl.protocol.ports import ChainFacts
from fl.protocol.records import RecordsAnchored
from fl.protocol.tlog.extra import InnerLeaf
from fl.protocol.tlog.proof_file import parse_proof
from fl.protocol.tlog.trust import Trust

RECEIPT_CAP = 256 * 1024
FORMATS = ("hemaledger-receipt-2", "hemaledger-receipt-1")
FIELDS = ("format", "core", "salt", "leaf", "ledger", "proof", "software", "issued_at", "model_now")
_WHAT = "receipt"


@dataclass(frozen=True)
class CheckedReceipt:
    """What a receipt shows to who has this trust."""

    core: dict[str, JsonValue]
    salt: bytes
    leaf: Digest
    superseded: bool
    """Whether it says, unproved, that its model is no longer in use (PROTOCOL.md 5X)."""
    proven: Proven | None
    """None while the proof waits: then only the receipt's own fingerprint was checked."""

    def picture_of(self, digest: Digest) -> int:
        """Return the number of the picture that has this SHA-256, from 1; 0 if none has it."""
        salted = Writer("picture").raw(self.salt, SALT_BYTES).raw(digest, DIGEST_BYTES).digest()
        pictures = self.core.get("pictures")
        if isinstance(pictures, list):
            for place, one in enumerate(pictures, 1):
                if isinstance(one, dict) and one.get("digest") == show(salted):
                    return place
        return 0


def is_receipt(data: bytes) -> bool:
    """Return whether a file says that it is a receipt."""
    try:
        value = strict_json.loads(data, _WHAT, RECEIPT_CAP)
    except EncodingError:
        return False
    return isinstance(value, dict) and str(value.get("format")).startswith("hemaledger-receipt-")


def verify_receipt(data: bytes, trust: Trust, facts: ChainFacts) -> CheckedReceipt:
    """Return what a receipt shows.

    Args:
        data: The JSON file; blanks and the order of fields do not matter.
        trust: Whom the verifier trusts; it should not come from the hospital that issued the receipt.
        facts: Reads the chain's bytes.

    Raises:
        ProofMalformed: it has another form.
        ReceiptChanged: it was changed, or its proof is of something else.
        And what `verify` raises about the proof in it.
    """
    try:
        return _checked(_fields(data), trust, facts)
    except EncodingError as error:
        raise ProofMalformed(_WHAT, error.why) from error


def _fields(data: bytes) -> Fields:
    value = strict_json.loads(data, _WHAT, RECEIPT_CAP)
    if not isinstance(value, dict):
        raise EncodingError(_WHAT, "it is not a JSON object")
    fields = Fields(value, _WHAT)
    if fields.text("format") not in FORMATS:
        raise EncodingError(_WHAT, "its format is unknown")
    fields.only(*FIELDS)
    return fields


def _checked(fields: Fields, trust: Trust, facts: ChainFacts) -> CheckedReceipt:
    core, salt = fields.mapping("core"), _hex(fields, "salt", SALT_BYTES)
    leaf = Digest(_hex(fields, "leaf", DIGEST_BYTES))
    if record_leaf(salt, sha256(write_document(core))) != leaf:
        raise ReceiptChanged("what it says is not what its fingerprint stands for")
    text, superseded = _proof_in(fields), "model_now" in fields.value
    if text is None:
        return CheckedReceipt(core, salt, leaf, superseded, None)
    proven = verify(text, trust, facts)
    if proven.leaf != leaf:
        raise ReceiptChanged("its proof is of another answer")
    if _hex(Fields(core, _WHAT), "hospital", ADDRESS_BYTES) != proven.record.sender:
        raise ReceiptChanged("another hospital than the one that it names recorded it")
    if write_document(fields.mapping("ledger")) != write_document(_place(proven, text, trust)):
        raise ReceiptChanged("its place on the ledger is not the one that its proof shows")
    return CheckedReceipt(core, salt, leaf, superseded, proven)


def _hex(fields: Fields, name: str, length: int) -> bytes:
    """Return the bytes of `0x` and lower-case hexadecimal, which is what a site writes."""
    text = fields.text(name)
    raw = parse_hex(text, length, _WHAT)
    if show(raw) != text:
        raise EncodingError(_WHAT, f"{name} is not in canonical form")
    return raw


def _proof_in(fields: Fields) -> bytes | None:
    """Return the proof in a receipt; None if it has none yet."""
    if "proof" not in fields.value:
        return None
    proof = Fields(fields.mapping("proof"), _WHAT)
    state = proof.text("state")
    if state == "there":
        return proof.text("tlog_proof").encode()
    if state != "waits":
        raise EncodingError(_WHAT, "its proof is neither there nor waits")
    return None


def _place(proven: Proven, proof: bytes, trust: Trust) -> dict[str, JsonValue]:
    """Return what the receipt must say about its place on the ledger."""
    record, inner = proven.record, parse_proof(proof).extra.inner
    if not isinstance(record, RecordsAnchored) or not isinstance(inner, InnerLeaf):
        raise ReceiptChanged("its proof is of another answer")
    return {
        "consortium": show(trust.consortium),
        "chain_id": trust.chain_id,
        "key_authority": show(trust.authority),
        "hospital": show(record.sender),
        "batch": record.batch,
        "root": show(record.root),
        "block": proven.event.block,
        "transaction": show(proven.event.transaction),
        "index": inner.path.index,
        "size": inner.path.size,
        "path": [show(node) for node in inner.path.nodes],
    }
