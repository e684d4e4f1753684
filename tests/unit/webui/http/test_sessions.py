"""Where a sign-in may lead."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webui.http.sessions import safe_next


@pytest.mark.parametrize("path", ["/", "/checks/", "/checks/7?x=1", "/appointments/doctors/3"])
def test_a_path_of_this_site_is_kept(path: str) -> None:
    assert safe_next(path) == path


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\tevil",
        "/\n/evil.example",
        "checks",
        " //evil.example",
    ],
)
def test_anything_else_is_dropped(target: str | None) -> None:
    assert safe_next(target) is None


@given(st.text(alphabet="/\\.:@#?\t\n evilhttps", max_size=20))
def test_whatever_is_kept_stays_on_this_host(target: str) -> None:
    kept = safe_next(target)
    if kept is not None:
        assert urlsplit(urljoin("https://site.example/sign-in", kept)).netloc == "site.example"
