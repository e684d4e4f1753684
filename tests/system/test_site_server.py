"""The server of `hemaledger serve` over real sockets: idle, slow and odd visitors, and everybody else."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from scripts.server.proxy import TrustedProxy
from scripts.server.request import Bounds
from scripts.server.server import Server
from tests.support.databases import KINDS, new_database
from tests.support.site_town import INES, MAYA, PASSWORD, TOKEN, Town
from webui.config import Limits
from webui.store.models import BookingState, SiteRole
from webui.store.new_accounts import NewAccount, PatientFacts

BUSY = 503

BORN = date(1990, 1, 1)
USUAL = Bounds()
SHORT = Bounds(idle_s=1, header_s=1, body_s=1, answer_s=1)


@contextmanager
def served(town: Town, bounds: Bounds = USUAL, proxy: TrustedProxy | None = None) -> Iterator[int]:
    """Serve a town and yield the port."""
    server = Server(town.app, bounds, proxy, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield int(server.effective_port)
    finally:
        server.shut()
        thread.join(timeout=60)


class Browser:
    """A browser over a real connection, one per request."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookie = ""

    def send(self, method: str, path: str, fields: dict[str, str] | None = None) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=90)
        headers = {"Cookie": self._cookie, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request(method, path, urlencode(fields) if fields else None, headers)
        answer = connection.getresponse()
        if cookie := answer.getheader("Set-Cookie"):
            self._cookie = cookie.partition(";")[0]
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def token(self, path: str) -> str:
        found = TOKEN.search(self.send("GET", path)[1])
        assert found is not None
        return found[1]

    def post(self, path: str, **fields: str) -> int:
        return self.send("POST", path, {"csrf_token": self.token(path), **fields})[0]


def wait_closed(held: socket.socket) -> None:
    """Wait, without reading, until the other side closed a connection."""
    poll = select.poll()
    poll.register(held, select.POLLRDHUP | select.POLLHUP | select.POLLERR)
    if not poll.poll(30_000):
        pytest.fail("the site holds a reader that takes nothing")


def raw(port: int, data: bytes) -> bytes:
    """Send bytes and return everything that comes back until the site closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=90) as each:
        each.sendall(data)
        parts = []
        while part := each.recv(65536):
            parts.append(part)
    return b"".join(parts)


def test_five_hundred_idle_and_a_hundred_slow_connections_leave_the_site_usable(tmp_path: Path) -> None:
    town = Town(tmp_path)
    starts = (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nslow",
        b"GET /static/vendor/bootstrap/bootstrap.min.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 4,
    )
    with served(town) as port, ExitStack() as stack:
        for number in range(600):
            each = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            if number >= 500:
                each.sendall(starts[number % 3])
        browser = Browser(port)
        assert browser.send("GET", "/healthz")[0] == 200
        assert browser.post("/sign-in", email=MAYA, password=PASSWORD) == 302
        slot = town.free()[0]
        assert browser.post(f"/appointments/doctors/{town.members[INES].id}/{slot}") == 302
    assert [each.starts_at for each in town.site.appointments.of_patient(town.members[MAYA].id)] == [slot]


def closed_while_sending(slow: socket.socket, byte: bytes) -> bool:
    """Send a byte each fifth of a second, for half a minute if nobody closes; a reset may come at any call."""
    try:
        for _ in range(150):
            with suppress(TimeoutError):
                if slow.recv(1) == b"":
                    return True
            slow.sendall(byte)
    except ConnectionError:
        return True
    return False


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: loc",
        b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999\r\n\r\nx",
    ],
    ids=["idle", "headers", "body"],
)
def test_whoever_takes_too_long_is_closed_however_often_a_byte_comes(tmp_path: Path, start: bytes) -> None:
    with served(Town(tmp_path), SHORT) as port, socket.create_connection(("127.0.0.1", port), timeout=0.2) as slow:
        slow.sendall(start)
        assert closed_while_sending(slow, b"x" if start else b""), "the site still takes bytes"


def test_a_reader_that_takes_nothing_is_closed_and_holds_no_worker(tmp_path: Path) -> None:
    with served(Town(tmp_path), SHORT) as port, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        slow.connect(("127.0.0.1", port))
        slow.sendall(b"GET /static/vendor/bootstrap/bootstrap.min.css HTTP/1.1\r\nHost: localhost\r\n\r\n" * 100)
        assert Browser(port).send("GET", "/sign-in")[0] == 200
        wait_closed(slow)


def test_at_the_limit_the_oldest_idle_connection_goes_and_the_newest_visitor_is_answered(tmp_path: Path) -> None:
    with served(Town(tmp_path), Bounds(connections=20)) as port, ExitStack() as stack:
        held = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=90)) for _ in range(25)]
        assert Browser(port).send("GET", "/healthz")[0] == 200
        assert held[0].recv(1) == b""
        held[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert held[-1].recv(20).startswith(b"HTTP/1.1 200")


def test_one_visitor_of_a_trusted_proxy_takes_no_place_from_the_others(tmp_path: Path) -> None:
    """The proxy's own address is one for all; X-Forwarded-For says whose request it is, in its last entry."""
    half = b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\nX-Forwarded-For: %s\r\n"
    proceed = b"HTTP/1.1 100 Continue\r\n\r\n"
    one, other, forged = b"203.0.113.7", b"203.0.113.8", b"203.0.113.8, 203.0.113.7"
    proxy = TrustedProxy("127.0.0.1", 1)
    with served(Town(tmp_path), Bounds(per_address=3), proxy) as port, ExitStack() as stack:

        def send(whose: bytes, rest: bytes) -> socket.socket:
            each = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=90))
            each.sendall(half % whose + rest)
            return each

        def begin(whose: bytes) -> socket.socket:
            """Send the headers and wait until the site has read them."""
            each = send(whose, b"Expect: 100-continue\r\n\r\n")
            assert each.recv(len(proceed), socket.MSG_WAITALL) == proceed
            return each

        held = [begin(one) for _ in range(3)]
        assert send(forged, b"\r\n").recv(20).startswith(b"HTTP/1.1 503")
        held.append(begin(other))
        held[-1].sendall(b"x" * 99)
        assert held[-1].recv(20).startswith(b"HTTP/1.1 400")  # it came through to the site, which wants a token
        held[0].sendall(b"x" * 99)
        assert held[0].recv(20).startswith(b"HTTP/1.1 400")


