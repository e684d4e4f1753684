"""A list on paper (PDF), such as who asked for and opened a patient's data.

Invariant: text from outside is text, never markup. Importing this module costs 0.15 s, so only a download imports it.

Source: reportlab user guide, chapters 5 to 7.
"""

from __future__ import annotations

import io

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.platypus import LongTable, Paragraph, SimpleDocTemplate, Spacer

from webui.usecases.receipt_paper import LINE, markup, paper_styles, plain, use_fonts
from webui.usecases.receipt_sheet import Listed

MARGIN_MM = 15


def list_pdf(listed: Listed) -> bytes:
    """Return the list as a PDF of A4 pages, with the head on each."""
    use_fonts()
    style, buffer, margin = paper_styles(), io.BytesIO(), MARGIN_MM * mm
    margins = dict.fromkeys(("leftMargin", "rightMargin", "topMargin", "bottomMargin"), margin)
    document = SimpleDocTemplate(
        buffer, pagesize=landscape(A4), title=plain(listed.title), author=plain(listed.site), invariant=1, **margins
    )
    head = [Paragraph(markup(text), style["name"]) for text in listed.head]
    rows = [[Paragraph(markup(text), style["fact"]) for text in row] for row in listed.rows]
    lines = [("VALIGN", (0, 0), (-1, -1), "TOP"), ("LINEBELOW", (0, 0), (-1, -1), 0.5, HexColor(LINE))]
    document.build(
        [
            Paragraph(markup(listed.site), style["site"]),
            Paragraph(markup(listed.title), style["title"]),
            Paragraph(markup(listed.lead), style["body"]),
            Spacer(1, 4 * mm),
            LongTable([head, *rows], colWidths=[document.width / len(head)] * len(head), repeatRows=1, style=lines),
            Spacer(1, 4 * mm),
            Paragraph(markup(listed.foot), style["small"]),
        ]
    )
    return buffer.getvalue()
