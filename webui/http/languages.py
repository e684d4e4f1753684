"""How a page is shown: language, time zone and form of dates, as the person chose them.

Invariant: every page has one language, and `<html lang>` names it. The source texts are English; a language counts as
spoken only if every text is translated (tests/unit/webui/test_translations.py). Programs get English.

Source: RFC 9110, 12.5.4 (Accept-Language); gettext, by Flask-Babel.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

from flask import Flask, g, has_request_context, request
from flask_babel import Babel, get_locale

from fl.protocol.errors import HemaledgerError
from webui.http.machines import is_machine
from webui.http.sessions import visitor
from webui.site import site
from webui.store.preferences import Preferences

LANGUAGES = ("en", "de")
"""The first is used if the browser asks for none of them."""
OWN_NAMES = {"en": "English", "de": "Deutsch", "nl": "Nederlands", "fr": "Français", "es": "Español", "pt": "Português"}
"""Each language in its own words."""
NOTHING = Preferences()
COOKIE = "language"
"""What a person who is not signed in chose."""
HOSPITAL_CLOCK = {"schedule"}
"""Pages in the hospital's zone: a doctor types working hours by the clock in the room."""


def init_languages(app: Flask) -> None:
    """Let templates and code translate their texts with `_` (gettext)."""
    Babel(app, default_locale=LANGUAGES[0], locale_selector=language)
    app.jinja_env.globals["language"] = lambda: str(get_locale() or LANGUAGES[0])
    app.jinja_env.globals["page_zone"] = lambda: zone().key
    app.jinja_env.globals["other_languages"] = other_languages
    app.jinja_env.globals["spoken"] = spoken


@contextmanager
def outside_pages() -> Iterator[None]:
    """Let a command write mails in the languages of their readers, without a running site."""
    app = Flask("webui", root_path=str(Path(__file__).resolve().parents[1]))
    Babel(app, default_locale=LANGUAGES[0], locale_selector=language)
    with app.app_context():
        yield


def spoken() -> tuple[str, ...]:
    """Return the tags of the languages that this site speaks."""
    return LANGUAGES


def language() -> str:
    """Return the language of the page that is being made."""
    if not has_request_context() or is_machine(request.path):
        return LANGUAGES[0]
    for tag in (chosen().language, request.cookies.get(COOKIE, "")):
        if tag in spoken():
            return tag
    return request.accept_languages.best_match(spoken()) or LANGUAGES[0]


def other_languages() -> list[tuple[str, str]]:
    """Return the tags of the other languages, and their names in themselves: for the foot of a page."""
    now = str(get_locale() or LANGUAGES[0])
    return [(tag, OWN_NAMES.get(tag, tag)) for tag in spoken() if tag != now]


def dates() -> str:
    """Return the form of dates on the page, of store/preferences.py; empty is that of the language."""
    return chosen().dates


def zone() -> ZoneInfo:
    """Return the time zone of the page: the person's, or else the hospital's."""
    hospital = site().config.tz
    return hospital if request.blueprint in HOSPITAL_CLOCK else chosen().zone_or(hospital)


def is_foreign(other: ZoneInfo) -> bool:
    """Return whether a page shows times in another zone than the hospital's, so it must say which."""
    return has_request_context() and other.key != site().config.tz.key


def chosen() -> Preferences:
    """Return what the person who is signed in chose; nothing for programs, and if the database does not answer."""
    if not has_request_context() or is_machine(request.path):
        return NOTHING
    if "preferences" not in g:
        g.preferences = _read()
    return g.preferences  # type: ignore[no-any-return]


def _read() -> Preferences:
    person = visitor()
    try:
        return NOTHING if person is None else site().preferences.of(person.id)
    except HemaledgerError:
        return NOTHING
