"""The full audit: start, progress, stop; its findings with evidence, and the report to download."""

from __future__ import annotations

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from webui.errors import NotFound
from webui.http.headers import allow_calculation
from webui.http.sessions import member, only
from webui.presentation import audit_wording, compare_wording
from webui.presentation.audit_pdf import audit_pdf
from webui.presentation.forms import PressForm
from webui.site import site
from webui.store.models import SiteRole
from webui.store.throttle import Meter
from webui.usecases import lineage

blueprint = Blueprint("audits", __name__, url_prefix="/auditor/audit")
READERS = (SiteRole.AUDITOR, SiteRole.OPERATOR)
AGAIN_MS = 1000
"""After so many milliseconds a browser asks for the next event; an event ends its answer, so nobody holds a thread."""


@blueprint.get("/")
@only(*READERS)
def overview() -> ResponseReturnValue:
    """Show the running audit, and what the last one found."""
    running = site()
    page = render_template(
        "audits/overview.html",
        run=running.full_audits.now(),
        possible=running.full_audits.possible,
        summary=running.services.audits.findings(),
        words=audit_wording,
    )
    return allow_calculation(make_response(page))


@blueprint.post("/start")
@only(*READERS)
def start() -> ResponseReturnValue:
    """Start a full audit in the background."""
    if not PressForm().validate_on_submit():
        raise NotFound
    running = site()
    running.throttle.take(Meter("audit", str(member().id), running.config.limits.replays))
    running.full_audits.start(member().name)
    return redirect(url_for("audits.overview"))


@blueprint.post("/stop")
@only(*READERS)
def stop() -> ResponseReturnValue:
    """Stop the running audit."""
    if not PressForm().validate_on_submit():
        raise NotFound
    site().full_audits.stop()
    flash(gettext("The audit ends now. The report of the audit before it stays."), "good")
    return redirect(url_for("audits.overview"))


@blueprint.get("/live")
@only(*READERS)
def live() -> ResponseReturnValue:
    """Send the audit as a server-sent event if it went on since the browser's last one; see hospital.live."""
    run = site().full_audits.now()
    lines = [f"retry: {AGAIN_MS}"]
    if request.headers.get("Last-Event-ID", request.args.get("seen", "")) != run.version:
        text = render_template("audits/_run.html", run=run, saying=audit_wording.audit_saying(run))
        lines += [f"id: {run.version}", *(f"data: {line}" for line in text.splitlines() if line.strip())]
    else:
        lines.append(": nothing new")
    return Response("\n".join(lines) + "\n\n", mimetype="text/event-stream")


@blueprint.get("/report")
@only(*READERS)
def report() -> ResponseReturnValue:
    """Show the last report as one page for reading and printing."""
    summary = site().services.audits.findings()
    if summary is None:
        raise NotFound
    return render_template("audits/report.html", summary=summary, words=audit_wording)


@blueprint.get("/report.<any(json, html, pdf):form>")
@only(*READERS)
def download(form: str) -> ResponseReturnValue:
    """Return the last report as a file: JSON and HTML are those that `hemaledger audit` writes."""
    running = site()
    if form == "pdf":
        summary = running.services.audits.findings()
        data = audit_pdf(summary, running.config) if summary is not None else None
    else:
        data = running.full_audits.report(form)
    if data is None:
        raise NotFound
    kind = {"json": "application/json", "html": "text/html; charset=utf-8", "pdf": "application/pdf"}[form]
    response = Response(data, content_type=kind)
    response.headers["Content-Disposition"] = f"attachment; filename=audit.{form}"
    return response


@blueprint.get("/compare")
@only(*READERS)
def compare() -> ResponseReturnValue:
    """Compare the models of two rounds: where they come from, and what differs."""
    audits = site().services.audits
    numbers = [view.number for view in audits.rounds()]
    default = (*numbers[:2], 0, 0)
    one, other = (request.args.get(name, default[place], int) for place, name in ((1, "a"), (0, "b")))
    asked = one in numbers and other in numbers
    if not asked and (request.args.get("a") or request.args.get("b")):
        raise NotFound
    both = lineage.compare(audits, one, other) if asked else None
    return render_template("audits/compare.html", numbers=numbers, a=one, b=other, both=both, words=compare_wording)
