"""The operator's view of the access log: a table with filters, a file, and the check against the ledger."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime, time, timedelta

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from webui.http.headers import MAX_PAGE
from webui.http.languages import zone
from webui.http.sessions import only
from webui.presentation.log_wording import log_about, log_page
from webui.site import site
from webui.store.access_log import PAGE_ROWS, LogEvent, ShownLine, Sought
from webui.store.models import SiteRole

blueprint = Blueprint("access_log", __name__, url_prefix="/operator/access-log")
FILE_ROWS = 10_000
NOBODY = -1
"""No account has this number: an unknown address finds nothing."""


@blueprint.get("")
@only(SiteRole.OPERATOR)
def table() -> ResponseReturnValue:
    """Show one page of the log."""
    page = min(max(request.args.get("page", 0, type=int) or 0, 0), MAX_PAGE)
    lines = site().access_log.lines(_sought(), page)
    older = page + 1 if len(lines) > PAGE_ROWS else None
    chosen = {name: request.args.get(name, "") for name in ("who", "event", "since", "until")}
    roots = site().access_log.batches()
    return render_template(
        "access_log/table.html",
        lines=lines[:PAGE_ROWS],
        page=page,
        older=older,
        chosen=chosen,
        events=list(LogEvent),
        newest=roots[0] if roots else None,
    )


@blueprint.get("/lines.csv")
@only(SiteRole.OPERATOR)
def file() -> ResponseReturnValue:
    """Return the newest lines that fit the filters as a table for a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["number", "time_utc", "account", "role", "event", "page", "about", "network", "root", "words"])
    writer.writerows(_row(shown) for shown in site().access_log.lines(_sought(), 0, FILE_ROWS))
    response = Response(text.getvalue(), mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="access-log.csv"'
    return response


@blueprint.post("/check")
@only(SiteRole.OPERATOR)
def check() -> ResponseReturnValue:
    """Compute every root of the log again and compare it with the ledger."""
    with site().doors.audits.enter():
        checked = site().access_audit.check()
    return render_template("access_log/checked.html", checked=checked)


def _row(shown: ShownLine) -> list[object]:
    entry = shown.entry
    moment = datetime.fromtimestamp(entry.at, UTC).isoformat()
    who = "" if entry.account_id is None else entry.account_id
    root = "" if shown.batch is None else shown.batch
    words = ", ".join(filter(None, (log_page(entry), log_about(entry))))
    return [entry.id, moment, who, entry.role, entry.event, entry.what, entry.about, entry.network, root, words]


def _sought() -> Sought:
    """Return the filters of the address; what cannot be read counts as no filter."""
    who, event = request.args.get("who", "").strip(), request.args.get("event", "")
    account = (site().accounts.find(who) or NOBODY) if who else None
    known = event if event in {each.value for each in LogEvent} else None
    until = _midnight(request.args.get("until", ""), 1)
    return Sought(account, known, _midnight(request.args.get("since", "")), until)


def _midnight(text: str, days: int = 0) -> int | None:
    """Return when a day begins in the hospital's zone, in seconds since 1970; None if the text is not a day."""
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
        return int(datetime.combine(day, time(), zone()).timestamp())
    except (ValueError, OverflowError):
        return None
