"""The witnesses of the log: who cosigns its checkpoints, and how far each one is behind."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from webui.errors import NotFound
from webui.http.sessions import only
from webui.presentation import witness_wording
from webui.site import site
from webui.store.models import SiteRole

blueprint = Blueprint("witnesses", __name__)


@blueprint.get("/witnesses")
@only(SiteRole.AUDITOR, SiteRole.OPERATOR, SiteRole.HOSPITAL)
def table() -> ResponseReturnValue:
    """Show the newest checkpoint, and every witness."""
    log = site().services.log
    if log is None:
        raise NotFound
    return render_template("ledger/witnesses.html", log=log.now(), words=witness_wording)
