"""The members now: last signs of life, for whom the round waits, and whom the last rounds left out."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from webui.http.sessions import only
from webui.presentation import presence_wording
from webui.site import site
from webui.store.models import SiteRole
from webui.usecases.presence import members_now

blueprint = Blueprint("presence", __name__, url_prefix="/consortium")


@blueprint.get("/now")
@only(SiteRole.OPERATOR, SiteRole.HOSPITAL)
def now() -> ResponseReturnValue:
    """Show every member, and the last rounds."""
    services = site().services
    shown = {"now": members_now(services), "log": services.log is not None, "words": presence_wording}
    return render_template("operator/now.html", **shown)
