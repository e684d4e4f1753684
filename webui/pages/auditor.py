"""An auditor's pages: the rounds, one round, a file against the ledger, the last audit."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from fl.protocol.errors import TooLarge
from webui.checks import read_capped
from webui.errors import status_of
from webui.forms import LedgerFileForm
from webui.login import only
from webui.services import RoundView
from webui.site import site
from webui.store.models import SiteRole
from webui.store.refusals import NotFound

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
    """Show one round."""
    return render_template("auditor/round.html", round=_round(number))


@blueprint.route("/file", methods=["GET", "POST"])
@only(SiteRole.AUDITOR, SiteRole.OPERATOR)
def file() -> ResponseReturnValue:
    """Look up an uploaded file on the ledger; the file is not kept."""
    form, finding, status = LedgerFileForm(), None, 200
    if form.validate_on_submit():
        try:
            finding = site().services.audits.look_up(read_capped(form.file.data, site().config.file_cap))
        except TooLarge as error:
            form.file.errors, status = [str(error)], status_of(error)
    elif form.is_submitted():
        status = 400
    return render_template("auditor/file.html", form=form, finding=finding), status


def _round(number: int) -> RoundView:
    for view in site().services.audits.rounds():
        if view.number == number:
            return view
    raise NotFound
