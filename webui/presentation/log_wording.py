"""The words of the access log: what each line says to people."""

from __future__ import annotations

from flask_babel import gettext

from webui.presentation.log_pages import PAGES
from webui.presentation.log_things import things
from webui.store.account_tables import AccessEntry


def log_event(entry: AccessEntry) -> str:
    """Return what happened, as a few words."""
    return log_words(entry.event)


def log_about(entry: AccessEntry) -> str:
    """Return which one it was: the things that the address of the page names."""
    return ", ".join(things(entry.what, entry.about))


def log_words(event: str) -> str:
    """Return the words of a kind of line."""
    words = {
        "signed in": gettext("Signed in"),
        "sign-in refused": gettext("Wrong password or code"),
        "too many tries": gettext("Too many tries, refused for a while"),
        "signed out": gettext("Signed out"),
        "opened": gettext("Opened"),
        "downloaded": gettext("Downloaded"),
        "changed": gettext("Sent or changed"),
        "read by a program": gettext("Read by a program with a token"),
        "changed by a program": gettext("Sent or changed by a program with a token"),
    }
    return str(words.get(event, event))


def log_page(entry: AccessEntry) -> str:
    """Return which page or action it was, in words; a name that an older version wrote gets general ones."""
    return str(PAGES.get(entry.what, gettext("A page of an earlier version of the site")))


def log_line(entry: AccessEntry) -> dict[str, str]:
    """Return a line as words: what happened, on which page, and about what."""
    words = {"what": log_event(entry), "page": log_page(entry), "about": log_about(entry)}
    return {name: text for name, text in words.items() if text}


def browser_words(stored: str) -> str:
    """Return the browser of a session, which is stored such as `Firefox on Windows` (http/places.py)."""
    browser, _, system = stored.partition(" on ")
    if browser and system:
        return str(gettext("%(browser)s on %(system)s", browser=browser, system=system))
    return stored or str(gettext("Unknown browser"))
