"""The pictures of a check: as they were sent, as the network saw them, where it looked, and small ones for lists.

Invariant: a picture is for those who may see its check; for all others it does not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from fl.training.pictures.heat import layer_png
from webui.errors import NotFound
from webui.http.sessions import member, only
from webui.site import site
from webui.store.models import SiteRole
from webui.store.openings import How
from webui.usecases.record_pictures import Pictured
from webui.usecases.sampling import thumb_of

blueprint = Blueprint("pictures", __name__, url_prefix="/checks")
VIEWS: Mapping[str, Callable[[Pictured], bytes]] = {
    "picture": lambda one: one.image_png,
    "seen": lambda one: one.views.seen_png,
    "heat": lambda one: layer_png(one.views.heat_png) if one.views.heat_png else b"",
}


@blueprint.get("/<int:check_id>/<int:number>/<any(picture, seen, heat):what>.png")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def view(check_id: int, number: int, what: str) -> ResponseReturnValue:
    """Send one picture of a check; they count from 1."""
    data = VIEWS[what](_picture(check_id, number))
    if not data:
        raise NotFound
    return Response(data, mimetype="image/png")


@blueprint.get("/<int:check_id>/<int:number>/thumb.webp")
@only(SiteRole.PATIENT, SiteRole.DOCTOR)
def thumb(check_id: int, number: int) -> ResponseReturnValue:
    """Send a small picture for a list; old records have none, so it is made now."""
    one = _picture(check_id, number, How.LIST)
    return Response(one.views.thumb_webp or thumb_of(one.image_png), mimetype="image/webp")


def _picture(check_id: int, number: int, how: How = How.CHECK) -> Pictured:
    """Return one picture of a check that this person may see; `how` is what the patient reads about it."""
    shown = site().patient_records.show(member(), site().record_store.visible(member(), check_id), how)
    if shown.check is None or not 1 <= number <= len(shown.check.pictures):
        raise NotFound
    return shown.check.pictures[number - 1]
