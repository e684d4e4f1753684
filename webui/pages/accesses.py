"""Who asked for and opened a patient's data: a page, and files to take along (EHDS, Art. 9)."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue

from webui.http.languages import zone
from webui.http.sessions import member, only
from webui.presentation.access_wording import access_gaps, access_head, access_paper, access_row, kept_line
from webui.site import site
from webui.store.models import SiteRole
from webui.store.throttle import Meter
from webui.usecases.accesses import COLUMNS
from webui.usecases.tables import csv_text

SHOWN = 200
"""Lines of the page; the files have all."""
TYPES = {"csv": "text/csv", "json": "application/json", "pdf": "application/pdf"}

blueprint = Blueprint("accesses", __name__, url_prefix="/requests/accesses")


@blueprint.get("")
@only(SiteRole.PATIENT)
def table() -> ResponseReturnValue:
    """Show the newest lines."""
    found = site().accesses.of(member().id, SHOWN)
    return render_template(
        "requests/accesses.html",
        head=access_head(),
        rows=[access_row(line, zone()) for line in found.lines],
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
        data = csv_text(COLUMNS, (line.cells() for line in found.lines))
    elif form == "json":
        data = json.dumps(found.to_dict(), indent=2, ensure_ascii=False) + "\n"
    else:
        from webui.usecases.list_paper import list_pdf  # noqa: PLC0415  # reportlab

        paper = access_paper(found, member().name, running.config.hospital_name, zone(), now)
        with running.doors.checks.enter():
            data = list_pdf(paper)
    day = datetime.fromtimestamp(now, UTC).date().isoformat()
    headers = {"Content-Disposition": f"attachment; filename=who-asked-{day}.{form}"}
    return Response(data, mimetype=TYPES[form], headers=headers)
