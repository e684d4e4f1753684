"""Numbers, moments and days as a person reads them: in the language, the zone and the form that the person chose.

Invariant: a text for programs is never made here; in English numbers and dates look as they do in the documents.

Source: Unicode CLDR, by Babel (signs, names of months and days, order of a date).
"""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date
from babel.numbers import get_decimal_symbol, get_group_symbol
from flask_babel import get_locale

from webui.http.languages import dates, is_foreign
from webui.presentation.texts import gettext
from webui.usecases.dates import day_words

LATEST = 253_402_214_400
"""A day before the year 10000, where calendars end; a request may name any deadline."""
EXAMPLE = date(2026, 11, 27)


def whole(number: int) -> str:
    """Return a whole number with its groups of three digits: `1,234`, in German `1.234`."""
    return _signs(f"{number:,}")


def decimal(value: float, places: int) -> str:
    """Return a number with so many decimal places: `0.870`, in German `0,870`."""
    return _signs(f"{value:,.{places}f}")


def short(value: float, digits: int = 6) -> str:
    """Return a number without zeros at its end: `5.4`, in German `5,4`."""
    return _signs(f"{value:.{digits}g}")


def per_cent(share: float, places: int) -> str:
    """Return a share in 0..1 in per cent: `87.0 %`, in German `87,0 %`."""
    return f"{decimal(share * 100, places)} %"


def percent(share: float) -> str:
    """Return a share in 0..1 in whole per cent; never 0 % or 100 %, because no answer is certain."""
    rounded = round(share * 100)
    if rounded < 1:
        return gettext("below %(share)s", share="1 %")
    return gettext("above %(share)s", share="99 %") if rounded > 99 else f"{rounded} %"  # noqa: PLR2004 per cent


def when(seconds: int, zone: ZoneInfo) -> str:
    """Return a moment with date, time and zone: `27 Nov 2026, 12:00 CET`."""
    moment = _moment(seconds, zone)
    return f"{_date(moment, 'yMMMd')}, {moment:%H:%M} {_zone_name(moment)}"


def on_day(seconds: int, zone: ZoneInfo) -> str:
    """Return the day of a moment: `Friday, 27 November 2026`."""
    return _date(_moment(seconds, zone), "yMMMMEEEEd")


def at_time(seconds: int, zone: ZoneInfo) -> str:
    """Return the time of day of a moment: `12:00`, or `06:00 EST` where the page is not in the hospital's zone."""
    moment = _moment(seconds, zone)
    return f"{moment:%H:%M} {_zone_name(moment)}" if is_foreign(zone) else f"{moment:%H:%M}"


def iso(seconds: int, zone: ZoneInfo) -> str:
    """Return a moment for the `datetime` attribute of a `time` element."""
    return _moment(seconds, zone).isoformat()


def birthday(day: date) -> str:
    """Return a day such as `12 April 1987`."""
    return _date(day, "yMMMMd")


def short_day(day: date) -> str:
    """Return `Mon 30 Nov`."""
    return day_words(day, "MMMEd", _locale())


def weekday_letters(day: date) -> str:
    """Return `Mon`."""
    return format_date(day, "ccc", locale=_locale())


def long_day(day: date) -> str:
    """Return `Monday, 30 November 2026`."""
    return _date(day, "yMMMMEEEEd")


def an_example(form: str) -> str:
    """Return a day in one of the forms that a person may choose."""
    return day_words(EXAMPLE, "yMMMd", _locale(), form)


def _date(day: date, skeleton: str) -> str:
    return day_words(day, skeleton, _locale(), dates())


def _zone_name(moment: datetime) -> str:
    """Return `CET`, or `UTC+03` for a zone without a name of its own."""
    name = moment.tzname() or ""
    return f"UTC{name}" if name[:1] in {"+", "-"} else name


def _moment(seconds: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(min(seconds, LATEST), zone)


def _signs(text: str) -> str:
    """Return an English number with the signs of the page's language."""
    locale = _locale()
    signs = {",": get_group_symbol(locale), ".": get_decimal_symbol(locale)}
    return "".join(signs.get(each, each) for each in text)


def _locale() -> Locale:
    return get_locale() or Locale("en")
