"""Route x role x object: every cell of the table that the application's own routes make.

Strangers are asked to sign in (pages) or refused (programs), other roles are refused, and of the right role only those
who may see a row do. tests/support/access.py says how to add a route.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tests.support.access import FORMS, OPEN, PEOPLE, QUERIES, ROWS, SPECIAL, Made, Row
from tests.support.api import Program
from tests.support.site_risks import RiskTown
from tests.support.site_town import Town
from webui.http.machines import is_machine
from webui.store.models import SiteRole

STRANGER = ""
SAFE = frozenset({"HEAD", "OPTIONS"})
VARIABLE = re.compile(r"<(?:[^<>:]+:)?(\w+)>")


@dataclass(frozen=True)
class Route:
    """One method of one endpoint."""

    endpoint: str
    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.endpoint}"

    @property
    def names(self) -> list[str]:
        return VARIABLE.findall(self.path)

    @property
    def rows(self) -> list[Row]:
        special = SPECIAL.get(self.endpoint, {})
        return [special.get(name) or ROWS[name] for name in self.names]

    def address(self, made: Made) -> str:
        values = {name: row.text(made) for name, row in zip(self.names, self.rows, strict=True)}
        query = QUERIES[self.endpoint](made) if self.endpoint in QUERIES else ""
        return VARIABLE.sub(lambda found: values[found[1]], self.path) + query

    def may_see(self, email: str) -> bool:
        return all(row.seen_by is None or email in row.seen_by for row in self.rows)


@cache
def application() -> Flask:
    with TemporaryDirectory() as folder:
        return Town(Path(folder)).app


@cache
def routes() -> tuple[Route, ...]:
    rules: list[Rule] = list(application().url_map.iter_rules())
    return tuple(
        Route(rule.endpoint, method, rule.rule)
        for rule in sorted(rules, key=lambda rule: rule.rule)
        for method in sorted((rule.methods or set()) - SAFE)
    )


def roles_of(route: Route) -> tuple[SiteRole, ...] | None:
    """Return the roles that the view names; None if it names none."""
    return getattr(application().view_functions[route.endpoint], "roles", None)


def guarded() -> list[Route]:
    return [route for route in routes() if roles_of(route) is not None]


@pytest.fixture(scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("town")


@pytest.fixture(scope="module")
def made(_folder: Path) -> Iterator[Made]:
    """Yield one town for all cells: refusals change nothing, and the owner comes last in each test."""
    town = RiskTown(_folder)
    yield Made.of(town)
    town.site.database.close()


@pytest.fixture(scope="module")
def senders(made: Made) -> dict[str, Callable[[Route], TestResponse]]:
    """Return for each person, and for a stranger, how they send a request to a route."""
    found = {email: _sender(made, email) for email in (STRANGER, *PEOPLE)}
    made.town.app.config["WTF_CSRF_ENABLED"] = False  # the roles come after the tokens of forms
    return found


def _sender(made: Made, email: str) -> Callable[[Route], TestResponse]:
    visitor = made.town.visitor(email or None)
    program = Program(made.town, email) if email else None
    bare = made.town.app.test_client()

    def send(route: Route) -> TestResponse:
        address = route.address(made)
        if is_machine(address):
            headers = program.headers if program is not None else {}
            return bare.open(address, method=route.method, headers=headers, json={})
        fields = FORMS[route.endpoint](made) if route.method != "GET" and route.endpoint in FORMS else {}
        return visitor._client.open(address, method=route.method, data=fields)

    return send


def test_every_route_has_roles_or_is_known_to_be_open() -> None:
    unknown = {route.endpoint for route in routes() if roles_of(route) is None} - OPEN
    assert not unknown, f"add `only(...)` to the view, or the endpoint to OPEN in tests/support/access.py: {unknown}"
    assert {route.endpoint for route in routes()} >= OPEN, "a route in OPEN is gone"


def test_every_name_in_a_path_has_a_row() -> None:
    missing = {name for route in guarded() for name in route.names} - set(ROWS)
    assert not missing, f"say in ROWS of tests/support/access.py who may see these: {missing}"


def test_the_table_is_not_empty() -> None:
    assert len(guarded()) > 40


@pytest.mark.parametrize("route", guarded(), ids=str)
def test_strangers_and_other_roles_are_refused(
    route: Route, senders: dict[str, Callable[[Route], TestResponse]], made: Made
) -> None:
    stranger = senders[STRANGER](route)
    if is_machine(route.address(made)):
        assert stranger.status_code == 401
    else:
        assert stranger.status_code == 302
        assert stranger.location.startswith("/sign-in")
    for email, role in PEOPLE.items():
        if role not in (roles_of(route) or ()):
            assert senders[email](route).status_code == 403, email


@pytest.mark.parametrize("route", guarded(), ids=str)
def test_of_the_right_role_only_those_who_may_see_a_row_get_an_answer(
    route: Route, senders: dict[str, Callable[[Route], TestResponse]]
) -> None:
    right = [email for email, role in PEOPLE.items() if role in (roles_of(route) or ())]
    assert right, "no person of this table has a role of this route"
    for email in right:
        if not route.may_see(email):
            assert senders[email](route).status_code in {403, 404}, email
    for email in right:
        if route.may_see(email) and route.method == "GET":
            answer = senders[email](route)
            assert (
                answer.status_code in {200, 302, 400, 404} if _needs_query(route) else answer.status_code in {200, 302}
            )
            assert not (answer.location or "").startswith("/sign-in"), email


@pytest.mark.parametrize("route", [each for each in guarded() if each.method != "GET"], ids=str)
def test_the_right_person_is_not_refused_a_change(route: Route, tmp_path: Path) -> None:
    """In a town of its own, because the change may happen."""
    town = RiskTown(tmp_path)
    own = Made.of(town)
    for email, role in PEOPLE.items():
        if role in (roles_of(route) or ()) and route.may_see(email):
            send = _sender(own, email)
            town.app.config["WTF_CSRF_ENABLED"] = False
            answer = send(route)
            assert answer.status_code not in {401, 403, 404}, email
            assert answer.status_code < 500, email
            if route.endpoint in FORMS:
                assert answer.status_code in {200, 302}, "the change happens"
            return
    assert route.endpoint in SPECIAL


def _needs_query(route: Route) -> bool:
    """Return whether a route for programs may ask for a parameter that a bare request lacks."""
    return route.endpoint.startswith(("api.", "fhir.")) and not route.names
