"""schemathesis reads the OpenAPI document and sends what it allows and what it forbids: no answer is a server error,
and every answer is one that the document describes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.access import PEOPLE, Made
from tests.support.api import Program
from tests.support.site_risks import RiskTown
from webui.config import Limit, Limits
from webui.http import bearer
from webui.pages.api.operations import OPERATIONS, PREFIX, Operation, template_of

EXAMPLES = 12
"""Of each operation; a run by hand with 1000 takes minutes."""
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
FEW = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    town = RiskTown(tmp_path_factory.mktemp("town"), limits=Limits(checks=Limit(10**6, 60)))
    yield Made.of(town)
    town.site.database.close()


@pytest.fixture(scope="module")
def schema(made: Made) -> BaseSchema:
    return schemathesis.openapi.from_wsgi(f"{PREFIX}/openapi.json", made.town.app)


@pytest.fixture(scope="module")
def programs(made: Made) -> dict[str, Program]:
    """Return a program of each person that some operation is for; a person may have only so many tokens."""
    return {email: Program(made.town, email) for email in {person_of(each) for each in OPERATIONS}}


def person_of(operation: Operation) -> str:
    return next(email for email, role in PEOPLE.items() if role in operation.roles)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
def test_no_request_makes_a_server_error_or_an_answer_that_is_not_described(
    operation: Operation, schema: BaseSchema, programs: dict[str, Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bearer, "CALLS", Limit(10**6, 60))
    headers = programs[person_of(operation)].headers
    described = schema[template_of(operation.path)][operation.method]
    seen: set[int] = set()

    @FEW
    @given(case=described.as_strategy())
    def send(case: schemathesis.Case[Any]) -> None:
        answer = case.call(headers=headers)
        case.validate_response(answer, checks=CHECKS)
        seen.add(answer.status_code)

    send()
    assert 401 not in seen
    assert operation.query or "<" in operation.path or operation.body or seen == {200}
