"""The site's upload forms, for strangers and a signed-in patient: request bodies for a site with a real federation.

The first byte of an input chooses the page (bits 0 and 1) and whether the sender is signed in (bit 2).
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from PIL import Image
from werkzeug.test import Client, TestResponse

from fl.training.data.synthetic import draw_cell
from scripts.demo.child_process import ChainProcess
from scripts.fuzz._door import Door, Finding
from scripts.predictor.client import PredictorProcess
from scripts.server.allocator import give_memory_back
from scripts.server.site import open_services
from scripts.wiring.home import Home
from scripts.wiring.site_accounts import seed_demo, site_config
from webui.app import create_app
from webui.config import CHEAP_PASSWORDS, Limit, Limits

HOSPITAL = "alpha"
BOUNDARY = "fuzz"
PAGES = ("/checks/new", "/auditor/file", "/sign-in", "/sign-up")
SIGNED_IN = 4
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
INTERNAL_ERROR = 500
TAKEN = 302
"""The redirect to the result of a picture."""
_MANY = Limit(10**9, 1)
NO_LIMITS = Limits(_MANY, _MANY, _MANY, _MANY, _MANY, _MANY, _MANY, _MANY, _MANY)
"""One person sends all inputs. With the usual limits, no picture would reach the decoder after sixty."""


def open_door(folder: Path) -> Door:
    """Make a federation of drawn cells, or use that of the last run, and return the door of its site."""
    give_memory_back()
    home = Home(folder / "home")
    if not home.deployment_file.exists():
        _federate(home)
    chain = ChainProcess(home, _port(home))
    config = site_config(home, "Fuzz Clinic", "UTC", tls=False, demo=True)
    config = replace(config, limits=NO_LIMITS, passwords=CHEAP_PASSWORDS)
    accounts = seed_demo(config, home)
    models = PredictorProcess()
    app = create_app(config, open_services(home, HOSPITAL, models.open))
    stranger, patient = app.test_client(), app.test_client()
    email, password = next((name.split(": ")[1], word) for name, word in accounts if name.startswith("patient"))
    _sign_in(patient, email, password)

    def send(data: bytes) -> TestResponse:
        first, body = (data[0] if data else 0), data[1:]
        client = patient if first & SIGNED_IN else stranger
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        page = PAGES[first % len(PAGES)]
        return client.post(page, data=body.replace(b"TOKEN", _token(client).encode()), content_type=kind)

    def knock(data: bytes) -> None:
        answer = send(data)
        if answer.status_code == INTERNAL_ERROR:
            raise Finding(f"HTTP 500 from {answer.request.path}")

    seeds = _seeds()
    if (status := send(seeds[0]).status_code) != TAKEN:
        raise Finding(f"the good picture gets {status}, so no input would come to the decoder")
    return Door(knock, seeds, lambda: (chain.pid, models.pid or chain.pid))


def _federate(home: Home) -> None:
    place = ["--home", str(home.folder), "--no-serve", "--rounds", "1", "--no-calibrate"]
    subprocess.run([sys.executable, "-m", "scripts.cli", "demo", *place], check=True, stdout=subprocess.DEVNULL)


def _port(home: Home) -> int:
    return int(home.deployment.url.rstrip("/").rsplit(":", 1)[1])


def _sign_in(client: Client, email: str, password: str) -> None:
    client.post("/sign-in", data={"csrf_token": _token(client), "email": email, "password": password})


def _token(client: Client) -> str:
    match = TOKEN.search(client.get("/sign-in").text) or TOKEN.search(client.get("/checks/new").text)
    return match[1] if match else ""


def _seeds() -> list[bytes]:
    buffer = io.BytesIO()
    Image.fromarray(draw_cell(1, 0, 48)).save(buffer, "PNG")
    parts = _part('name="csrf_token"', b"TOKEN") + _part('name="drawn"', b"y")
    parts += _part('name="image"; filename="cell.png"', buffer.getvalue())
    form = _part('name="csrf_token"', b"TOKEN") + _part('name="email"', b"x@y.example") + _part('name="password"', b"p")
    end = f"--{BOUNDARY}--\r\n".encode()
    return [
        bytes([SIGNED_IN]) + parts + end,
        bytes([0]) + parts + end,
        bytes([2]) + form + end,
        bytes([3]) + form + end,
    ]


def _part(name: str, value: bytes) -> bytes:
    return f"--{BOUNDARY}\r\nContent-Disposition: form-data; {name}\r\n\r\n".encode() + value + b"\r\n"
