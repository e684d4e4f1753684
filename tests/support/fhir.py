"""Another system that speaks FHIR with the site, and the judge of its resources."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from tests.support.api import Answer, Program


class System(Program):
    """Another system of the clinic, with a person's token."""

    def ask(self, path: str) -> Answer:
        return self._client.get(f"/fhir/{path}", headers=self.headers)

    def write(self, method: str, path: str, document: object) -> Answer:
        return self._client.open(f"/fhir/{path}", method=method, headers=self.headers, json=document)

    def entries(self, path: str) -> list[dict[str, Any]]:
        return [each["resource"] for each in valid(self.ask(path)).get("entry", [])]


def valid(answer: Answer, status: int = 200) -> dict[str, Any]:
    """Return a resource after fhir.resources has judged it."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/fhir+json"
    document: dict[str, Any] = answer.json
    judge(document)
    return document


def judge(document: dict[str, Any]) -> None:
    kind = document["resourceType"]
    getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind).model_validate(document)
