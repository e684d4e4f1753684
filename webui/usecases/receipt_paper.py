"""A receipt on one sheet of paper (PDF): the answer, what it is not, and a QR code to compare it with the ledger.

Invariant: the sheet says no more than the receipt. It has no script, no link that opens by itself and no metadata of
the patient. Importing this module costs 0.15 s, so it is imported only when somebody asks for a sheet.

Source: reportlab user guide, chapters 5 to 7; ISO/IEC 18004 (QR codes, by segno).
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

import reportlab
import segno
from reportlab.graphics.shapes import Drawing, Rect
from reportlab.lib.colors import black
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfdoc import PDFArray, PDFDictionary, PDFName, PDFStream, PDFString
from reportlab.pdfbase.pdfmetrics import getFont, getRegisteredFontNames, registerFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Image, Paragraph, SimpleDocTemplate, Spacer, Table

from webui.usecases.receipt_sheet import Sheet

REGULAR, BOLD = "Sheet", "Sheet-Bold"
QR_MM, PICTURE_MM, MARGIN_MM = 34, 38, 14
PADDING_PT = 6
"""Of reportlab's frame, on each side."""
GREY, LINE = "#52676b", "#d9e0dc"


def pdf_of(sheet: Sheet, attached: tuple[str, bytes] | None = None) -> bytes:
    """Return the sheet as a PDF of A4 pages, with a JSON file attached: its name and bytes."""
    use_fonts()
    buffer = io.BytesIO()
    margin = MARGIN_MM * mm
    document = SimpleDocTemplate(
        buffer,
        pagesize=A4,
        leftMargin=margin,
        rightMargin=margin,
        topMargin=margin,
        bottomMargin=margin,
        title=plain(sheet.heading),
        author=plain(sheet.site),
        invariant=1,
    )
    first = {} if attached is None else {"onFirstPage": lambda canvas, _: _attach(canvas, *attached)}
    document.build(_story(sheet, document.width - 2 * PADDING_PT), **first)
    return buffer.getvalue()


def _story(sheet: Sheet, width: float) -> list[object]:

    style = paper_styles()
    picture: object = ""
    if sheet.picture_png:
        picture = Image(io.BytesIO(sheet.picture_png), PICTURE_MM * mm, PICTURE_MM * mm, kind="proportional")
    said = [Paragraph(markup(sheet.title), style["title"]), Paragraph(markup(sheet.lead), style["body"])]
    said += [Paragraph(markup(line), style["body"]) for line in sheet.lines]
    answer = Table([[said, picture]], colWidths=[width - (PICTURE_MM + 4) * mm, (PICTURE_MM + 4) * mm], style=_top())
    rows = [
        [Paragraph(markup(name), style["name"]), Paragraph(markup(value), style["fact"])] for name, value in sheet.facts
    ]
    facts = Table(rows, colWidths=[48 * mm, width - 48 * mm], style=_lines())
    code = [
        _qr(sheet.code, QR_MM * mm),
        [
            Paragraph(markup(sheet.compare), style["fact"]),
            Paragraph(markup(sheet.code), style["small"]),
            *([Paragraph(markup(sheet.trust), style["fact"])] if sheet.trust else []),
        ],
    ]
    limits = Table(
        [[[Paragraph(markup(line), style["limit"]) for line in part] for part in (sheet.shows, sheet.shows_not)]],
        colWidths=[width / 2] * 2,
        style=_top(),
    )
    return [
        Paragraph(markup(sheet.site), style["site"]),
        Paragraph(markup(sheet.heading), style["small"]),
        Spacer(1, 3 * mm),
        answer,
        Spacer(1, 3 * mm),
        *[Paragraph("• " + markup(line), style["body"]) for line in sheet.not_said],
        Spacer(1, 3 * mm),
        facts,
        Spacer(1, 3 * mm),
        Table([code], colWidths=[(QR_MM + 6) * mm, width - (QR_MM + 6) * mm], style=_top()),
        Spacer(1, 3 * mm),
        limits,
        Spacer(1, 3 * mm),
        Paragraph(markup(sheet.foot), style["small"]),
    ]


def _attach(canvas: Canvas, name: str, data: bytes) -> None:
    """Attach a JSON file to the PDF of a canvas (PDF 1.7, 7.11.4)."""
    pdf = canvas._doc  # noqa: SLF001  # reportlab has no other way to an attachment
    kept = PDFStream(PDFDictionary({"Type": PDFName("EmbeddedFile")}), data)
    file = PDFDictionary(
        {
            "Type": PDFName("Filespec"),
            "F": PDFString(name),
            "UF": PDFString(name),
            "AFRelationship": PDFName("Data"),
            "EF": PDFDictionary({"F": pdf.Reference(kept)}),
        }
    )
    names = PDFDictionary({"Names": PDFArray([PDFString(name), pdf.Reference(file)])})
    pdf.Catalog.Names = PDFDictionary({"EmbeddedFiles": names})


def paper_styles() -> dict[str, object]:

    def style(name: str, size: float, font: str = REGULAR, **more: object) -> ParagraphStyle:
        return ParagraphStyle(name, fontName=font, fontSize=size, leading=1.35 * size, spaceAfter=3, **more)

    return {
        "site": style("site", 15, BOLD),
        "title": style("title", 17, BOLD, spaceBefore=0),
        "body": style("body", 10.5),
        "name": style("name", 9.5, textColor=GREY),
        "fact": style("fact", 9.5, wordWrap="CJK"),
        "limit": style("limit", 8.5),
        "small": style("small", 8.5, textColor=GREY, wordWrap="CJK"),
    }


def _top() -> list[tuple[object, ...]]:
    return [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (0, -1), 0),
        ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
    ]


def _lines() -> list[tuple[object, ...]]:
    return [*_top(), ("LINEABOVE", (0, 0), (-1, -1), 0.5, LINE)]


def _qr(text: str, side: float) -> object:
    """Return a drawing of the QR code: black squares on white, with the quiet zone."""
    rows = [bytes(row) for row in segno.make_qr(text, error="m").matrix_iter(border=2)]
    drawing, unit = Drawing(side, side), side / len(rows)
    for y, row in enumerate(rows):
        for x, dark in enumerate(row):
            if dark:
                drawing.add(Rect(x * unit, side - (y + 1) * unit, unit, unit, fillColor=black, strokeColor=None))
    return drawing


def use_fonts() -> None:
    """Register a font for Western European texts, which reportlab brings along; it is embedded in the file."""
    folder = Path(reportlab.__file__).parent / "fonts"
    for name, file in ((REGULAR, "Vera.ttf"), (BOLD, "VeraBd.ttf")):
        if name not in getRegisteredFontNames():
            registerFont(TTFont(name, str(folder / file)))


def markup(text: str) -> str:
    """Return a text as paragraph markup; a letter that the font lacks becomes the one below its marks, or `?`."""
    return escape(plain(text))


def plain(text: str) -> str:
    return "".join(map(_letter(), text))


def _letter() -> Callable[[str], str]:

    known = getFont(REGULAR).face.charToGlyph

    def letter(one: str) -> str:
        if ord(one) in known:
            return one
        base = unicodedata.normalize("NFKD", one)[0]
        return base if ord(base) in known else "?"

    return letter
