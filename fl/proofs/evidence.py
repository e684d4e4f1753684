"""Files of evidence: signed pieces that together show who broke which promise.

Invariant: a file has one form: canonical JSON of kind, items and seal, and nothing that is not checked. The seal is a
checksum; what a piece shows follows from the signatures in it.

Source: PROTOCOL.md 8T.8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fl.protocol.codec import Fields, JsonValue, Writer, parse_document, write_document
from fl.protocol.errors import EncodingError, EvidenceMalformed, EvidenceWeak, ProofMalformed
from fl.protocol.names import ADDRESS_BYTES, DIGEST_BYTES, Address, Digest, parse_hex, show
from fl.protocol.tlog.notes import LAST_TIME, decode64, encode64

FORMAT = "hemaledger-evidence-1"
SUFFIX = ".evidence.json"
EVIDENCE_CAP = 128 * 1024
"""The most bytes of a file: two transactions that create the key authority have 72 kB in base64."""
EVIDENCE_START = b'{"format":"hemaledger-evidence-'
"""How every file begins, of this version or a later one."""
MOST_ITEMS = 64
SIGNATURE_BYTES = 65
_WHAT = "evidence"
_U64 = 1 << 64
_LABEL, _CLAIM = "evidence", "finding"


class Kind(StrEnum):
    """What a file of evidence is about; each is the name of the error that it proves."""

    CHECKPOINT_FORKED = "CheckpointForked"
    CHECKPOINT_DISPUTED = "CheckpointDisputed"
    CHAIN_FORKED = "ChainForked"
    LEDGER_RESET = "LedgerReset"
    LEDGER_ROLLED_BACK = "LedgerRolledBack"
    TWO_ROOTS = "TwoRoots"
    CHECKPOINT_BACKDATED = "CheckpointBackdated"
    RECORD_BACKDATED = "RecordBackdated"
    LOG_GAP = "LogGap"
    FILE_WITHHELD = "FileWithheld"
    LEFT_OUT = "LeftOut"
    IN_MY_NAME = "InMyName"


@dataclass(frozen=True)
class ProofItem:
    """A `.tlog-proof`."""

    data: bytes


@dataclass(frozen=True)
class NoteItem:
    """A checkpoint with its signatures."""

    data: bytes


@dataclass(frozen=True)
class TransactionItem:
    """A raw signed transaction."""

    data: bytes


@dataclass(frozen=True)
class HeaderItem:
    """A block's header in RLP."""

    data: bytes


@dataclass(frozen=True)
class Claim:
    """What a member says it saw, signed by its account; it shows no more than who says it.

    `digest` and `number` by kind: LEDGER_ROLLED_BACK, LOG_GAP and CHECKPOINT_DISPUTED: the root that its own node
    gives, and for how many records. FILE_WITHHELD: the file, and the record's place in the log. IN_MY_NAME: the
    record's leaf and its place in the log, or the root and size of a checkpoint.
    """

    account: Address
    digest: Digest
    number: int
    time: int
    """When the member looked, in seconds since 1970."""
    signature: bytes
    """r ‖ s ‖ v, 65 bytes."""


Item = ProofItem | NoteItem | TransactionItem | HeaderItem | Claim
_NAMES: Mapping[type[Item], str] = {
    ProofItem: "proof",
    NoteItem: "note",
    TransactionItem: "transaction",
    HeaderItem: "header",
    Claim: "claim",
}


@dataclass(frozen=True)
class Evidence:
    """What a file holds."""

    kind: Kind
    items: tuple[Item, ...]

    def encoded(self) -> bytes:
        """Return the file."""
        body = self._body()
        return write_document({**body, "seal": _seal(body).hex()})

    def _body(self) -> dict[str, JsonValue]:
        return {"format": FORMAT, "kind": self.kind.value, "items": [_document(each) for each in self.items]}


