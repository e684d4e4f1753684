"""Addresses are compared as providers do."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from tests.support.site_town import PASSWORD, Town
from webui.config import CHEAP_PASSWORDS
from webui.errors import EmailMalformed
from webui.store.accounts import AccountStore
from webui.store.database import Database, alembic_config, upgrade_database
from webui.store.emails import email_key, search_key
from webui.store.passwords import Passwords


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Maya@Patients.EXAMPLE", "maya@patients.example"),
        ("x@münchen.example", "x@xn--mnchen-3ya.example"),
        ("x@MÜNCHEN.example", "x@mu\u0308nchen.example"),
        ("u\u0308nal@x.example", "Ünal@x.example"),
        ("a@x。example", "a@x.example"),
        (" a@x.example\n", "a@x.example"),
        ("用户@例子.广告", "用户@xn--fsqu00a.xn--4rr70v"),
    ],
)
def test_two_ways_to_write_one_mailbox_have_one_key(one: str, other: str) -> None:
    assert email_key(one) == email_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a.b@x.example", "ab@x.example"),
        ("a+b@x.example", "a@x.example"),
        ("a@x.example", "a@y.example"),
        ("ı@x.example", "i@x.example"),
    ],
)
def test_what_may_be_two_people_has_two_keys(one: str, other: str) -> None:
    assert email_key(one) != email_key(other)


@pytest.mark.parametrize("typed", ["o'neil+tag@x.example", "anna@clinic.local", "a@b", "ü@bücher.example"])
def test_what_people_have_is_taken(typed: str) -> None:
    assert email_key(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "a\u200b@x.example",
        "a..b@x.example",
        ".a@x.example",
        "a@x..example",
        "a@-x.example",
        "a@xn--.example",
        '"a b"@x.de',
        "a@[1.2.3.4]",
        "a\x00@x.example",
        "a\u202e@x.example",
        "a@x_y.example",
        "a" * 65 + "@x.example",
        "é" * 250 + "@x",
    ],
)
def test_what_cannot_be_one_is_refused(typed: str) -> None:
    with pytest.raises(EmailMalformed):
        email_key(typed)
    assert "@" not in search_key(typed) or search_key(typed) == typed.strip().casefold()


def _before(url: str, *emails: str) -> Database:
    """Return a database of revision 0003 with an account per address, all with one password."""
    upgrade_database(url)
    database = Database(url)
    hashed = Passwords(CHEAP_PASSWORDS).hash(PASSWORD)
    with database.engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0003")
        for email in emails:
            connection.execute(
                text(
                    "INSERT INTO account (email, name, role, password_hash, session_version, created_at)"
                    " VALUES (:e, :e, 'auditor', :h, 0, 0)"
                ),
                {"e": email, "h": hashed},
            )
    return database


def test_old_accounts_keep_their_way_in_also_when_two_have_one_mailbox(
    any_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    old = ("x@münchen.example", "x@xn--mnchen-3ya.example", "strasse@x.example", "a..b@x.example")
    database = _before(any_database, *old)
    with caplog.at_level(logging.WARNING):
        upgrade_database(any_database)
    assert "accounts 1 and 2 have one e-mail address" in caplog.text
    accounts = AccountStore(database, Passwords(CHEAP_PASSWORDS), lambda: 0)
    found = [accounts.sign_in(email, PASSWORD).name for email in old]
    assert found == list(old)
    assert accounts.sign_in("STRAẞE@X.example", PASSWORD).name == "strasse@x.example"
    assert accounts.sign_in("X@MÜNCHEN.example", PASSWORD).name == old[0]
    database.close()


def test_an_address_is_shown_as_typed_and_found_however_it_is_written(tmp_path: Path) -> None:
    town = Town(tmp_path)
    visitor = town.visitor()
    fields = {"name": "Ada", "date_of_birth": "1990-12-10", "password": PASSWORD, "again": PASSWORD}
    assert visitor.post("/sign-up", email="Ada@Bücher.example", **fields).status_code == 302
    assert town.visitor("aDA@xn--bcher-kva.example").get("/checks/").status_code == 200
    assert town.visitor().post("/sign-up", email="ada@xn--bcher-kva.EXAMPLE", **fields).status_code == 409
