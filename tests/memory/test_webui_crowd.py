"""Two hundred people press "Book" on the same time of the running application at once, on each database.

One wins. Everybody else gets a page with the next free times, and nothing is booked twice. On MariaDB a few may read
that the site is busy, because the database gives up one of two transactions that wait for each other; they press again.
"""

from __future__ import annotations

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from http.client import HTTPConnection
from pathlib import Path
from threading import Barrier
from urllib.parse import urlencode, urlsplit

import pytest
from flask import session
from flask.sessions import SecureCookieSessionInterface
from flask_login.utils import _create_identifier
from flask_wtf.csrf import generate_csrf
from sqlalchemy import func, select
from sqlalchemy.orm import Session as Transaction

from tests.support.approval_site import served
from tests.support.databases import KINDS, new_database
from tests.support.site_town import INES, Town
from webui.store.accounts import SignedInUser
from webui.store.booking_rules import IN_FORCE
from webui.store.calendar_tables import TakenTime
from webui.store.models import Account, Appointment, PatientProfile, SiteRole
from webui.store.sessions import Place, Steps

CROWD = 200
AGENT = "crowd"
BUSY = 503


def patients(town: Town) -> list[int]:
    """Add the crowd, past the costly passwords; return their ids."""

    def account(number: int) -> Account:
        email = f"p{number}@patients.example"
        return Account(email=email, email_key=email, name="P", role="patient", password_hash="", created_at=0)

    def work(transaction: Transaction) -> list[int]:
        rows = [PatientProfile(account=account(number), date_of_birth=date(1990, 1, 1)) for number in range(CROWD)]
        transaction.add_all(rows)
        transaction.flush()
        return [row.account_id for row in rows]

    return town.site.database.write(work)


def signed_in(town: Town, people: list[int]) -> tuple[list[str], str]:
    """Return a session cookie for each account, and the token of a form that is valid in all of them."""
    app, sessions = town.app, town.site.sessions
    with app.test_request_context(environ_base={"REMOTE_ADDR": "127.0.0.1"}, headers={"User-Agent": AGENT}):
        identifier, token = _create_identifier(), generate_csrf()
        shared = {"csrf_token": session["csrf_token"], "_fresh": True, "_id": identifier}
    signer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert signer is not None
    users = [SignedInUser(person, SiteRole.PATIENT, "P", 0) for person in people]
    begun = [sessions.begin(user, Steps.PASSWORD, Place(), lambda _: None) for user in users]
    return [f"hemaledger={signer.dumps(shared | {'_user_id': user.get_id()})}" for user in begun], token


def press(address: str, path: str, cookie: str, form: str) -> tuple[int, str]:
    """Press the button over a connection of one's own; return the status and the page."""
    connection = HTTPConnection(address, timeout=240)
    headers = {"Cookie": cookie, "User-Agent": AGENT, "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", path, form, headers)
    answer = connection.getresponse()
    page = answer.read().decode()
    connection.close()
    return answer.status, page


@pytest.mark.parametrize("kind", KINDS)
def test_of_two_hundred_who_press_at_once_one_wins_and_the_others_see_the_next_times(kind: str, tmp_path: Path) -> None:
    with new_database(kind, tmp_path) as url:
        town = Town(tmp_path, database_url=url)
        doctor, slots, gate = town.members[INES].id, town.free(), Barrier(CROWD)
        path = f"/appointments/doctors/{doctor}/{slots[0]}"
        cookies, token = signed_in(town, patients(town))
        form = urlencode({"csrf_token": f"once~{token}", "reason": "question", "check": "", "meeting": "room"})

        with served(town.app) as address:

            def attempt(cookie: str) -> tuple[int, tuple[int, ...]]:
                gate.wait(timeout=60)
                place, status = urlsplit(address).netloc, BUSY
                while status == BUSY:
                    status, page = press(place, path, cookie, form)
                offered = re.findall(rf'href="/appointments/doctors/{doctor}/(\d+)"', page)
                return status, tuple(int(each) for each in offered)

            with ThreadPoolExecutor(CROWD) as pool:
                outcomes = Counter(pool.map(attempt, cookies))
        with town.site.database.reading() as rows:
            booked = rows.scalar(select(func.count(Appointment.id)).where(IN_FORCE))
            taken = rows.scalar(select(func.count(TakenTime.id)))
        town.site.database.close()
    assert outcomes == {(302, ()): 1, (409, tuple(slots[1:7])): CROWD - 1}
    assert (booked, taken) == (1, 1)
