"""The report of an audit as PDF.

Invariant: the PDF says what the page of the report says. Text from outside is text, never markup.

Source: ReportLab's user guide (BSD licence).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from flask_babel import gettext

from fl.protocol.audit import Finding
from webui.config import SiteConfig
from webui.ports.federation import AuditSummary
from webui.presentation.audit_wording import check_kind, evidence_name, finding_title, in_order, verdict_of
from webui.presentation.numbers_and_dates import when, whole

MOST_FINDINGS = 500
"""The JSON report has all of them."""
MARGIN_MM = 18


def audit_pdf(summary: AuditSummary, config: SiteConfig) -> bytes:
    """Return the report as a PDF file on A4."""
    from reportlab.lib.pagesizes import A4  # noqa: PLC0415 it takes a fifth of a second
    from reportlab.lib.units import mm  # noqa: PLC0415
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer  # noqa: PLC0415

    styles, buffer = _styles(), io.BytesIO()
    title = str(gettext("Audit of the ledger"))
    margins = dict.fromkeys(("leftMargin", "rightMargin", "topMargin", "bottomMargin"), MARGIN_MM * mm)
    document = SimpleDocTemplate(buffer, pagesize=A4, title=title, author=config.hospital_name, **margins)
    parts: list[Any] = []
    for style, text in _lines(summary, config, title):
        parts.append(Paragraph(escape(text), styles[style]) if text else Spacer(1, 4 * mm))
    document.build(parts)
    return buffer.getvalue()


def _lines(summary: AuditSummary, config: SiteConfig, title: str) -> list[tuple[str, str]]:
    """Return the report as lines of a style; an empty line is a gap."""
    made = gettext(
        "Read at %(hospital)s; checked on %(when)s.",
        hospital=config.hospital_name,
        when=when(summary.checked_at, config.tz),
    )
    lines = [("title", title), ("text", str(made)), ("strong", verdict_of(summary)), ("text", "")]
    lines.append(("head", str(gettext("What was checked"))))
    lines += [("text", f"{whole(count)}  {check_kind(kind)}") for kind, count in sorted(summary.kinds.items())]
    found = (*summary.findings, *summary.alarms)
    lines.append(("head", str(gettext("Findings"))))
    if not found:
        lines.append(("text", str(gettext("None."))))
    for finding in found[:MOST_FINDINGS]:
        lines += _finding(finding)
    if len(found) > MOST_FINDINGS:
        more = gettext("%(count)s more are in the JSON report.", count=whole(len(found) - MOST_FINDINGS))
        lines.append(("text", str(more)))
    if summary.successors:
        lines.append(("head", str(gettext("After going back to an earlier model"))))
        lines += [("text", each) for each in summary.successors]
    lines += _notes(summary.notes)
    return lines


def _finding(finding: Finding) -> list[tuple[str, str]]:
    where = gettext("Round %(number)s", number=finding.round) if finding.round else gettext("Set-up")
    lines = [("strong", f"{finding_title(finding.name)} ({where}, {finding.subject})"), ("text", finding.sentence)]
    return [*lines, *(("code", f"{evidence_name(name)}: {value}") for name, value in in_order(finding.evidence))]


def _notes(notes: Sequence[str]) -> list[tuple[str, str]]:
    if not notes:
        return []
    return [
        ("head", str(gettext("What was not checked, and why"))),
        *(("text", note) for note in notes[:MOST_FINDINGS]),
    ]


def _styles() -> dict[str, Any]:
    import reportlab  # noqa: PLC0415
    from reportlab.lib.styles import ParagraphStyle  # noqa: PLC0415
    from reportlab.pdfbase import pdfmetrics  # noqa: PLC0415
    from reportlab.pdfbase.ttfonts import TTFont  # noqa: PLC0415

    folder = Path(reportlab.__file__).parent / "fonts"
    for name in ("Vera", "VeraBd"):
        pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))
    plain = ParagraphStyle("text", fontName="Vera", fontSize=9, leading=13, spaceAfter=3)
    return {
        "text": plain,
        "code": ParagraphStyle("code", plain, fontSize=7.5, leading=10, leftIndent=10, wordWrap="CJK"),
        "strong": ParagraphStyle("strong", plain, fontName="VeraBd", spaceBefore=5),
        "head": ParagraphStyle("head", plain, fontName="VeraBd", fontSize=12, leading=16, spaceBefore=10),
        "title": ParagraphStyle("title", plain, fontName="VeraBd", fontSize=17, leading=22, spaceAfter=8),
    }
