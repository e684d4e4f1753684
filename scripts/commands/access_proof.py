"""Reads one line of a patient's list of who asked and who opened, and where it is on the ledger.

Source: webui/usecases/line_proofs.py (the list's format).
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol import strict_json
from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError
from fl.protocol.names import ADDRESS_BYTES, DIGEST_BYTES, Address, parse_hex
from fl.protocol.tlog.extra import MOST_NODES, InnerLine, Path
from webui.usecases.line_proofs import FORMAT

LIST_CAP = 64 * 2**20
"""Bytes: 5,000 lines with their places and 500 proofs have some 20 MB."""
_WHAT = "list of who asked and opened"


@dataclass(frozen=True)
class InLog:
    """A line of an access log under a root of a hospital."""

    hospital: Address
    batch: int
    """Number of the root."""
    inner: InnerLine


def line_of(data: bytes, number: int) -> InLog | int:
    """Return where a line is: in a hospital's log, or the number of a request.

    Args:
        data: The list (JSON).
        number: Of the line, from 1.

    Raises:
        EncodingError: it is no such list, has no such line, or the line is not on the ledger yet.
    """
    document = strict_json.loads(data, _WHAT, LIST_CAP)
    lines = document.get("accesses") if isinstance(document, dict) else None
    if not isinstance(document, dict) or document.get("format") != FORMAT or not isinstance(lines, list):
        raise EncodingError(_WHAT, "it has another format")
    line = lines[number - 1] if number <= len(lines) else None
    if not isinstance(line, dict):
        raise EncodingError(_WHAT, f"it has no line {number}")
    if not isinstance(line.get("place"), dict):
        raise EncodingError(_WHAT, f"line {number} is not on the ledger, or was not when the list was made")
    place = Fields(line, _WHAT).mapping("place")
    fields = Fields(place, _WHAT)
    if "request" in place:
        return fields.integer("request")
    inner = InnerLine(
        fields.text("line").encode(), _path(fields, "path"), fields.text("lines").encode(), _path(fields, "above")
    )
    hospital = Address(parse_hex(fields.text("hospital"), ADDRESS_BYTES, _WHAT))
    return InLog(hospital, fields.integer("batch"), inner)


def _path(fields: Fields, name: str) -> Path:
    part = Fields(fields.mapping(name), _WHAT)
    nodes: JsonValue = part.value.get("nodes")
    if not isinstance(nodes, list) or len(nodes) > MOST_NODES:
        raise EncodingError(_WHAT, "a path is not a list of digests")
    found = tuple(parse_hex(each if isinstance(each, str) else "", DIGEST_BYTES, _WHAT) for each in nodes)
    return Path(part.integer("index"), part.integer("size"), found)
