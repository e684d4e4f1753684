"""An auditor's pages: all rounds, one round with its checks, and the look-up of a file."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from fl.audit.narrative import Results
from fl.protocol.errors import TooLarge
from webui.errors import NotFound
from webui.http.error_pages import ALARM, status_of
from webui.http.error_words import sentence_of
from webui.http.languages import zone
from webui.http.sessions import member, only
from webui.ports.federation import RoundView
from webui.presentation.forms import LedgerDigestForm, LedgerFileForm, PressForm
from webui.presentation.numbers_and_dates import when
from webui.site import site
from webui.store.models import SiteRole
from webui.store.throttle import Meter
from webui.usecases.file_look_up import Answer, fingerprints, look_up

NEWEST = 25
"""How many rounds the list shows; the table of rounds has all of them."""
blueprint = Blueprint("auditor", __name__, url_prefix="/auditor")


@blueprint.get("/")
@only(SiteRole.AUDITOR, SiteRole.OPERATOR)
def rounds() -> ResponseReturnValue:
    """List the newest rounds, and the findings of the last audit."""
    audits = site().services.audits
    every = audits.rounds()
    return render_template(
        "auditor/rounds.html", rounds=every[:NEWEST], more=max(len(every) - NEWEST, 0), summary=audits.findings()
    )


@blueprint.get("/rounds/<int:number>")
@only(SiteRole.AUDITOR, SiteRole.OPERATOR)
def one_round(number: int) -> ResponseReturnValue:
    """Explain one round, with the results of the last audit and of a replay on this site."""
    audits, view = site().services.audits, _round(number)
    summary, replayed = audits.findings(), site().replays.of(number)
    results = summary.results.get(number) if summary is not None else None
    shown = replayed.results if replayed is not None else results or Results()
    return render_template(
        "auditor/round.html",
        round=view,
        explained=audits.explain(number, shown, lambda seconds: when(seconds, zone())),
        audited=results,
        checked_at=summary.checked_at if summary is not None else None,
        replayed=replayed,
        obstacle=audits.obstacle(number),
    )


@blueprint.post("/rounds/<int:number>/replay")
@only(SiteRole.AUDITOR, SiteRole.OPERATOR)
def replay(number: int) -> ResponseReturnValue:
    """Replay one round now; each finding is also an alarm in the log."""
    if not PressForm().validate_on_submit():
        raise NotFound
    running = site()
    view = _round(number)
    running.throttle.take(Meter("replay", str(member().id), running.config.limits.replays))
    with running.doors.audits.enter():
        findings = running.replays.run(view.number).results.findings
    for finding in findings:
        current_app.logger.critical(ALARM, finding.name, finding.sentence)
    if findings:
        flash(gettext("This site has checked round %(number)s and found a problem.", number=number), "bad")
    else:
        flash(gettext("This site has checked round %(number)s and found no problem.", number=number), "good")
    return redirect(url_for("auditor.one_round", number=number))


@blueprint.route("/file", methods=["GET", "POST"])
@only(SiteRole.AUDITOR, SiteRole.OPERATOR)
def file() -> ResponseReturnValue:
    """Look up an uploaded file or a digest on the ledger; the file is not stored."""
    form, named, audits = LedgerFileForm(), LedgerDigestForm(request.args), site().services.audits
    found: Answer | None = None
    status = 200
    if form.validate_on_submit():
        try:
            with site().doors.audits.enter():
                prints = fingerprints(form.file.data.stream, site().config.file_cap)
                found = look_up(prints, audits.look_up)
        except TooLarge as error:
            form.file.errors, status = [sentence_of(error)], status_of(error)
    elif form.is_submitted():
        status = 400
    elif "digest" in request.args:
        found = look_up(named.value, audits.look_up) if named.validate() else None
        status = 200 if found else 400
    return render_template("auditor/file.html", form=form, named=named, found=found), status


def _round(number: int) -> RoundView:
    for view in site().services.audits.rounds():
        if view.number == number:
            return view
    raise NotFound
