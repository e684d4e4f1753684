"""A whole site for one test: application, people, and a browser that fills in forms.

Not here: the federation behind it (site_services.py).
"""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import date
from functools import cache
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from fl.training.pictures.images import Pixels, decode_image
from tests.support.databases import DATABASE, new_sqlite, sqlite_url
from tests.support.site_services import FakeFederation
from webui.app import create_app
from webui.config import CHEAP_PASSWORDS, SiteConfig
from webui.http.assets import Asset
from webui.ports.federation import Services
from webui.site import EXTENSION, Site, build_site
from webui.store.accounts import SignedInUser
from webui.store.models import SiteRole
from webui.store.new_accounts import DoctorFacts, Hours, NewAccount, PatientFacts
from webui.store.staff import StaffStore

PASSWORD = "the quick brown fox"
MAYA, OMAR = "maya@patients.example", "omar@patients.example"
INES, JONAS = "ines@clinic.example", "jonas@clinic.example"
NOOR = "noor@ledger.example"
TOVE = "tove@clinic.example"
WEEK = tuple(Hours(day, 9 * 60, 17 * 60) for day in range(5))
PEOPLE = (
    NewAccount(SiteRole.PATIENT, MAYA, "Maya Lindqvist", PASSWORD, PatientFacts(date(1987, 4, 12))),
    NewAccount(SiteRole.PATIENT, OMAR, "Omar Haddad", PASSWORD, PatientFacts(date(1962, 9, 3))),
    NewAccount(SiteRole.DOCTOR, INES, "Dr Inês Carvalho", PASSWORD, DoctorFacts("Haematology", "Room 1", 30, WEEK)),
    NewAccount(SiteRole.DOCTOR, JONAS, "Dr Jonas Okafor", PASSWORD, DoctorFacts("Oncology", "Room 2", 30, WEEK)),
    NewAccount(SiteRole.AUDITOR, NOOR, "Noor Visser", PASSWORD),
    NewAccount(SiteRole.HOSPITAL, TOVE, "Tove Lindahl", PASSWORD),
)
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


read_once = cache(Asset.read)
"""The static files do not change while tests run; packing them takes longer than the rest of a site's start."""


def config_at(folder: Path) -> SiteConfig:
    return SiteConfig(
        database_url=sqlite_url(folder),
        secret_key=b"only for this test; never elsewhere",
        hospital_name="Test Clinic",
        secure_cookies=False,
        passwords=CHEAP_PASSWORDS,
        second_step_for_staff=False,
    )


def cell(form: str = "PNG", size: tuple[int, int] = (64, 64)) -> bytes:
    """Return an image file with a purple disc on black."""
    rows, columns = np.mgrid[: size[1], : size[0]]
    disc = (rows - size[1] / 2) ** 2 + (columns - size[0] / 2) ** 2 < (min(size) / 3) ** 2
    pixels = np.where(disc[..., np.newaxis], [150, 60, 160], 0).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def cell_pixels(form: str = "PNG", size: tuple[int, int] = (64, 64)) -> Pixels:
    """Return `cell` as it is decoded."""
    return decode_image(cell(form, size), "cell")


class Visitor:
    """A browser without a screen: keeps cookies, and takes the CSRF token from the page it fills in."""

    def __init__(self, app: Flask, client_address: str = "192.0.2.1") -> None:
        self._client: FlaskClient = app.test_client()
        self._client.environ_base["REMOTE_ADDR"] = client_address

    def get(self, path: str) -> TestResponse:
        return self._client.get(path)

    def text(self, path: str) -> str:
        return words(self.get(path))

    def token(self, path: str) -> str:
        found = TOKEN.search(self.get(path).text)
        assert found is not None, path
        return found[1]

    def post(self, path: str, page: str | None = None, **fields: object) -> TestResponse:
        """Send a form; the token comes from `page`, by default the page itself."""
        data = {"csrf_token": self.token(page or path)} | fields
        return self._client.post(path, data=data, content_type="multipart/form-data")

    def post_bare(self, path: str, **fields: object) -> TestResponse:
        """Send a form without a token."""
        return self._client.post(path, data=fields)

    def sign_in(self, email: str, password: str = PASSWORD) -> TestResponse:
        return self.post("/sign-in", email=email, password=password)

    def check(self, data: bytes, name: str = "cell.png", **fields: str) -> TestResponse:
        return self.post("/checks/new", image=(io.BytesIO(data), name), **fields)

    def cookie(self) -> str:
        found = self._client.get_cookie("hemaledger")
        return found.value if found is not None else ""

    def use_cookie(self, value: str) -> None:
        self._client.set_cookie("hemaledger", value)


def settle_people(site: Site) -> dict[str, SignedInUser]:
    return {new.email: site.accounts.create(new) for new in PEOPLE}


@cache
def template_at(now: int) -> tuple[bytes, dict[str, SignedInUser]]:
    """Return the file of a database in which everybody got an account at `now`, and these accounts."""
    federation = FakeFederation()
    federation.clock.now = now
    with TemporaryDirectory() as folder:
        new_sqlite(Path(folder))
        site = build_site(config_at(Path(folder)), federation.services)
        people = settle_people(site)
        site.database.close()
        return (Path(folder) / DATABASE).read_bytes(), people


class Town:
    """One site with its people."""

    def __init__(self, folder: Path, **changes: object) -> None:
        self.federation = FakeFederation()
        self.config = replace(config_at(folder), **changes)  # type: ignore[arg-type]
        services = self.services()
        template = None if changes.keys() & {"database_url", "passwords"} else template_at(services.clock())
        if template is not None:
            (folder / DATABASE).write_bytes(template[0])
        with patch.object(Asset, "read", read_once):
            self.app = create_app(self.config, services)
        self.site: Site = self.app.extensions[EXTENSION]
        self.staff = StaffStore(self.site.database, self.federation.clock)
        self.members = dict(template[1]) if template is not None else settle_people(self.site)

    def services(self) -> Services:
        """Return what stands behind the site."""
        return self.federation.services

    def visitor(self, email: str | None = None) -> Visitor:
        found = Visitor(self.app)
        if email is not None:
            assert found.sign_in(email).status_code == 302
        return found

    def free(self, email: str = INES) -> list[int]:
        return [slot.starts_at for slot in self.site.appointments.free_slots(self.members[email].id)]

    def book(self, patient: str = MAYA, doctor: str = INES, place: int = 0) -> int:
        """Book the slot `place` among those that are free for this patient."""
        whose = self.members[patient].id, self.members[doctor].id
        free = [slot.starts_at for slot in self.site.appointments.free_for(*whose)]
        starts_at = free[place]
        return self.site.appointments.book(self.members[patient].id, self.members[doctor].id, starts_at)

    def add_check(self, patient: str) -> int:
        """Store a check of one cell; return its row."""
        prediction = self.federation.services.predictions.predict(cell_pixels())
        return self.site.patient_records.add_check(self.members[patient].id, cell(), prediction)

    def stored_bytes(self) -> bytes:
        """Return every byte of the database's files."""
        database = Path(self.config.database_url.removeprefix("sqlite:///"))
        return b"".join(path.read_bytes() for path in sorted(database.parent.glob(f"{database.name}*")))


def words(response: TestResponse) -> str:
    """Return what a page says, without its tags."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.text)))
