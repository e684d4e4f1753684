"""The links in mails lead to the site."""

from __future__ import annotations

import pytest

from scripts.wiring.site_mail import site_address

EVERYWHERE = "0.0.0.0"  # noqa: S104 - what an operator may give


@pytest.mark.parametrize(
    ("host", "names", "tls", "address"),
    [
        ("127.0.0.1", (), False, "http://127.0.0.1:8000"),
        (EVERYWHERE, (), False, "http://localhost:8000"),
        ("::", (), False, "http://localhost:8000"),
        ("::1", (), False, "http://[::1]:8000"),
        (EVERYWHERE, ("clinic.example",), True, "https://clinic.example"),
        (EVERYWHERE, ("clinic.example", "other.example"), False, "http://clinic.example:8000"),
        ("box.example", (), False, "http://box.example:8000"),
    ],
)
def test_an_address_in_a_mail_is_one_that_a_browser_can_open(
    host: str, names: tuple[str, ...], tls: bool, address: str
) -> None:
    assert site_address(host, 8000, names, tls=tls) == address
