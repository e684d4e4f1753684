"""A demo's site with many visitors: pages, predictions, a killed process of the model, a killed hospital's server.

It serves the site of a finished demo itself: three hospital servers, each with a process of the model, and the embedded
chain. The visitors are sessions of this process and share the machine's cores with all of them. Every answer other than
200 counts as lost. Parts with a pause of 0 s between two pages are closed loops: they show the site's limit.

Source: Schroeder, Wierman, Harchol-Balter, "Open Versus Closed: A Cautionary Tale", NSDI 2006.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import count
from pathlib import Path
from urllib.request import urlopen

import click
from aiohttp import ClientError, ClientSession, ClientTimeout, CookieJar, FormData, TCPConnector

from fl.training.data.synthetic import draw_cell
from fl.training.pictures.images import encode_png
from scripts.bench._table import keep, show
from scripts.bench.site import percentiles
from scripts.wiring.home import Home
from scripts.wiring.site_accounts import open_accounts, site_config
from webui.store.models import SiteRole
from webui.store.new_accounts import NewAccount, PatientFacts

PATIENT = ("/", "/checks/", "/appointments/", "/model", "/account", "/requests/who-sees")
STAFF = (
    ("ines@clinic.example", ("/doctor/", "/worklist/")),
    ("audit@ledger.example", ("/auditor/", "/auditor/ledger/records")),
)
PATIENTS_OF_TEN = 8
PAUSES_S = (1.0, 0.0)
MODEL, BETA = ("scripts.predictor.child",), ("serve", "beta")
"""Words of a process's command line."""
READY_S = 180
FORM_TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
OK = 200
NO_ANSWER = 422
"""The model was asked, and knows no such cell: an answer, too."""
HEADER = ("part", "answers", "per second", "p50, ms", "p95, ms", "lost")
CELLS = [encode_png(draw_cell(number % 2, number)) for number in range(64)]


@dataclass(frozen=True)
class Crowd:
    """The visitors. Their patients are new in each run, for each may send only so many pictures an hour."""

    password: str
    users: int
    run: str

    def patient(self, number: int) -> str:
        return f"load-{self.run}-{number}@patients.example"


@dataclass
class Seen:
    """The answers of one part."""

    milliseconds: list[float] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def row(self, name: str, seconds: float) -> tuple[object, ...]:
        p50, p95 = percentiles(self.milliseconds or [0.0])
        return name, len(self.milliseconds), len(self.milliseconds) / seconds, p50, p95, len(self.lost)


Visit = Callable[[Seen, float], Awaitable[None]]
"""What one visitor does until a time of `time.perf_counter`."""


@click.command()
@click.option("--home", "folder", required=True, type=click.Path(exists=True, path_type=Path), help="A finished demo.")
@click.option("--users", type=click.IntRange(10, 200), default=50, show_default=True)
@click.option("--seconds", type=click.IntRange(5), default=30, show_default=True, help="Length of each part.")
@click.option("--port", type=click.IntRange(1, 65535), default=8123, show_default=True)
def main(folder: Path, users: int, seconds: int, port: int) -> None:
    """Measure a demo's site with many visitors at once."""
    home = Home(folder)
    password = (folder / "site" / "demo-password").read_text(encoding="ascii")
    crowd = Crowd(password, users, secrets.token_hex(4))
    open_accounts(site_config(home, "Load", "UTC", tls=False, demo=True)).seed(
        NewAccount(SiteRole.PATIENT, crowd.patient(number), "Load", password, PatientFacts(date(1980, 1, 1)))
        for number in range(users)
    )
    with served(folder, port):
        rows = asyncio.run(_all(f"http://127.0.0.1:{port}", crowd, seconds))
    show(f"{users} visitors, {seconds} s for each part", HEADER, rows)
    keep("load", {str(row[0]): dict(zip(HEADER[1:], row[1:], strict=True)) for row in rows})


@contextmanager
def served(folder: Path, port: int) -> Iterator[None]:
    """Run the site of the demo in `folder` in processes of its own."""
    command = ("demo", "--resume", "--home", str(folder), "--port", str(port))
    with subprocess.Popen([sys.executable, "-m", "scripts.cli", *command], stdout=subprocess.DEVNULL) as demo:
        try:
            until = time.monotonic() + READY_S
            while not _answers(port):
                if demo.poll() is not None or time.monotonic() > until:
                    raise click.ClickException("the demo does not serve its site")
                time.sleep(0.2)
            yield
        finally:
            demo.send_signal(signal.SIGINT)


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return bool(answer.status == OK)
    except OSError:
        return False


