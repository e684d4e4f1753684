"""The table of the API's operations, from which both the routes and the OpenAPI document are made.

Invariant: an operation exists only here, so the document cannot forget one or describe one that is not there.

Source: OpenAPI 3.1.1. A library (apiflask, flask-smorest, spectree) would bring a second way to declare forms and
errors; what the document needs beside the routes is this one dataclass.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response, jsonify
from flask.typing import ResponseReturnValue

from webui.http.bearer import by_token
from webui.http.idempotency import HEADER, LONGEST, once_by_key
from webui.presentation.api_views import DIGEST, NUMBER, TIME, ref
from webui.presentation.api_views import SCHEMAS as SITE_SCHEMAS
from webui.presentation.care_views import CARE_SCHEMAS
from webui.presentation.risk_views import RISK_SCHEMAS
from webui.store.models import SiteRole
from webui.store.tokens import Scope

View = Callable[..., ResponseReturnValue]
PREFIX = "/api/v1"
EVERYBODY = tuple(SiteRole)
SCHEMAS = {**SITE_SCHEMAS, **RISK_SCHEMAS, **CARE_SCHEMAS}
PAGE = "page"
PARAMETERS: dict[str, dict[str, Any]] = {
    PAGE: {"schema": {**NUMBER, "maximum": 10**6}, "description": "Which page of the list, from 0."},
    "patient": {"schema": NUMBER, "description": "A patient in this doctor's care. Doctors must send it."},
}
PATHS: dict[str, dict[str, Any]] = {"digest": DIGEST, "moment": TIME}
IDEMPOTENCY = {
    "name": HEADER,
    "in": "header",
    "description": "A request that is sent again with the same key and body is carried out once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[!-~]+$"},
}
PROBLEMS = {
    400: "The request cannot be read.",
    401: "There is no valid token.",
    403: "The token's owner or its scope does not allow this.",
    404: "There is no such thing, or its owner may not see it.",
    409: "The rules forbid it now.",
    413: "The body is too large.",
    422: "The picture is not one that the model may judge.",
    429: "Too many requests; Retry-After says how long to wait.",
    500: "A mistake of the site, or evidence that contradicts itself.",
    503: "A part of the system does not answer; try again.",
}


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    """In Flask's spelling, below `PREFIX`."""
    name: str
    summary: str
    answer: str
    """The name of a schema, or a media type."""
    roles: tuple[SiteRole, ...] = EVERYBODY
    scope: Scope | None = None
    status: int = 200
    query: tuple[str, ...] = ()
    body: dict[str, Any] = field(default_factory=dict)
    """Media type -> schema."""


OPERATIONS: list[Operation] = []
blueprint = Blueprint("api", __name__, url_prefix=PREFIX)


def serves(operation: Operation) -> Callable[[View], View]:
    """Make a view the answer to an operation, for tokens with its role and scope."""

    def decorate(view: View) -> View:
        once = once_by_key(view) if operation.method == "POST" else view
        guarded = by_token(*operation.roles, scope=operation.scope)(once)
        blueprint.add_url_rule(operation.path, operation.name, guarded, methods=[operation.method])
        OPERATIONS.append(operation)
        return guarded

    return decorate


@blueprint.get("/openapi.json")
def document() -> ResponseReturnValue:
    """Describe the API; for everybody, it has no data."""
    return jsonify(openapi())


def openapi() -> dict[str, Any]:
    """Return the OpenAPI document of all operations."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(template_of(operation.path), {})[operation.method.lower()] = _described(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Hemaledger", "version": "1", "description": "A part of what the pages do, for programs."},
        "servers": [{"url": PREFIX}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def template_of(path: str) -> str:
    """Return a path in OpenAPI's spelling: `/checks/<int:check_id>` becomes `/checks/{check_id}`."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path)


def _described(operation: Operation) -> dict[str, Any]:
    roles = ", ".join(role.value for role in operation.roles)
    scope = f" Scope: {operation.scope.value}." if operation.scope else ""
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"Roles: {roles}.{scope}",
        "parameters": [*_path_parameters(operation.path), *_others(operation)],
        "responses": _answers(operation),
    }
    if operation.body:
        content = {kind: {"schema": schema} for kind, schema in operation.body.items()}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _path_parameters(path: str) -> list[dict[str, Any]]:
    found = re.findall(r"<(?:(\w+):)?(\w+)>", path)
    return [
        {"name": name, "in": "path", "required": True, "schema": NUMBER if kind == "int" else PATHS[name]}
        for kind, name in found
    ]


def _others(operation: Operation) -> list[dict[str, Any]]:
    query = [{"name": name, "in": "query", **PARAMETERS[name]} for name in operation.query]
    return [*query, IDEMPOTENCY] if operation.method == "POST" else query


def _answers(operation: Operation) -> dict[str, Any]:
    schema: dict[str, Any] = (
        ref(operation.answer) if operation.answer in SCHEMAS else {"type": "string", "format": "binary"}
    )
    kind = "application/json" if operation.answer in SCHEMAS else operation.answer
    good = {"description": "Done.", "content": {kind: {"schema": schema}}}
    problem = {"application/problem+json": {"schema": ref("Problem")}}
    bad = {str(status): {"description": text, "content": problem} for status, text in PROBLEMS.items()}
    return {str(operation.status): good, **bad}


def answer(value: dict[str, Any], status: int = 200) -> Response:
    response = jsonify(value)
    response.status_code = status
    return response
