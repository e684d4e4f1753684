"""The words of the access log for the things that an address names: which check, which appointment, which time.

Invariant: each whole number in an address of the site has words here (tests/memory/test_webui_log_words.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask_babel import gettext

from webui.http.languages import zone
from webui.presentation.numbers_and_dates import when

Word = Callable[[str], str]


def things(page: str, about: str) -> list[str]:
    """Return the words for `name=number` parts, which stand in a line of the log, on a page of this name."""
    pairs = [part.partition("=") for part in about.split()]
    return [_word(page, name)(number) for name, _, number in pairs]


def has_words(page: str, name: str) -> bool:
    """Return whether a number of this name has words of its own on a page."""
    return _word(page, name) is not _number


def _word(page: str, name: str) -> Word:
    group = page.partition(".")[0]
    return BY_GROUP.get((group, name)) or BY_NAME.get(name, _number)


def _number(number: str) -> str:
    return str(gettext("number %(number)s", number=number))


def _time(number: str) -> str:
    return when(int(number), zone()) if number.isdecimal() else _number(number)


BY_NAME: Mapping[str, Word] = {
    "account_id": lambda number: str(gettext("account %(number)s", number=number)),
    "appointment_id": lambda number: str(gettext("appointment %(number)s", number=number)),
    "block_id": lambda number: str(gettext("blocked time %(number)s", number=number)),
    "check_id": lambda number: str(gettext("record %(number)s", number=number)),
    "doctor_id": lambda number: str(gettext("the doctor with account %(number)s", number=number)),
    "epoch": lambda number: str(gettext("key ceremony %(number)s", number=number)),
    "extra_id": lambda number: str(gettext("extra hours %(number)s", number=number)),
    "number": lambda number: str(gettext("round %(number)s", number=number)),
    "patient_id": lambda number: str(gettext("the patient with account %(number)s", number=number)),
    "record": lambda number: str(gettext("record %(number)s", number=number)),
    "row_id": lambda number: str(gettext("request %(number)s", number=number)),
    "starts_at": _time,
    "token_id": lambda number: str(gettext("token %(number)s", number=number)),
    "upload_id": lambda number: str(gettext("weights %(number)s", number=number)),
    "wish_id": lambda number: str(gettext("place %(number)s on the waiting list", number=number)),
}
"""By the name of the number in the address."""
BY_GROUP: Mapping[tuple[str, str], Word] = {
    ("account", "row_id"): lambda number: str(gettext("session %(number)s", number=number)),
    ("passkeys", "row_id"): lambda number: str(gettext("passkey %(number)s", number=number)),
    ("accesses", "number"): lambda number: str(gettext("line %(number)s", number=number)),
    ("approvals", "number"): lambda number: str(gettext("request %(number)s", number=number)),
    ("pictures", "number"): lambda number: str(gettext("picture %(number)s", number=number)),
    ("viewer", "number"): lambda number: str(gettext("picture %(number)s", number=number)),
}
"""By the group of pages, too, where a name means another thing."""
