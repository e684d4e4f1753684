"""The site behind a proxy, as `hemaledger serve` runs it: whom it believes about addresses and TLS."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
import waitress
from flask import request

from fl.protocol.errors import SettingInvalid
from scripts.server.proxy import TrustedProxy, waitress_options
from tests.support.site_town import MAYA, PASSWORD, TOKEN, Town

HOST = "clinic.example"
NEAR = TrustedProxy("127.0.0.1", 1)


@contextmanager
def served(folder: Path, proxy: TrustedProxy | None) -> Iterator[int]:
    """Serve a site over TLS, as far as it knows, and yield its port."""
    town = Town(folder, secure_cookies=True, hosts=(HOST,))
    town.app.add_url_rule("/seen", view_func=lambda: f"{request.remote_addr} {request.scheme}")
    server = waitress.create_server(town.app, host="127.0.0.1", port=0, **waitress_options(proxy))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server.effective_port
    finally:
        server.trigger.pull_trigger(server.close)  # in its own thread, between two requests
        thread.join(120)
        assert not thread.is_alive()


def ask(port: int, path: str, headers: dict[str, str], body: str | None = None) -> tuple[int, str, list[str]]:
    """Return (status, text, cookies) of one request."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    form = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
    connection.request("POST" if body is not None else "GET", path, body, {"Host": HOST, **headers, **form})
    answer = connection.getresponse()
    text, cookies = answer.read().decode(), answer.headers.get_all("Set-Cookie") or []
    connection.close()
    return answer.status, text, cookies


def reported(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address, "X-Forwarded-Proto": "https", "Referer": f"https://{HOST}/sign-in"}


def sign_in(port: int, address: str, password: str) -> tuple[int, list[str]]:
    """Return (status, cookies) of one visitor of the proxy who signs in."""
    _, page, cookies = ask(port, "/sign-in", reported(address))
    found = TOKEN.search(page)
    assert found is not None
    body = urlencode({"csrf_token": found[1], "email": MAYA, "password": password})
    status, _, given = ask(port, "/sign-in", {**reported(address), "Cookie": cookies[0].partition(";")[0]}, body)
    return status, given


@pytest.mark.parametrize(
    ("proxy", "seen"),
    [
        (None, "127.0.0.1 http"),
        (NEAR, "203.0.113.7 https"),
        (TrustedProxy("127.0.0.9", 1), "127.0.0.1 http"),
        (TrustedProxy("127.0.0.1", 2), "198.51.100.1 https"),
    ],
)
def test_a_claim_counts_from_the_trusted_proxy_only(tmp_path: Path, proxy: TrustedProxy | None, seen: str) -> None:
    with served(tmp_path, proxy) as port:
        assert ask(port, "/seen", reported("192.0.2.66, 198.51.100.1, 203.0.113.7"))[1] == seen


def test_what_nobody_sets_is_not_believed_from_the_proxy_either(tmp_path: Path) -> None:
    with served(tmp_path, NEAR) as port:
        claims = {"X-Forwarded-Host": "evil.example", "Forwarded": "for=192.0.2.66;host=evil.example"}
        assert ask(port, "/seen", {**reported("203.0.113.7"), **claims})[1] == "203.0.113.7 https"
        assert "evil.example" not in ask(port, "/", {**reported("203.0.113.7"), **claims})[1]


def test_one_visitor_who_guesses_does_not_lock_out_the_others(tmp_path: Path) -> None:
    with served(tmp_path, NEAR) as port:
        codes = [sign_in(port, "203.0.113.7", f"guess number {n}")[0] for n in range(6)]
        assert codes == [401] * 5 + [429]
        status, cookies = sign_in(port, "203.0.113.8", PASSWORD)
        assert status == 302
        assert any(cookie.startswith("__Host-hemaledger=") and "Secure" in cookie for cookie in cookies)


def test_without_a_trusted_proxy_all_of_its_visitors_are_one(tmp_path: Path) -> None:
    with served(tmp_path, None) as port:
        codes = [sign_in(port, f"203.0.113.{n}", f"guess number {n}")[0] for n in range(6)]
    assert codes == [401] * 5 + [429]


@pytest.mark.parametrize(
    ("address", "count", "tls", "why"),
    [
        ("localhost", 1, True, "not an IP address"),
        ("*", 1, True, "not an IP address"),
        ("", 1, True, "not an IP address"),
        ("10.0.0.0/8", 1, True, "not an IP address"),
        ("0.0.0.0", 1, True, "not the address of one machine"),  # noqa: S104 - that is what is refused
        ("::", 1, True, "not the address of one machine"),
        ("224.0.0.1", 1, True, "not the address of one machine"),
        ("127.0.0.1", 1, False, "must use TLS"),
        (None, 2, True, "name the nearest"),
    ],
)
def test_nonsense_is_refused(address: str | None, count: int, tls: bool, why: str) -> None:
    with pytest.raises(SettingInvalid, match=why):
        TrustedProxy.parse(address, count, tls=tls)


def test_an_address_is_compared_in_the_form_in_which_sockets_tell_it() -> None:
    found = TrustedProxy.parse("0:0:0:0:0:0:0:1", 1, tls=True)
    assert found == TrustedProxy("::1", 1)
    assert TrustedProxy.parse(None, 1, tls=True) is None
