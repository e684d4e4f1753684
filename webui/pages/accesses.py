"""Who asked for and opened a patient's data: a page, and files to take along (EHDS, Art. 9)."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from webui.http.languages import zone
from webui.http.sessions import member, only
from webui.presentation.access_wording import (
    access_gaps,
    access_head,
    access_paper,
    access_row,
    far_words,
    kept_line,
    proofs_line,
)
from webui.site import site
from webui.store.models import SiteRole
from webui.store.throttle import Meter
from webui.usecases.accesses import COLUMNS
from webui.usecases.line_proofs import csv_row, list_document
from webui.usecases.proof_states import Far
from webui.usecases.tables import csv_text

SHOWN = 200
"""Lines of the page; the files have all."""
TYPES = {"csv": "text/csv", "json": "application/json", "pdf": "application/pdf"}

blueprint = Blueprint("accesses", __name__, url_prefix="/requests/accesses")


@blueprint.get("")
@only(SiteRole.PATIENT)
def table() -> ResponseReturnValue:
    """Show the newest lines."""
    running = site()
    found = running.accesses.of(member().id, SHOWN)
    far = running.line_proofs.states(found.lines)
    return render_template(
        "requests/accesses.html",
        head=access_head(),
        rows=[
            (access_row(line, zone()), each is Far.THERE, far_words(each), line)
            for line, each in zip(found.lines, far, strict=True)
        ],
        proofs=proofs_line(far),
        older=not found.whole,
        gaps=access_gaps(found),
        kept=kept_line(),
        shown=SHOWN,
    )


@blueprint.get("/accesses.<any(csv, json, pdf):form>")
@only(SiteRole.PATIENT)
def file(form: str) -> ResponseReturnValue:
    """Send all lines: CSV and JSON for programs, PDF for people."""
    running = site()
    running.throttle.take(Meter("accesses", str(member().id), running.config.limits.receipts))
    found, now = running.accesses.of(member().id), running.services.clock()
    data: str | bytes
    if form == "csv":
        far = running.line_proofs.states(found.lines)
        data = csv_text((*COLUMNS, "proof"), (csv_row(*each) for each in zip(found.lines, far, strict=True)))
    elif form == "json":
        proofs = running.line_proofs.each(found.lines)
        data = json.dumps(list_document(found, proofs), indent=2, ensure_ascii=False) + "\n"
    else:
        from webui.usecases.list_paper import list_pdf  # noqa: PLC0415  # reportlab

        far = running.line_proofs.states(found.lines)
        paper = access_paper(found, far, member().name, running.config.hospital_name, zone(), now)
        with running.doors.checks.enter():
            data = list_pdf(paper)
    day = datetime.fromtimestamp(now, UTC).date().isoformat()
    headers = {"Content-Disposition": f"attachment; filename=who-asked-{day}.{form}"}
    return Response(data, mimetype=TYPES[form], headers=headers)


@blueprint.get("/<any(opening, request):what>-<int:number>.tlog-proof")
@only(SiteRole.PATIENT)
def proof(what: str, number: int) -> ResponseReturnValue:
    """Send the proof of one line; while there is none, say why on the page of the list."""
    running = site()
    running.throttle.take(Meter("accesses", str(member().id), running.config.limits.receipts))
    line = running.accesses.line(member().id, f"{what}-{number}")
    found = running.line_proofs.each([line])[0]
    if found.text is None:
        flash(far_words(found.far), "wait")
        return redirect(url_for("accesses.table"))
    headers = {"Content-Disposition": f"attachment; filename={line.key}.tlog-proof"}
    return Response(found.text, mimetype="text/plain", headers=headers)
