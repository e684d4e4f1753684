"""The texts of a receipt's sheet of paper, in the language of its reader.

Not here: how the sheet is set (receipt_paper.py, which needs reportlab).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sheet:
    """The texts of one sheet, in the language of its reader."""

    site: str
    """Name of the hospital."""
    heading: str
    title: str
    lead: str
    facts: Sequence[tuple[str, str]]
    not_said: Sequence[str]
    compare: str
    """How to compare it, beside the code."""
    code: str
    """Address that the QR code holds."""
    foot: str
    picture_png: bytes = field(default=b"", repr=False)
    """Empty for an answer about a table."""
    lines: Sequence[str] = ()
    """More of the answer, such as the counts of a sample."""
