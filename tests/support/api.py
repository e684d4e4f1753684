"""A program that uses the site's API in a test."""

from __future__ import annotations

import io
from typing import Any, TypeAlias

import jsonschema_rs

from tests.support.site_town import Town
from webui.pages.api.operations import openapi
from webui.store.tokens import Scope, scopes_of

BASE = "/api/v1"
Answer: TypeAlias = Any
"""A TestResponse; the tests look into its JSON."""


class Program:
    """Sends requests with a token of one person; by default the token has every right of the person's role."""

    def __init__(self, town: Town, email: str, *scopes: Scope) -> None:
        owner = town.members[email]
        self.secret = town.site.tokens.create(owner, "test", scopes or scopes_of(owner.role), 30)
        self._client = town.app.test_client()

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}

    def get(self, path: str, **query: object) -> Answer:
        return self._client.get(BASE + path, headers=self.headers, query_string=query or None)

    def send(self, path: str, document: object = None, key: str | None = None) -> Answer:
        return self._client.post(BASE + path, headers=self.keyed(key), json=document)

    def check(self, data: bytes, key: str | None = None, **fields: str) -> Answer:
        form = {"image": (io.BytesIO(data), "cell.png"), **fields}
        return self._client.post(
            BASE + "/checks", headers=self.keyed(key), data=form, content_type="multipart/form-data"
        )

    def keyed(self, key: str | None) -> dict[str, str]:
        return self.headers if key is None else {**self.headers, "Idempotency-Key": key}


def as_schema(document: Any, name: str) -> None:
    """Raise ValidationError unless a document is what the OpenAPI document promises."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": openapi()["components"]}
    jsonschema_rs.validator_for(schema).validate(document)
