"""The document of a withdrawal: which hospital takes itself, or rows of patients, out of the federation.

Invariant: no patient is in it. Rows are a count and the digest of a salted list, which the hospital keeps.

Source: PROTOCOL.md 5X.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.codec import Fields, parse_document, write_document
from fl.protocol.errors import EncodingError
from fl.protocol.names import DIGEST_BYTES, NO_DIGEST, Digest

WITHDRAWAL_CAP = 4096
"""Bytes; a larger document is refused."""
HOSPITAL, DATA = "hospital", "data"
"""What is withdrawn; the text of the statement."""
MOST = 2**32 - 1
_WHAT = "withdrawal"


@dataclass(frozen=True)
class Withdrawal:
    """What a hospital withdraws."""

    what: str
    """HOSPITAL or DATA."""
    since: int
    """1..MOST: the first round that can have used it, as the hospital says; 1 for a hospital."""
    rows: int = 0
    """DATA: how many rows (pictures)."""
    listed: Digest = NO_DIGEST
    """DATA: the SHA-256 of the salted list of persons."""

    def to_bytes(self) -> bytes:
        """Return the canonical document."""
        return write_document({"listed": self.listed.hex(), "rows": self.rows, "since": self.since, "what": self.what})

    @classmethod
    def from_bytes(cls, data: bytes) -> Withdrawal:
        """Parse a canonical document, or raise EncodingError."""
        fields = Fields(parse_document(data, _WHAT), _WHAT)
        fields.only("listed", "rows", "since", "what")
        what, since, rows, listed = (
            fields.text("what"),
            fields.integer("since"),
            fields.integer("rows"),
            fields.text("listed"),
        )
        if what not in (HOSPITAL, DATA) or not 1 <= since <= MOST or not 0 <= rows <= MOST:
            raise EncodingError(_WHAT, "what, since or rows is out of its range")
        if len(listed) != 2 * DIGEST_BYTES or not set(listed) <= set("0123456789abcdef"):
            raise EncodingError(_WHAT, "the digest of its list is none in lower-case hexadecimal digits")
        return cls(what, since, rows, Digest(bytes.fromhex(listed)))
