"""The errors of private predictions (webui/ports/private.py)."""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors import MalformedError, RefusedError, UnavailableError


@dataclass(eq=False)
class NoHeadAnnounced(RefusedError):
    """There is no encrypted head of the current model, or this site was started without trustees' servers."""

    http_status = 409
    sentence = (
        "There is no private prediction now, because no auditor has announced an encrypted last layer of the newest "
        "model."
    )


@dataclass(eq=False)
class NoPrivateAnswersLeft(RefusedError):
    """All answers that this hospital bought are used."""

    http_status = 409
    sentence = (
        "There is no private prediction now, because this hospital has used all its private answers for the newest "
        "model."
    )


@dataclass(eq=False)
class TrusteesSilent(UnavailableError):
    """Too few trustees' servers answer; no bought answer was used."""

    answering: int
    needed: int
    sentence = (
        "There is no private prediction now, because the servers of {answering} trustees answer and {needed} are "
        "needed. Please try again later."
    )


@dataclass(eq=False)
class PrivateWayFailed(UnavailableError):
    """A question left, but too few trustees answered rightly, so the bought answer is lost."""

    right: int
    needed: int
    sentence = (
        "The private prediction failed, because {right} trustees gave a right part of the answer and {needed} are "
        "needed. Nothing was saved. One private answer of this hospital is used up."
    )


@dataclass(eq=False)
class OnePictureOnly(MalformedError):
    """Several pictures were sent for a private prediction."""

    count: int
    sentence = (
        "A private prediction takes one picture, and you sent {count}. Choose one picture, or the normal way. Nothing "
        "was saved."
    )
