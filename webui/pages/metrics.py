"""The figures for Prometheus, for this machine or for a token of the operator."""

from __future__ import annotations

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST

from webui.http.bearer import by_token
from webui.http.metrics import figures, from_this_machine
from webui.site import site
from webui.store.models import SiteRole
from webui.store.tokens import Scope

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def show() -> ResponseReturnValue:
    """Return the figures; they have no personal data."""
    return _figures() if from_this_machine() else _with_token()


@by_token(SiteRole.OPERATOR, scope=Scope.METRICS_READ)
def _with_token() -> ResponseReturnValue:
    return _figures()


def _figures() -> Response:
    return Response(figures().text(site()), content_type=CONTENT_TYPE_LATEST)
