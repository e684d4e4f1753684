"""Risks from tables as words for people.

Invariant: a sentence says no more than the numbers do; a probability is never said without its interval.

Source: G. Gigerenzer et al., "Helping Doctors and Patients Make Sense of Health Statistics", 2007 (natural
frequencies); IPCC, "Guidance Note on Uncertainties", 2010 (words for probabilities).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from flask_babel import gettext, lazy_gettext

from fl.training.tables.answer import Factor, Risk
from fl.training.tables.schema import Column, Kind
from webui.http.error_words import translated
from webui.presentation.numbers_and_dates import decimal, per_cent, short
from webui.presentation.schema_words import label_of, word_of
from webui.presentation.wording import Saying
from webui.usecases.risk_format import RiskRecord
from webui.usecases.risk_rows import Problem, RowProblem

HUNDRED = 100
VERY_LIKELY, LIKELY, EVEN, UNLIKELY = 0.9, 0.66, 0.33, 0.1
"""The limits of the IPCC's words."""
HARDLY, STRONG = 0.1, 0.7
"""Of a part of the log-odds: below the first, the odds change by less than a tenth; above the second, they double."""
WIDE = 0.5
"""An interval that is wider says little."""
BAR = 48.0
"""The longest bar, in hundredths of the picture's width to each side of the middle."""
DOUBTS = (
    lazy_gettext("Interval of the calculation (95 %)"),
    lazy_gettext("Interval of its last layer alone (95 %; the whole calculation is less certain)"),
)
"""The sentences of fl/training/tables/risk.py, so that they are translated."""


def _(text: str, **values: object) -> str:
    """Return a text in the language of the page."""
    return str(gettext(text, **values))


@dataclass(frozen=True)
class Bar:
    """One factor as a row of the table behind the bars."""

    label: str
    value: str
    effect: str
    """In words."""
    tone: str
    """up, down or flat."""
    odds: str
    """By how much it multiplies the odds."""
    x: float
    width: float
    """Of the bar, in hundredths of the picture's width."""


def risk_saying(record: RiskRecord) -> Saying:
    """Return the risk in words: the verdict, and of how many of a hundred people it is true."""
    answer = record.answer
    about = translated(record.schema.reported)
    words = {"about": about[:1].upper() + about[1:], "words": _in_words(answer)}
    tone = "bad" if answer.probability >= LIKELY else "good" if answer.high < UNLIKELY else "wait"
    return Saying(tone, _("%(about)s: %(words)s", **words), people_line(record))


def people_line(record: RiskRecord) -> str:
    """Return of how many of a hundred people like this person it was true, with the interval."""
    low, count, high = (
        round(HUNDRED * share) for share in (record.answer.low, record.answer.probability, record.answer.high)
    )
    return _(
        "About %(count)s of 100 people like you had %(about)s. By this calculation it is between %(low)s and %(high)s.",
        count=count,
        about=translated(record.schema.reported),
        low=low,
        high=high,
    )


def step_after_risk(record: RiskRecord, *, booked: bool) -> Saying:
    """Return what a patient should do next if the last answer was a risk."""
    saying, step = risk_saying(record), record.answer.next_step
    if saying.tone == "good":
        return Saying("good", _("Nothing because of your last risk"), translated(record.answer.warning))
    if booked:
        text = _("%(answer)s. The doctor whom you booked can open it.", answer=saying.title)
        return Saying("bad", _("Show your last risk at your appointment"), text)
    title = _("Show your last risk to a doctor: %(answer)s", answer=saying.title)
    return Saying("bad", title, step.text if step is not None else translated(record.answer.warning))


def _in_words(answer: Risk) -> str:
    words = _likely(answer.probability)
    if answer.high - answer.low > WIDE:
        return _("%(words)s, but very uncertain", words=words)
    return words


def _likely(share: float) -> str:
    if share >= VERY_LIKELY:
        return _("very likely")
    if share >= LIKELY:
        return _("likely")
    if share > EVEN:
        return _("about as likely as not")
    return _("not likely") if share > UNLIKELY else _("not at all likely")


