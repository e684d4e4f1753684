"""Probes: whether the process lives, whether the site can answer, whether all is well."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from webui.http.readiness import readiness
from webui.site import site

blueprint = Blueprint("health", __name__)
UNAVAILABLE = 503


@blueprint.get("/healthz")
def live() -> ResponseReturnValue:
    """Say that the process answers; nothing else is looked at, and a worker of its own answers."""
    return {"status": "ok"}


@blueprint.get("/readyz")
def ready() -> ResponseReturnValue:
    """Say of each part whether it answers; 503 when nobody can get an answer about a picture now."""
    found = readiness(site())
    return found.document(), 200 if found.answers else UNAVAILABLE


@blueprint.get("/health")
def health() -> ResponseReturnValue:
    """Say the same, for who wants to be alarmed; 503 as soon as one part does not answer."""
    found = readiness(site())
    return found.document(), 200 if found.whole else UNAVAILABLE
