"""The forms of risks: one person's values, made from a table's schema, and a file of many.

Invariant: a field is a column of the schema, in its order, and its value is checked by the schema alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from flask_babel import gettext, lazy_gettext
from flask_wtf.file import FileField, FileRequired
from wtforms import Field, RadioField, SelectField, StringField, SubmitField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import ValidationError

from fl.training.tables.schema import Column, Kind, Schema
from webui.presentation.forms import Form
from webui.presentation.risk_wording import help_words, problem_words
from webui.presentation.schema_words import asked_of, label_of, word_of
from webui.usecases.risk_rows import Problem, known_in, known_needed, read_typed

MOST_RADIOS = 5
PREFIX = "column-"
Reals = npt.NDArray[np.float64]


class RiskForm(Form):
    """One person's values; `risk_form` adds the fields."""

    submit = SubmitField(lazy_gettext("Compute the risk"))

    def columns(self) -> Sequence[Field]:
        """Return the fields of the columns, in the schema's order."""
        return [field for field in self if field.name.startswith(PREFIX)]

    @property
    def needed(self) -> int:
        """Return how many values must be known."""
        return known_needed(len(self.columns()))

    def validate(self, extra_validators: object = None) -> bool:
        """Check each value, and that enough of them are known."""
        if not super().validate(extra_validators):
            return False
        columns, known, needed = self.columns(), known_in(self.values()), self.needed
        if known >= needed:
            return True
        first = next(field for field in columns if math.isnan(field.number))
        first.errors = [
            gettext(
                "Only %(known)d of %(count)d values are known. The model needs at least %(needed)d of them.",
                known=known,
                count=len(columns),
                needed=needed,
            )
        ]
        return False

    def values(self) -> Reals:
        """Return float64 [columns] of a valid form; NaN = not known."""
        return np.array([field.number for field in self.columns()], np.float64)


class UnitField(StringField):  # type: ignore[misc]  # WTForms brings no types
    """A number with a unit."""

    def __init__(self, *given: object, unit: str, **more: object) -> None:
        super().__init__(*given, **more)
        self.unit = unit


def risk_form(schema: Schema, age: int) -> RiskForm:
    """Return the form of a schema, filled with what was sent; at first only with the person's `age` in years."""
    fields = {f"{PREFIX}{place}": _field(schema, column) for place, column in enumerate(schema.columns)}
    known = {f"{PREFIX}{place}": str(age) for place, column in enumerate(schema.columns) if _is_age(column)}
    made: RiskForm = type("RiskForm", (RiskForm,), fields)(data=known)
    return made


def _is_age(column: Column) -> bool:
    return column.name.lower() == "age" and column.unit == "years"


def _field(schema: Schema, column: Column) -> Field:
    label, words = label_of(schema, column), help_words(column, asked_of(schema, column))

    def check(_form: RiskForm, field: Field) -> None:
        found = read_typed(field.data or "", column)
        if isinstance(found, Problem):
            raise ValidationError(problem_words(found, column))
        field.number = found

    if column.kind is Kind.NUMBER:
        keyboard = {"inputmode": "decimal"} if column.low >= 0 else {}  # the one for decimals has no minus sign
        return UnitField(label, [check], description=words, render_kw=keyboard, unit=column.unit)
    known = [SelectChoice(code, word_of(schema, column, code)) for code in column.categories]
    unknown = [SelectChoice("", gettext("I do not know"))] if column.missing else []
    if len(known) <= MOST_RADIOS:
        return RadioField(label, [check], choices=[*known, *unknown], description=words, validate_choice=False)
    first = unknown or [SelectChoice("", gettext("Please choose"))]
    return SelectField(label, [check], choices=[*first, *known], description=words, validate_choice=False)


class RiskFileForm(Form):
    """A file of many patients."""

    file = FileField(lazy_gettext("CSV file"), [FileRequired(lazy_gettext("Please choose a file first."))])
    show = SubmitField(lazy_gettext("Show the answers"))
    save = SubmitField(lazy_gettext("Save them in the patients' records"))
    download = SubmitField(lazy_gettext("Download the answers as CSV"))
