"""The home page: what this site is, and which model it uses."""

from __future__ import annotations

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue

from fl.protocol.errors import HemaledgerError, TamperedError
from webui.http.error_pages import ALARM, ErrorPage, page_of
from webui.ports.federation import ReportedModel
from webui.site import site

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
def index() -> ResponseReturnValue:
    """Show the home page, also without a model."""
    reported = _reported()
    if isinstance(reported, ErrorPage):
        return render_template("home.html", model=None, trouble=reported)
    return render_template("home.html", model=reported.model, report=reported.report)


def _reported() -> ReportedModel | ErrorPage:
    try:
        return site().services.predictions.reported()
    except HemaledgerError as error:
        if isinstance(error, TamperedError):
            current_app.logger.critical(ALARM, error.name, error)
        return page_of(error)