def test_the_probe_is_answered_while_every_worker_is_busy(tmp_path: Path) -> None:
    town, release, inside = Town(tmp_path), threading.Event(), threading.Semaphore(0)

    def stuck() -> str:
        inside.release()
        release.wait(60)
        return "done"

    town.app.add_url_rule("/stuck", view_func=stuck)
    with served(town, Bounds(threads=2)) as port, ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(Browser(port).send, "GET", "/stuck") for _ in range(4)]
        for _ in range(2):
            assert inside.acquire(timeout=90)
        assert Browser(port).send("GET", "/healthz")[0] == 200
        release.set()
        assert [each.result()[0] for each in waiting] == [200] * 4


@pytest.mark.parametrize(
    "host",
    [b"evil.example", b"", b" ", b"a b", b"user@localhost", b"localhost:99999999", b"\xff\xfe", b"x" * 5000, b"[::1"],
)
def test_a_host_that_the_site_does_not_know_is_a_small_400_page(tmp_path: Path, host: bytes) -> None:
    with served(Town(tmp_path)) as port:
        answer = raw(port, b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400"), answer[:200]
    assert b"Home page" in answer


def test_two_hosts_no_host_and_other_names_of_this_machine(tmp_path: Path) -> None:
    town = Town(tmp_path, hosts=("clinic.example",))
    with served(town) as port:
        for hosts, status in (
            (b"Host: localhost\r\nHost: localhost\r\n", b"400"),
            (b"", b"400"),
            (b"Host: LOCALHOST:8000\r\n", b"200"),
            (b"Host: [::1]:8000\r\n", b"200"),
            (b"Host: clinic.example\r\n", b"200"),
        ):
            answer = raw(port, b"GET / HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 " + status), hosts


def test_a_picture_that_is_too_large_gets_the_page_with_the_limit_also_in_chunks(tmp_path: Path) -> None:
    body = bytes(20 * 1024 * 1024)
    head = b"POST /checks/new HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    with served(Town(tmp_path)) as port:
        fixed = raw(port, head + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        chunk = b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
        chunked = raw(port, head + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk)
    for answer in (fixed, chunked):
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"8 MB" in answer
        assert b'href="/checks/new"' in answer


@pytest.fixture(params=KINDS)
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with new_database(request.param, tmp_path) as url:
        yield url


def test_of_two_hundred_at_one_slot_one_wins_and_everybody_is_answered(tmp_path: Path, database: str) -> None:
    attempts = 200
    wide = Limits(sign_in_address=Limits.sign_in_address.__class__(10**6, 900))
    town = Town(tmp_path, limits=wide, database_url=database)
    people = [
        town.site.accounts.create(
            NewAccount(SiteRole.PATIENT, f"p{n}@patients.example", "A Patient", PASSWORD, PatientFacts(BORN))
        )
        for n in range(attempts)
    ]
    slot = town.free()[0]
    path = f"/appointments/doctors/{town.members[INES].id}/{slot}"
    with served(town) as port, ThreadPoolExecutor(50) as pool:

        def prepare(number: int) -> tuple[Browser, str]:
            browser = Browser(port)
            assert browser.post("/sign-in", email=f"p{number}@patients.example", password=PASSWORD) == 302
            return browser, browser.token(path)

        def press(browser: Browser, token: str) -> int:
            """Book; a database that is busy says so, and the person presses again."""
            status = BUSY
            while status == BUSY:
                status = browser.send("POST", path, {"csrf_token": token})[0]
            return int(status)

        ready = [prepare(number) for number in range(attempts)]
        statuses = [each.result() for each in [pool.submit(press, *one) for one in ready]]
    assert sorted(statuses) == [302] + [409] * (attempts - 1)
    booked = [one for who in people for one in town.site.appointments.of_patient(who.id)]
    assert [one.state for one in booked] == [BookingState.BOOKED]
