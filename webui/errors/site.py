"""The errors of the site itself: pages, forms, load, database, mail."""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors import RefusedError, UnavailableError
from webui.errors.waits import in_words


@dataclass(eq=False)
class StillHandled(RefusedError):
    """The same form was sent a moment ago, and the site is still handling it."""

    wait_s: int = 5
    http_status = 409
    sentence = (
        "The site is still working on your first click. Reload this page in a few seconds. Nothing happens twice."
    )


@dataclass(eq=False)
class AlreadyMade(RefusedError):
    """The same form already made a record, but the site stopped before it could answer."""

    http_status = 409
    sentence = "You already sent this, and it was saved. Look for it in your list. Nothing happens twice."


@dataclass(eq=False)
class SiteBusy(UnavailableError):
    """All places for this kind of work are taken (usecases/admission.py)."""

    what: str
    wait_s: int = 10
    sentence = "Too many people {what} at this moment. Nothing has changed. Please try again {wait}."

    def facts(self) -> dict[str, object]:
        """Return the fields, and the waiting time in words."""
        return {**super().facts(), "wait": in_words(self.wait_s)}


@dataclass(eq=False)
class NotFound(RefusedError):
    """It does not exist, or this account may not see it; from outside, both look the same."""

    http_status = 404
    sentence = "This page does not exist, or you may not see it."


@dataclass(eq=False)
class PageForbidden(RefusedError):
    """The page belongs to another role."""

    role: str
    sentence = "You are signed in as {role}, and this page is not for this role. Sign in with another account."


@dataclass(eq=False)
class DatabaseUnavailable(UnavailableError):
    """The database did not answer in time."""

    why: str
    sentence = "The site's database did not answer ({why}). Nothing has changed. Please try again."


@dataclass(eq=False)
class MailNotSent(UnavailableError):
    """A mail could not be delivered now; the site tries again later."""

    why: str
    sentence = "The mail could not be sent now: {why}. The site tries again later."


@dataclass(eq=False)
class MailUndeliverable(RefusedError):
    """No server will ever take this mail."""

    why: str
    sentence = "The mail cannot be delivered: {why}."
