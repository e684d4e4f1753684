"""The form of a hospital's staff: whose pictures to take out.

Invariant: what the form accepts, an order can hold; the agent looks whether the imported data have such persons.
"""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, IntegerField, SelectMultipleField, SubmitField, TextAreaField
from wtforms.validators import InputRequired, NumberRange, ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

from webui.presentation.forms import Form

MOST_PERSONS, MOST_CHARS = 1000, 200
MOST_ROUND = 1_000_000
_NUMBER = _l("Give the number of a round, or 1.")


class PersonsForm(Form):
    """Persons of the imported pictures, and since when they can have been used."""

    persons = TextAreaField(_l("Persons, one in each line"))
    since = IntegerField(
        _l("First round that can have used their pictures"),
        [InputRequired(_NUMBER), NumberRange(1, MOST_ROUND, _NUMBER)],
        default=1,
    )
    patients = SelectMultipleField(
        _l("Whose wish this answers"), coerce=int, option_widget=CheckboxInput(), widget=ListWidget(prefix_label=False)
    )
    sure = HiddenField()
    submit = SubmitField(_l("Show what this means"))

    @property
    def named(self) -> list[str]:
        """Return the persons, each once, sorted."""
        return sorted({line.strip() for line in (self.persons.data or "").splitlines()} - {""})

    def validate_persons(self, _field: TextAreaField) -> None:
        if not self.named:
            raise ValidationError(_l("Name at least one person, as the imported pictures do."))
        if len(self.named) > MOST_PERSONS or any(len(each) > MOST_CHARS for each in self.named):
            raise ValidationError(
                _l("That is too much for this page. Use the command `hemaledger hospital withdraw --persons FILE`.")
            )


class SureForm(Form):
    """A grave step: a person ticks that the consequences were read."""

    sure = BooleanField(
        _l("I have read this, and the hospital's management has decided it."),
        [InputRequired(_l("Tick the box first."))],
    )
    submit = SubmitField()
