"""The filters of a patient's history. They change nothing, so they are part of the address."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext
from wtforms import DateField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Optional

from webui.presentation.forms import Form
from webui.store.records import EVER
from webui.usecases.urgency import Urgency

ANSWERS = {
    "bad": lazy_gettext("Signs of the disease"),
    "wait": lazy_gettext("Not sure"),
    "good": lazy_gettext("No signs"),
    "plain": lazy_gettext("Another answer"),
}


URGENCIES = {"bad": Urgency.HIGH, "wait": Urgency.UNSURE, "good": Urgency.LOW, "plain": Urgency.OTHER}


class HistoryForm(Form):
    """By answer and date."""

    class Meta:
        """Flask-WTF's settings of a form."""

        csrf = False

    answer = SelectField(
        lazy_gettext("Answer"),
        choices=[SelectChoice("", lazy_gettext("All answers")), *(SelectChoice(*pair) for pair in ANSWERS.items())],
        default="",
    )
    since = DateField(lazy_gettext("From"), [Optional()])
    until = DateField(lazy_gettext("To"), [Optional()])

    def span(self, zone: ZoneInfo) -> tuple[int, int]:
        """Return the first and last second of the chosen days in this zone."""
        first, last = self.since.data, self.until.data
        begin = int(datetime.combine(first, time.min, zone).timestamp()) if isinstance(first, date) else 0
        end = int(datetime.combine(last, time.max, zone).timestamp()) if isinstance(last, date) else EVER
        return begin, end

    @property
    def wanted(self) -> Urgency | None:
        """Return which answers are asked for; None for all. Each tone of an answer is one urgency."""
        return URGENCIES.get(self.answer.data)

    @property
    def chosen(self) -> dict[str, str]:
        """Return what was chosen, for links to other pages of the list."""
        dates = {name: value.isoformat() for name in ("since", "until") if (value := self[name].data) is not None}
        return dates | ({"answer": self.answer.data} if self.answer.data else {})
