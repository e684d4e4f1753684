"""Days in words of a language, in the form that a person chose: for pages and mails.

Invariant: the site's English has the day before the month; other languages have their own order (Unicode CLDR).
"""

from __future__ import annotations

from datetime import date, datetime

from babel import Locale
from babel.dates import format_date, format_skeleton

CHOSEN = {"day-month": "d MMM y", "month-day": "MMM d, y", "year-month-day": "y-MM-dd"}
"""The forms of a date that a person may choose (store/preferences.py), as patterns of CLDR."""
ENGLISH = {"yMMMd": "d MMM y", "yMMMMd": "d MMMM y", "yMMMMEEEEd": "EEEE, d MMMM y", "MMMEd": "EEE d MMM"}
WHOLE = {"yMMMMd": "long", "yMMMMEEEEd": "full"}
"""CLDR's own names of these forms."""


def day_words(day: date, skeleton: str, locale: Locale, form: str = "") -> str:
    """Return a day.

    Args:
        day: a day, or a moment in the zone of the reader.
        skeleton: what to show, as CLDR names it; one of `ENGLISH`.
        locale: the language.
        form: one of `CHOSEN`, which replaces all but the weekday; or empty.
    """
    chosen = CHOSEN.get(form)
    if chosen is not None:
        weekday = f"{format_date(day, 'EEEE', locale=locale)}, " if "EEEE" in skeleton else ""
        return weekday + format_date(day, chosen, locale=locale)
    if locale.language == "en":
        return format_date(day, ENGLISH[skeleton], locale=locale)
    if skeleton in WHOLE:
        return format_date(day, WHOLE[skeleton], locale=locale)
    return format_skeleton(skeleton, datetime(day.year, day.month, day.day), locale=locale)  # noqa: DTZ001 only a day