def claim_digest(kind: Kind, consortium: bytes, digest: Digest, number: int, time: int) -> Digest:
    """Return the 32 bytes that an account signs for a claim."""
    writer = Writer(_CLAIM).text(kind.value.encode()).raw(consortium, DIGEST_BYTES).raw(digest, DIGEST_BYTES)
    return writer.u64(number).u64(time).digest()


def parse_evidence(data: bytes) -> Evidence:
    """Return the evidence in a file.

    Raises:
        EvidenceMalformed: it is too long, or has another form.
        EvidenceWeak: its seal does not fit.
    """
    if len(data) > EVIDENCE_CAP:
        raise EvidenceMalformed(f"it has more than {EVIDENCE_CAP} bytes")
    try:
        fields = Fields(parse_document(data, _WHAT), _WHAT)
        fields.only("format", "items", "kind", "seal")
        if fields.text("format") != FORMAT:
            raise EvidenceMalformed(f"its format is not {FORMAT}")
        listed = fields.value.get("items")
        if not isinstance(listed, list) or not 0 < len(listed) <= MOST_ITEMS:
            raise EvidenceMalformed(f"it does not have 1 to {MOST_ITEMS} items")
        kind, seal = _kind(fields.text("kind")), parse_hex(fields.text("seal"), DIGEST_BYTES, _WHAT)
        body = {name: value for name, value in fields.value.items() if name != "seal"}
        if seal != _seal(body):
            raise EvidenceWeak("it was changed since it was made, or was not copied whole")
        found = Evidence(kind, tuple(map(_item, listed)))
    except (EncodingError, ProofMalformed) as error:
        raise EvidenceMalformed(error.why) from error
    if found.encoded() != data:
        raise EvidenceMalformed("it is not in canonical form")
    return found


def _kind(text: str) -> Kind:
    try:
        return Kind(text)
    except ValueError as error:
        raise EvidenceMalformed("it is of a kind that this version does not know") from error


def _document(item: Item) -> JsonValue:
    name = _NAMES[type(item)]
    if isinstance(item, Claim):
        return {
            name: {
                "account": show(item.account),
                "digest": show(item.digest),
                "number": item.number,
                "time": item.time,
                "signature": show(item.signature),
            }
        }
    text = item.data.decode("utf-8") if isinstance(item, ProofItem | NoteItem) else encode64(item.data)
    return {name: text}


def _item(value: JsonValue) -> Item:
    if not isinstance(value, dict) or len(value) != 1:
        raise EvidenceMalformed("an item is not one piece")
    [(name, content)] = value.items()
    if name == _NAMES[Claim] and isinstance(content, dict):
        return _claim(Fields(content, _WHAT))
    if not isinstance(content, str):
        raise EvidenceMalformed("an item has another form")
    if name in (_NAMES[ProofItem], _NAMES[NoteItem]):
        return (ProofItem if name == _NAMES[ProofItem] else NoteItem)(content.encode("utf-8"))
    if name in (_NAMES[TransactionItem], _NAMES[HeaderItem]):
        return (TransactionItem if name == _NAMES[TransactionItem] else HeaderItem)(decode64(content, _WHAT))
    raise EvidenceMalformed("an item is of a kind that this version does not know")


def _claim(fields: Fields) -> Claim:
    fields.only("account", "digest", "number", "time", "signature")
    if not 0 <= fields.integer("time") <= LAST_TIME or not 0 <= fields.integer("number") < _U64:
        raise EvidenceMalformed("a claim has a number that is too large")
    return Claim(
        Address(parse_hex(fields.text("account"), ADDRESS_BYTES, _WHAT)),
        Digest(parse_hex(fields.text("digest"), DIGEST_BYTES, _WHAT)),
        fields.integer("number"),
        fields.integer("time"),
        parse_hex(fields.text("signature"), SIGNATURE_BYTES, _WHAT),
    )


def _seal(body: Mapping[str, JsonValue]) -> Digest:
    return Writer(_LABEL).text(write_document(dict(body))).digest()