async def _all(url: str, crowd: Crowd, seconds: int) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []

    async def part(name: str, visits: Sequence[Visit], killed: Sequence[str] = ()) -> None:
        seen, until = Seen(), time.perf_counter() + seconds
        if killed:
            asyncio.get_running_loop().call_later(seconds / 2, _kill, killed)
        await asyncio.gather(*(visit(seen, until) for visit in visits))
        rows.append(seen.row(name, seconds))
        for lost in sorted(set(seen.lost)):
            click.echo(f"{name}: lost {seen.lost.count(lost)} times: {lost}")

    async with AsyncExitStack() as stack:
        people = [await _signed_in(stack, url, crowd, number) for number in range(crowd.users)]
        patients = [session for session, paths in people if paths is PATIENT]
        for number, session in enumerate(patients):
            await _check(session, number, "")
        for pause_s in PAUSES_S:
            reading = [_reading(*person, pause_s, place / crowd.users) for place, person in enumerate(people)]
            await part(f"pages, a pause of {pause_s:g} s between two", reading)
        for at_once in (1, 4):
            await part(f"predictions, {at_once} at once", _asking(patients, at_once))
        await part("predictions, 1 at once, by the site's own server", _asking(patients, 1, "alpha"))
        await part("predictions, 1 at once, routed to beta", _asking(patients, 1, "beta"))
        await part("predictions, 4 at once, process of the model killed", _asking(patients, 4), MODEL)
        await part("predictions, 4 at once, server of beta killed", _asking(patients, 4, "beta"), BETA)
    return rows


async def _signed_in(
    stack: AsyncExitStack, url: str, crowd: Crowd, number: int
) -> tuple[ClientSession, tuple[str, ...]]:
    """Return a session and the pages that its person reads."""
    patient = number % 10 < PATIENTS_OF_TEN
    email, paths = (crowd.patient(number), PATIENT) if patient else STAFF[number % len(STAFF)]
    session = await stack.enter_async_context(
        ClientSession(url, cookie_jar=CookieJar(unsafe=True), timeout=ClientTimeout(60), connector=TCPConnector())
    )
    form = {"csrf_token": await _token(session, "/sign-in"), "email": email, "password": crowd.password}
    async with session.post("/sign-in", data=form) as answer:
        if answer.status != OK or answer.url.path == "/sign-in":
            raise click.ClickException(f"{email} cannot sign in: {answer.status}")
    return session, paths


def _reading(session: ClientSession, paths: Sequence[str], pause_s: float, late: float) -> Visit:
    """Read one page after another, from `late` pauses after the others on, so that they do not all ask at once."""

    async def visit(seen: Seen, until: float) -> None:
        await asyncio.sleep(late * pause_s)
        for turn in count(hash(session)):
            if time.perf_counter() >= until:
                return
            await _timed(seen, _page(session, paths[turn % len(paths)]))
            await asyncio.sleep(pause_s)

    return visit


def _asking(patients: Sequence[ClientSession], at_once: int, server: str = "") -> list[Visit]:
    """Send pictures, `at_once` of them; the patients take turns, for each may send only so many an hour."""
    turns = count()

    async def visit(seen: Seen, until: float) -> None:
        while time.perf_counter() < until:
            turn = next(turns)
            await _check(patients[turn % len(patients)], turn, server, seen)

    return [visit] * at_once


async def _timed(seen: Seen, asking: Awaitable[str]) -> None:
    """Await one answer; `asking` returns what went wrong, or nothing."""
    began = time.perf_counter()
    try:
        lost = await asking
    except (ClientError, TimeoutError) as error:
        lost = repr(error)
    if lost:
        seen.lost.append(lost)
    else:
        seen.milliseconds.append(1000 * (time.perf_counter() - began))


async def _page(session: ClientSession, path: str) -> str:
    async with session.get(path) as answer:
        await answer.read()
        return "" if answer.status == OK else f"{answer.status} {path}"


async def _token(session: ClientSession, path: str) -> str:
    async with session.get(path) as answer:
        found = FORM_TOKEN.search(await answer.text())
    return found.group(1) if found else ""


async def _check(session: ClientSession, number: int, server: str, seen: Seen | None = None) -> None:
    """Send a picture from a new form, and read the page of its result. Only the sending and the result are timed."""
    form = FormData({"csrf_token": await _token(session, "/checks/new"), "drawn": "y", "server": server})
    form.add_field("image", CELLS[number % len(CELLS)], filename="cell.png", content_type="image/png")
    await _timed(seen or Seen(), _sent(session, form))


async def _sent(session: ClientSession, form: FormData) -> str:
    async with session.post("/checks/new", data=form) as answer:
        await answer.read()
        shown = answer.status == OK and not answer.url.path.endswith("/new")
        return "" if shown or answer.status == NO_ANSWER else f"{answer.status} {answer.url.path}"


def _kill(words: Sequence[str]) -> None:
    """Kill the processes whose command lines have all these words (Linux)."""
    killed = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if set(words) <= set(line):
            os.kill(int(folder.name), signal.SIGKILL)
            killed += 1
    click.echo(f"killed {killed} processes: {' '.join(words)}")


if __name__ == "__main__":
    main()
