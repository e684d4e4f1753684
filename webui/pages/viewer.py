"""The picture of a check, large: zoom, pan, brightness and heat map for treating doctors.

Without a script the page is the plain picture in its own size. Not here: the script (static/js/viewer.js).
"""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from webui.errors import NotFound
from webui.http.sessions import member, only
from webui.site import site
from webui.store.models import SiteRole

blueprint = Blueprint("viewer", __name__, url_prefix="/viewer")


@blueprint.get("/<int:check_id>", defaults={"number": None})
@blueprint.get("/<int:check_id>/<int:number>")
@only(SiteRole.DOCTOR)
def view(check_id: int, number: int | None) -> ResponseReturnValue:
    """Show a picture of a check that the doctor may see and this site can open; by default the one with the answer."""
    running = site()
    shown = running.patient_records.show(member(), running.record_store.visible(member(), check_id))
    if shown.check is None:
        raise NotFound
    number = shown.check.sample.place + 1 if number is None else number
    if not 1 <= number <= len(shown.check.pictures):
        raise NotFound
    running.work.mark(member().id, check_id, read=True)
    return render_template("work/viewer.html", shown=shown, number=number)
