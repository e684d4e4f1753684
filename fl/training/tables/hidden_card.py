"""What a hospital needs to ask about an encrypted row: the host's card of a table's network, without a weight.

Invariant: the card's bytes decide its digest, which every question names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from fl.protocol.codec import Fields, parse_document, sha256, write_document
from fl.protocol.errors import EncodingError
from fl.protocol.names import DIGEST_BYTES, Digest, parse_hex
from fl.training.tables.design import Design

FORMAT = "hemaledger-ckks-card-1"
CARD_CAP = 1 << 20
_WHAT = "card of a table's network"


@dataclass(frozen=True)
class HiddenCard:
    """One network that answers about encrypted rows."""

    design: Design
    """How values become a row: public, since it follows from sums on the ledger."""
    model: Digest
    """As the ledger names it."""

    def to_bytes(self) -> bytes:
        return write_document({"design": self.design.to_dict(), "format": FORMAT, "model": self.model.hex()})

    @property
    def digest(self) -> Digest:
        return sha256(self.to_bytes())

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse a card, or raise EncodingError."""
        if len(data) > CARD_CAP:
            raise EncodingError(_WHAT, "it is too long")
        fields = Fields(parse_document(data, _WHAT), _WHAT)
        fields.only("design", "format", "model")
        if fields.text("format") != FORMAT:
            raise EncodingError(_WHAT, f"its format is not {FORMAT}")
        model = Digest(parse_hex(fields.text("model"), DIGEST_BYTES, _WHAT))
        return cls(Design.from_dict(fields.mapping("design")), model)
