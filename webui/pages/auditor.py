"""An auditor's pages: the rounds, one round and what was checked of it, a file against the ledger, the last audit."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from fl.audit.narrative import Results
from fl.protocol.errors import TooLarge
from webui.errors import NotFound
from webui.http.error_pages import ALARM, status_of
from webui.http.sessions import member, only
from webui.pages.check_image import digest_capped
from webui.ports.federation import FileFinding, RoundView
from webui.presentation.forms import LedgerDigestForm, LedgerFileForm, PressForm
from webui.site import site
from webui.store.models import SiteRole
from webui.store.throttle import Meter

blueprint = Blueprint("auditor", __name__, url_prefix="/auditor")


@blueprint.get("/")
@only(SiteRole.AUDITOR, SiteRole.OPERATOR)
def rounds() -> ResponseReturnValue:
    """List all rounds, and what the last audit found."""
    audits = site().services.audits
    return render_template("auditor/rounds.html", rounds=audits.rounds(), summary=audits.findings())


@blueprint.get("/rounds/<int:number>")
@only(SiteRole.AUDITOR, SiteRole.OPERATOR)
def one_round(number: int) -> ResponseReturnValue:
    """Tell one round in plain words, with what the last audit and a replay here checked of it."""
    audits, found = site().services.audits, _round(number)
    summary, replayed = audits.findings(), site().replays.of(number)
    results = summary.results.get(number) if summary is not None else None
    shown = replayed.results if replayed is not None else results or Results()
    return render_template(
        "auditor/round.html",
        round=found,
        told=audits.explain(number, shown),
        audited=results,
        checked_at=summary.checked_at if summary is not None else None,
        replayed=replayed,
        obstacle=audits.obstacle(number),
    )


@blueprint.post("/rounds/<int:number>/replay")
@only(SiteRole.AUDITOR, SiteRole.OPERATOR)
def replay(number: int) -> ResponseReturnValue:
    """Replay one round now; what is wrong in it is an alarm, too."""
    if not PressForm().validate_on_submit():
        raise NotFound
    here = site()
    found = _round(number)
    here.throttle.take(Meter("replay", str(member().id), here.config.limits.replays))
    with here.doors.audits.enter():
        findings = here.replays.run(found.number).results.findings
    for finding in findings:
        current_app.logger.critical(ALARM, finding.name, finding.sentence)
    if findings:
        flash(f"Round {number} was checked just now, and something is wrong in it.", "bad")
    else:
        flash(f"Round {number} was checked just now. Nothing was found.", "good")
    return redirect(url_for("auditor.one_round", number=number))


@blueprint.route("/file", methods=["GET", "POST"])
@only(SiteRole.AUDITOR, SiteRole.OPERATOR)
def file() -> ResponseReturnValue:
    """Look up an uploaded file, which is not kept, or a digest on the ledger."""
    form, named, audits = LedgerFileForm(), LedgerDigestForm(request.args), site().services.audits
    finding: FileFinding | None = None
    status = 200
    if form.validate_on_submit():
        try:
            with site().doors.audits.enter():
                finding = audits.look_up(digest_capped(form.file.data, site().config.file_cap))
        except TooLarge as error:
            form.file.errors, status = [str(error)], status_of(error)
    elif form.is_submitted():
        status = 400
    elif "digest" in request.args:
        finding = audits.look_up(named.value) if named.validate() else None
        status = 200 if finding else 400
    return render_template("auditor/file.html", form=form, named=named, finding=finding), status


def _round(number: int) -> RoundView:
    for view in site().services.audits.rounds():
        if view.number == number:
            return view
    raise NotFound
