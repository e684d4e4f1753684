"""Passwords: one form, none of the common ones."""

from __future__ import annotations

import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Literal

import pytest
from argon2 import PasswordHasher

from tests.support.site_town import MAYA, PASSWORD, Town
from webui.config import CHEAP_PASSWORDS
from webui.errors import CodeRefused, PasswordMalformed, PasswordWeak, SignInRefused
from webui.store.passwords import MAX_TYPED, Passwords, check_guesses, prepare

COMPOSED = "Crème brûlée für Zoë"
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


class Meeting(PasswordHasher):
    """A hasher in which three hashes at a time meet."""

    def __init__(self) -> None:
        super().__init__(1, 8, 1)
        self.barrier, self.met = Barrier(3, timeout=0.5), False

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - its name there
        try:
            self.barrier.wait()
            self.met = True
        except BrokenBarrierError:
            pass
        return super().verify(hash, password)


def test_three_hashes_never_take_memory_at_once() -> None:
    passwords, hasher = Passwords(CHEAP_PASSWORDS), Meeting()
    passwords._hasher = hasher
    stored = passwords.hash(PASSWORD)
    with ThreadPoolExecutor(3) as threads:
        assert all(threads.map(lambda _: passwords.matches(stored, PASSWORD), range(3)))
    assert not hasher.met


def test_the_form_is_that_of_rfc_8265() -> None:
    assert prepare(DECOMPOSED) == COMPOSED
    assert prepare("two\u3000words\u00a0and more") == "two words and more"
    assert prepare(" Case and ends stay ") == " Case and ends stay "
    assert prepare("密" * 12) == "密" * 12
    assert prepare("e\u0301" * 128) == "é" * 128


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "x" * 129,
        "tab\tin the middle",
        "nul\x00in the middle",
        "soft\xadhyphen within",
        "zero\u200bwidth space",
        "bidi\u202eoverride in it",
        "lone\ud800surrogate",
        "e\u0301" * 11,
        "x" * (MAX_TYPED + 1),
    ],
)
def test_what_cannot_be_typed_or_has_the_wrong_length_is_refused(password: str) -> None:
    with pytest.raises(PasswordMalformed):
        prepare(password)


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "Password123!",
        "123456789012",
        "qwertyuiop12",
        "iloveyou1234",
        "passwordpassword",
        "passw0rdpassw0rd",
        "1q2w3e4r5t6y",
        "abcdefghijkl",
        "aaaaaaaaaaaaaaaa",
        "football football",
        "letmein letmein",
        "administrator",
        "Ada Byron 1990",
        "Ada.Byron@x.example",
        "test-clinic-2026",
        "adabyronadabyron",
        "Hemaledger2026!",
    ],
)
def test_common_passwords_and_words_of_the_place_are_refused(password: str) -> None:
    with pytest.raises(PasswordWeak):
        check_guesses(password, ("Ada Byron", "ada.byron@x.example", "Test Clinic", "hemaledger"))


@pytest.mark.parametrize(
    "password", [PASSWORD, COMPOSED, "zebra glasses 9!", "aNcRmnA6HUUc", "密码很长而且没有人知道它是什么"]
)
def test_others_are_taken(password: str) -> None:
    check_guesses(password, ("Ada Byron", "ada.byron@x.example", "Test Clinic", "hemaledger"))


def test_the_longest_password_is_judged_by_its_front_alone() -> None:
    check_guesses("correct horse battery staple " * 4, ())


@pytest.mark.parametrize(("first", "second"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_one_password_typed_on_two_keyboards_is_one(town: Town, first: str, second: str) -> None:
    fields = {"name": "Zoë", "date_of_birth": "1990-12-10", "email": "zoe@x.example"}
    assert town.visitor().post("/sign-up", **fields, password=first, again=first).status_code == 302
    assert town.visitor().sign_in("zoe@x.example", second).status_code == 302


@pytest.mark.parametrize("password", ["", "\ud800", "x" * 10_000, "\x00"])
def test_odd_passwords_at_sign_in_are_wrong_and_nothing_else(town: Town, password: str) -> None:
    for email in (MAYA, "nobody@x.example"):
        with pytest.raises(SignInRefused):
            town.site.accounts.sign_in(email, password)


def test_the_own_password_is_changed_and_other_sessions_end(town: Town) -> None:
    here, elsewhere = town.visitor(MAYA), town.visitor(MAYA)
    wrong = here.post("/password", old="wrong", password=COMPOSED, again=COMPOSED)
    assert (wrong.status_code, "not your current password" in wrong.text) == (401, True)
    weak = here.post("/password", old=PASSWORD, password="password1234", again="password1234")
    assert (weak.status_code, "too easy" in weak.text) == (400, True)
    assert here.post("/password", old=PASSWORD, password=DECOMPOSED, again=DECOMPOSED).status_code == 302
    assert here.get("/checks/").status_code == 200
    assert elsewhere.get("/checks/").location.startswith("/sign-in")
    assert town.visitor().sign_in(MAYA).status_code == 401
    assert town.visitor().sign_in(MAYA, COMPOSED).status_code == 302


def reset(town: Town, code: str, password: str = COMPOSED, email: str = MAYA) -> int:
    fields = {"email": email, "code": code, "password": password, "again": password}
    return town.visitor().post("/new-password", **fields).status_code


def test_a_code_replaces_a_forgotten_password_once(any_town: Town) -> None:
    town, staff = any_town, any_town.staff
    elsewhere = town.visitor(MAYA)
    earlier, code = staff.start_reset(MAYA, 3600), staff.start_reset(MAYA.upper(), 3600)
    assert [reset(town, earlier), reset(town, "x"), reset(town, code, email="nobody@x.example")] == [401] * 3
    assert reset(town, code, "password1234") == 400
    assert reset(town, code.lower().replace("-", " ")) == 302
    assert reset(town, code) == 401
    assert elsewhere.get("/checks/").location.startswith("/sign-in")
    assert town.visitor().sign_in(MAYA, COMPOSED).status_code == 302


def test_a_code_runs_out_and_is_kept_as_a_digest(town: Town) -> None:
    code = town.staff.start_reset(MAYA, 3600)
    assert code.replace("-", "").encode() not in town.stored_bytes()
    town.federation.clock.now += 3600
    with pytest.raises(CodeRefused):
        town.site.accounts.replace_forgotten(MAYA, code, COMPOSED)


def test_guessing_codes_is_throttled(town: Town) -> None:
    found = [reset(town, f"guess {n}") for n in range(town.config.limits.new_passwords.count + 1)]
    assert found == [401] * (len(found) - 1) + [429]
