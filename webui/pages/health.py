"""Probes: is the process alive, can the site answer, does every part work."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from webui.http.readiness import readiness
from webui.site import site

blueprint = Blueprint("health", __name__)
UNAVAILABLE = 503


@blueprint.get("/healthz")
def live() -> ResponseReturnValue:
    """Say that the process answers; this checks nothing else."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def ready() -> ResponseReturnValue:
    """Report the state of each part; 503 if no patient can get an answer about a picture now."""
    state = readiness(site())
    return state.document(), 200 if state.answers else UNAVAILABLE


@blueprint.get("/health")
def health() -> ResponseReturnValue:
    """Report the same, for alarms; 503 if any part does not answer."""
    state = readiness(site())
    return state.document(), 200 if state.whole else UNAVAILABLE
