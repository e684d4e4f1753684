"""Words for the columns of the schemas that come with Hemaledger, where their codes say nothing to a person.

Invariant: they are used only for a table whose columns are exactly those of a shipped schema. Another schema brings its
own words. The model and the ledger never see these words.

Source: fl/training/tables/schemas/*.json; UCI Machine Learning Repository, Heart Disease (the codes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from flask_babel import lazy_gettext as _

from fl.training.tables.schema import Column, Schema, load_schema, shipped
from webui.http.error_words import translated


@dataclass(frozen=True)
class Words:
    """What a form says about one column."""

    label: Any = ""
    """Empty: the schema's own text."""
    help: Any = ""
    words: Mapping[str, Any] = field(default_factory=dict)
    """Code -> what a person reads."""


NO_YES = {"0": _("No"), "1": _("Yes")}
SEXES = {"0": _("Female"), "1": _("Male"), "Female": _("Female"), "Male": _("Male")}
HEART = {
    "age": Words(_("Age")),
    "sex": Words(_("Sex"), words=SEXES),
    "cp": Words(
        _("Chest pain"),
        _("Typical angina: pressure in the chest during effort, which goes away with rest."),
        {"1": _("Typical angina"), "2": _("Atypical angina"), "3": _("Pain, but no angina"), "4": _("No pain")},
    ),
    "trestbps": Words(_("Blood pressure at rest"), _("The upper one of the two numbers.")),
    "chol": Words(_("Cholesterol in the blood")),
    "fbs": Words(_("Blood sugar above 120 mg/dl before breakfast"), words=NO_YES),
    "restecg": Words(
        _("ECG at rest"),
        words={"0": _("Normal"), "1": _("Changes of ST or T"), "2": _("Thick heart muscle (hypertrophy)")},
    ),
    "thalach": Words(_("Highest heart rate"), _("In an exercise test.")),
    "exang": Words(_("Chest pain (angina) during exercise"), words=NO_YES),
    "oldpeak": Words(_("ST depression during exercise"), _("From the ECG of an exercise test.")),
    "slope": Words(
        _("Slope of the ST segment"),
        _("From the ECG of an exercise test."),
        {"1": _("Up"), "2": _("Flat"), "3": _("Down")},
    ),
    "ca": Words(_("Large vessels seen by fluoroscopy")),
    "thal": Words(
        _("Thallium scan of the heart"),
        words={"3": _("Normal"), "6": _("Fixed defect"), "7": _("Reversible defect")},
    ),
}
PIMA = {
    "Glucose": Words(help=_("From a glucose tolerance test, two hours after the drink.")),
    "BloodPressure": Words(_("Lower blood pressure"), _("The lower one of the two numbers.")),
    "SkinThickness": Words(_("Skin fold at the back of the upper arm")),
    "BMI": Words(help=_("Weight in kilograms, divided by the square of the height in metres.")),
    "DiabetesPedigreeFunction": Words(
        _("Diabetes in the family, as a number"),
        _("A doctor can compute this number from the relatives who have diabetes. Most people do not know it."),
    ),
}
WORDS: Mapping[str, Mapping[str, Words]] = {"heart-disease": HEART, "pima-diabetes": PIMA}
"""By schema and column."""
PLAIN = Words(words=SEXES | {"No": _("No"), "Yes": _("Yes")})


def label_of(schema: Schema, column: Column) -> str:
    """Return what a column is called."""
    return str(_words(schema, column).label or translated(column.text))


def asked_of(schema: Schema, column: Column) -> str:
    """Return the help about a column; empty if there is none."""
    return str(_words(schema, column).help)


def word_of(schema: Schema, column: Column, code: str) -> str:
    """Return what a person reads for a category's code."""
    return str(_words(schema, column).words.get(code, code))


def _words(schema: Schema, column: Column) -> Words:
    name = next((name for name, columns in _shipped().items() if columns == schema.columns), None)
    return Words() if name is None else WORDS.get(name, {}).get(column.name, PLAIN)


@cache
def _shipped() -> Mapping[str, tuple[Column, ...]]:
    return {name: load_schema(name).columns for name in shipped()}
