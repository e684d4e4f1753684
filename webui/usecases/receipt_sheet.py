"""The texts of a sheet of paper, in the language of its reader: a receipt, or a list.

Not here: how a sheet is set (receipt_paper.py, list_paper.py, which need reportlab).
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
    trust: str = ""
    """The code of the trust file, beside the QR code; empty while there is none."""
    shows: Sequence[str] = ()
    """What the receipt shows."""
    shows_not: Sequence[str] = ()


@dataclass(frozen=True)
class Listed:
    """The texts of a list, in the language of its reader."""

    site: str
    title: str
    lead: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    foot: str
