"""The errors of accounts: second steps, passkeys, links by mail, sessions.

Invariant: as in errors.py, each is a leaf of one of the five families; none says more than the person may know.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors import MalformedError, RefusedError, TamperedError


@dataclass(eq=False)
class SecondStepRefused(RefusedError):
    """The code of the app or the recovery code is wrong, too old, or was used before."""

    http_status = 401
    sentence = "This code is wrong, too old, or was already used. Wait for the next code of your app and try again."


@dataclass(eq=False)
class AppNotStarted(RefusedError):
    """Nobody began to set up an app, or it is set up already."""

    http_status = 409
    sentence = "There is no app to set up now. Start again from the page Your account."


@dataclass(eq=False)
class PasskeyRefused(RefusedError):
    """The browser's answer does not belong to a passkey of this site, or to this question."""

    http_status = 401
    sentence = "The site did not accept this passkey. Reload the page and try again, or sign in another way."


@dataclass(eq=False)
class TooManyPasskeys(RefusedError):
    """The account has as many passkeys as it can have."""

    allowed: int
    http_status = 409
    sentence = "Your account already has {allowed} passkeys, which is the limit. Remove one before you add another."


@dataclass(eq=False)
class LastSecondStep(RefusedError):
    """Staff must keep a second step."""

    http_status = 409
    sentence = "Your role needs a second step, and this is your last one. Add another one before you remove this one."


@dataclass(eq=False)
class LinkRefused(RefusedError):
    """The link is wrong, was used, or is too old."""

    http_status = 404
    sentence = "This link is wrong, was already used, or is too old. Ask for a new one."


@dataclass(eq=False)
class PasskeyMalformed(MalformedError):
    """The bytes from the browser are not an answer of a passkey."""

    sentence = "The site could not read the answer of your passkey. Reload the page and try again."


@dataclass(eq=False)
class AccessLogChanged(TamperedError):
    """Stored entries of the access log do not give the root that was made from them."""

    batch: int
    why: str
    sentence = "Part {batch} of the access log is not as it was written: {why}."