def risk_percent(share: float) -> str:
    """Return a share in 0..1 with one decimal place, as the command line does, but never 0 or 100 per cent."""
    text = f"{HUNDRED * share:.1f}"
    if text == "0.0":
        return _("below %(share)s", share=per_cent(0.001, 1))
    return _("above %(share)s", share=per_cent(0.999, 1)) if text == "100.0" else per_cent(share, 1)


def doubt_of(answer: Risk) -> str:
    """Return what the interval is about."""
    return _(answer.doubt)


def dots(answer: Risk) -> list[tuple[int, int, bool]]:
    """Return a hundred people as places 0..9 and whether it was true of them."""
    count = round(HUNDRED * answer.probability)
    return [(place % 10, place // 10, place < count) for place in range(HUNDRED)]


def factor_bars(record: RiskRecord) -> list[Bar]:
    """Return the factors as bars, the largest first."""
    largest = max((abs(each.log_odds) for each in record.answer.factors), default=0.0) or 1.0
    by_name = {column.name: (column, value) for column, value in zip(record.schema.columns, record.values, strict=True)}
    return [_bar(record, each, by_name[each.column], largest) for each in record.answer.factors]


def _bar(record: RiskRecord, factor: Factor, person: tuple[Column, float | None], largest: float) -> Bar:
    column, value = person
    width = BAR * abs(factor.log_odds) / largest
    tone = "flat" if abs(factor.log_odds) < HARDLY else "up" if factor.log_odds > 0 else "down"
    return Bar(
        label=label_of(record.schema, column),
        value=value_words(record, column, value),
        effect=_effect(factor.log_odds),
        tone=tone,
        odds=decimal(math.exp(factor.log_odds), 2),
        x=round(50.0 if factor.log_odds > 0 else 50.0 - width, 2),
        width=round(max(width, 0.4), 2),
    )


def _effect(log_odds: float) -> str:
    if abs(log_odds) < HARDLY:
        return _("hardly matters")
    if log_odds > 0:
        return _("raises it much") if log_odds > STRONG else _("raises it")
    return _("lowers it much") if log_odds < -STRONG else _("lowers it")


def value_words(record: RiskRecord, column: Column, value: float | None) -> str:
    """Return a person's value with its unit, or the word of its category."""
    if value is None:
        return _("not known")
    if column.kind is not Kind.NUMBER:
        return word_of(record.schema, column, column.categories[int(value)])
    return f"{short(value)} {column.unit}".rstrip()


def unlike_names(record: RiskRecord) -> list[str]:
    """Return what is far from the patients that the model learned from, for people."""
    return [label_of(record.schema, column) for column in record.schema.columns if column.name in record.unlike]


def range_words(column: Column) -> str:
    """Return what a column's value may be."""
    if column.kind is Kind.NUMBER:
        return _(
            "from %(low)s to %(high)s %(unit)s", low=short(column.low), high=short(column.high), unit=column.unit
        ).rstrip()
    return _("one of: %(words)s", words=", ".join(column.categories))


def row_problem(found: RowProblem) -> str:
    """Return what is wrong with a cell or a whole row, and what to do."""
    if found.problem is Problem.FEW:
        return _("Most values of this row are not known. The model needs at least half of them.")
    if found.column is None:
        return _("This row has more or fewer cells than the first line.")
    return problem_words(found.problem, found.column)


def problem_words(problem: Problem, column: Column) -> str:
    """Return what is wrong with a value, and what to do."""
    return {
        Problem.NEEDED: _("The model needs this value."),
        Problem.NO_NUMBER: _("This is not a number. Write it like 5.4 or 5,4."),
        Problem.RANGE: _("The model knows only values %(range)s.", range=range_words(column)),
        Problem.WORD: _("This must be %(range)s.", range=range_words(column)),
        Problem.CELLS: "",
        Problem.FEW: "",
    }[problem]


def help_words(column: Column, extra: str = "") -> str:
    """Return the help of a form's field: what is asked, the range, and what to do if it is not known."""
    parts = [extra] if extra else []
    if column.kind is Kind.NUMBER:
        span = range_words(column)
        parts.append(_("%(range)s.", range=span[:1].upper() + span[1:]))
        if column.missing:
            parts.append(_("Leave it empty if you do not know it."))
    return " ".join(parts)
