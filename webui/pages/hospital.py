"""A hospital's staff: the round now, live; the curves of all rounds; the members and their keys."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue

from webui.http.headers import POLICY, policy_text
from webui.http.sessions import only
from webui.presentation.plots import plots_of
from webui.site import site
from webui.store.models import SiteRole

blueprint = Blueprint("hospital", __name__, url_prefix="/hospital")
AGAIN_MS = 3000
"""After so many milliseconds a browser asks for the next event. An event ends its answer, so nobody holds a thread."""
LIVE = {"connect-src": "'self'"}
"""The page of the round also needs one address for its events."""


@blueprint.get("/")
@only(SiteRole.HOSPITAL)
def dashboard() -> ResponseReturnValue:
    """Show the newest round, phase by phase, with this hospital's part."""
    service = site().own_tools.service
    response = make_response(
        render_template("hospital/dashboard.html", now=service.now(), version=service.version(), at=_time())
    )
    response.headers["Content-Security-Policy"] = policy_text(POLICY | LIVE)
    return response


@blueprint.get("/live")
@only(SiteRole.HOSPITAL)
def live() -> ResponseReturnValue:
    """Send the round as one server-sent event if it changed since the browser's last one, and when to ask again.

    Source: WHATWG HTML, 9.2 (`retry`, `Last-Event-ID`).
    """
    service = site().own_tools.service
    version = service.version()
    lines = [f"retry: {AGAIN_MS}"]
    if request.headers.get("Last-Event-ID", request.args.get("seen", "")) != version:
        text = render_template("hospital/_round.html", now=service.now(), at=_time())
        lines += [f"id: {version}", *(f"data: {line}" for line in text.splitlines() if line.strip())]
    else:
        lines.append(": nothing new")
    return Response("\n".join(lines) + "\n\n", mimetype="text/event-stream")


@blueprint.get("/curves")
@only(SiteRole.HOSPITAL)
def curves() -> ResponseReturnValue:
    """Show what the models could do in each final round."""
    figures = site().own_tools.service.figures()
    return render_template(
        "hospital/curves.html",
        figures=figures,
        tested=plots_of(figures, "metrics"),
        trained=plots_of(figures, "training"),
    )


@blueprint.get("/members")
@only(SiteRole.HOSPITAL)
def members() -> ResponseReturnValue:
    """List the members of the consortium, with the ages of their keys."""
    return render_template("hospital/members.html", members=site().own_tools.service.members(), at=_time())


def _time() -> int:
    return site().services.clock()
