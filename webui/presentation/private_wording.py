"""How a private answer came, in words.

Invariant: a sentence says what the record of the answer has, and nothing about what this hospital has besides.

Source: PROTOCOL.md 9P.
"""

from __future__ import annotations

from webui.ports.private import PrivateWay
from webui.presentation.numbers_and_dates import decimal
from webui.presentation.texts import gettext
from webui.presentation.wording import listing


def private_seconds(way: PrivateWay) -> str:
    """Return how long a private answer took, in seconds."""
    return decimal(way.ms / 1000, 2)


def private_sentence(way: PrivateWay) -> str:
    """Return who took part in a private answer, and how long it took."""
    text = gettext(
        "The last layer of the model stayed encrypted. These trustees' servers gave their parts of the answer: "
        "%(names)s. It took %(seconds)s seconds.",
        names=listing(list(way.trustees)),
        seconds=private_seconds(way),
    )
    if not way.wrong:
        return text
    wrong = gettext("The part of %(names)s was wrong and was not used.", names=listing(list(way.wrong)))
    return f"{text} {wrong}"
