"""Addresses are compared as providers do."""

from __future__ import annotations

import pytest

from webui.errors import EmailMalformed
from webui.store.emails import email_key, search_key


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
