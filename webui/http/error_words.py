"""The sentences of errors in the language of the page.

Invariant: in English a sentence is exactly `str(error)`, and so it is for programs and in logs; only a distance that
says nothing to a person is in other words on a page.

Source: fl/protocol/errors/families.py (fields in sentences); scripts.site_texts.py (which sentences are translated).
"""

from __future__ import annotations

from flask_babel import get_locale, gettext, lazy_gettext, ngettext

from fl.protocol.errors import HemaledgerError, NoAnswer
from webui.errors.waits import HOUR_S, MINUTE_S

WEEKDAYS = (
    lazy_gettext("Monday"),
    lazy_gettext("Tuesday"),
    lazy_gettext("Wednesday"),
    lazy_gettext("Thursday"),
    lazy_gettext("Friday"),
    lazy_gettext("Saturday"),
    lazy_gettext("Sunday"),
)
"""The names in webui/store/accounts.py, so that they are translated."""
ROLES = (
    lazy_gettext("patient"),
    lazy_gettext("doctor"),
    lazy_gettext("auditor"),
    lazy_gettext("operator"),
    lazy_gettext("hospital"),
)
"""The values of `SiteRole`, so that they are translated."""
FOREIGN = "foreign"
"""fl/training/calibration/answer.py: a picture that is unlike all that the model learned from."""
NO_ANSWERS = {
    "scale": lazy_gettext("the size of the cell in it is unknown; choose the picture as the laboratory made it"),
    "too small": lazy_gettext("the cell in it has too few pixels"),
    FOREIGN: lazy_gettext("it is too different from them"),
}
"""Why a picture gets no answer, where the English text has numbers in it; by `NoAnswer.reason`."""


def sentence_of(error: HemaledgerError) -> str:
    """Return what happened and what to do."""
    better: dict[str, object] = {}
    waits = getattr(error, "wait_s", None)
    if isinstance(waits, int):
        better["wait"] = waiting(waits)
    if isinstance(error, NoAnswer):
        better["why"] = why_no_answer(error.reason, error.why)
    return error.said(translated, **better)


def translated(text: str) -> str:
    """Return a text of the site in the language of the page; itself if it has no translation."""
    return str(gettext(text)) if text else ""


def why_no_answer(reason: str, why: str) -> str:
    """Return why a picture gets no answer.

    A distance says nothing to a person, so nobody reads one; other numbers are only in the English text.
    """
    if reason == FOREIGN:
        return str(NO_ANSWERS[FOREIGN])
    told = translated(why)
    if told != why or str(get_locale() or "en") == "en":
        return told
    return str(NO_ANSWERS.get(reason, why))


def waiting(seconds: int) -> str:
    """Return `in 40 seconds`, `in 15 minutes`, `in 2 hours`: rounded up."""
    if seconds > HOUR_S:
        hours = -(-seconds // HOUR_S)
        return str(ngettext("in %(num)s hour", "in %(num)s hours", hours))
    if seconds > MINUTE_S:
        minutes = -(-seconds // MINUTE_S)
        return str(ngettext("in %(num)s minute", "in %(num)s minutes", minutes))
    return str(ngettext("in a second", "in %(num)s seconds", max(seconds, 1)))
