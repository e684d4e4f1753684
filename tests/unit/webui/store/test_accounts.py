"""Accounts, passwords, sessions."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests.support.site_town import MAYA, PASSWORD, Town
from webui.config import CHEAP_PASSWORDS, PasswordCost
from webui.errors import AccountExists, EmailMalformed, SignInRefused
from webui.store.demo import demo_accounts
from webui.store.emails import email_key
from webui.store.models import Account, SiteRole
from webui.store.new_accounts import DoctorFacts, Hours, NewAccount, PatientFacts
from webui.store.passwords import Passwords
from webui.store.sessions import Place, Steps


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def hash_of(town: Town, email: str) -> str:
    with town.site.accounts._database.reading() as session:
        return session.query(Account).filter_by(email=email).one().password_hash


def test_a_password_is_kept_as_argon2id_only(town: Town) -> None:
    assert hash_of(town, MAYA).startswith("$argon2id$v=19$")
    assert PASSWORD.encode() not in b"".join(
        path.read_bytes() for path in Path(town.config.database_url.removeprefix("sqlite:///")).parent.iterdir()
    )


def test_the_production_cost_is_that_of_owasp() -> None:
    assert PasswordCost() == PasswordCost(time_cost=2, memory_kib=19456, parallelism=1)


def test_both_address_and_password_must_fit(town: Town) -> None:
    assert town.site.accounts.sign_in(" MAYA@patients.EXAMPLE ", PASSWORD).name == "Maya Lindqvist"
    for email, password in ((MAYA, "wrong"), ("nobody@x.example", PASSWORD), ("", "")):
        with pytest.raises(SignInRefused):
            town.site.accounts.sign_in(email, password)


def test_an_unknown_address_costs_one_hash_too(town: Town) -> None:
    class Counting(Passwords):
        spent = 0

        def matches(self, stored: str | None, password: str) -> bool:
            Counting.spent += 1
            return super().matches(stored, password)

    town.site.accounts._passwords = Counting(CHEAP_PASSWORDS)
    for email in (MAYA, "nobody@x.example"):
        with pytest.raises(SignInRefused):
            town.site.accounts.sign_in(email, "wrong")
    assert Counting.spent == 2
    assert not Passwords(CHEAP_PASSWORDS).matches(None, "nobody has this password")


def test_a_hash_is_renewed_when_the_cost_changed(town: Town) -> None:
    before = hash_of(town, MAYA)
    town.site.accounts._passwords = Passwords(replace(CHEAP_PASSWORDS, time_cost=2))
    with pytest.raises(SignInRefused):
        town.site.accounts.sign_in(MAYA, "wrong")
    assert hash_of(town, MAYA) == before
    town.site.accounts.sign_in(MAYA, PASSWORD)
    assert "t=2" in hash_of(town, MAYA)
    town.site.accounts.sign_in(MAYA, PASSWORD)


def test_an_address_belongs_to_one_account_whatever_its_case(town: Town) -> None:
    with pytest.raises(AccountExists):
        town.site.accounts.create(
            NewAccount(SiteRole.PATIENT, "Maya@Patients.example", "Another", PASSWORD, PatientFacts(date(2000, 1, 1)))
        )


@pytest.mark.parametrize("text", ["", "x", "@", "a@", "@b", "a b@c", "a@b@c", "a\n@b", "a@" + "b" * 260])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(EmailMalformed):
        email_key(text)


def test_facts_must_fit_the_role(town: Town) -> None:
    with pytest.raises(TypeError):
        town.site.accounts.create(NewAccount(SiteRole.DOCTOR, "d@x.example", "D", PASSWORD))


def test_impossible_opening_hours_are_not_mistaken_for_a_taken_address(town: Town) -> None:
    facts = DoctorFacts("Haematology", "1", 30, (Hours(0, 600, 540),))
    with pytest.raises(Exception, match="minutes") as caught:
        town.site.accounts.create(NewAccount(SiteRole.DOCTOR, "d@x.example", "D", PASSWORD, facts))
    assert not isinstance(caught.value, AccountExists)


def test_a_session_ends_everywhere_at_sign_out(town: Town) -> None:
    maya = town.site.sessions.begin(town.members[MAYA], Steps.PASSWORD, Place(), lambda _session: None)
    assert town.site.sessions.resume(maya.get_id()) == maya
    town.site.accounts.end_sessions(maya.id)
    assert town.site.sessions.resume(maya.get_id()) is None


@pytest.mark.parametrize("session_id", ["", "x", "1", "1:2:3", "999:0", "-1:0", "1:x"])
def test_a_made_up_session_is_nobody(town: Town, session_id: str) -> None:
    assert town.site.sessions.resume(session_id) is None


def test_seeding_twice_creates_once(town: Town) -> None:
    accounts = demo_accounts("a password of the demo")
    new = tuple(account.email for account in accounts if account.email not in town.members)
    assert new
    assert town.site.accounts.seed(accounts) == new
    assert town.site.accounts.seed(accounts) == ()
    assert "password of the demo" not in repr(accounts)
