"""Two rounds side by side are said in words, whatever a configuration holds."""

from __future__ import annotations

from flask import Flask
from flask_babel import Babel

from fl.protocol.codec import JsonValue
from webui.presentation.compare_wording import fact_name, fact_value
from webui.usecases.lineage import Difference

LANES: JsonValue = [
    {"high": 65536, "length": 512, "low": 0, "name": "own", "reveals": "How many images got which score."},
    {"high": 65536, "length": 256, "low": 0, "name": "distances", "reveals": "How many images are how far."},
]
YES: JsonValue = True
COLUMNS: JsonValue = [{"name": "Glucose", "text": "Plasma glucose", "missing": ["0"]}, {"name": "Age"}]


def said(what: str, name: str, value: JsonValue) -> tuple[str, str]:
    app = Flask(__name__)
    Babel(app)
    with app.test_request_context():
        each = Difference(what, name, value, None)
        return fact_name(each, None), fact_value(each, value)


def test_a_list_of_sums_is_what_they_tell_and_not_a_programs_form() -> None:
    words = ("What the sum tells everybody", "How many images got which score. How many images are how far.")
    assert said("training", "sum, lanes", LANES) == words


def test_a_list_of_columns_is_their_names() -> None:
    assert said("training", "schema, columns", COLUMNS) == ("Values of a patient", "Plasma glucose, Age")


def test_a_long_row_of_numbers_is_its_length() -> None:
    assert said("training", "design, means", [0.5] * 8) == ("Means of the values", "8 numbers")
    assert said("training", "rule, disease", [0, 1]) == ("Which classes are a disease", "0, 1")


def test_what_has_no_name_here_is_still_no_path_of_a_program() -> None:
    assert said("training", "local, privacy, noise share", YES) == ("Noise share", "yes")
    assert said("training", "deep, list", [[1], {"a": 2}]) == ("List", "2 numbers")


def test_members_metrics_and_terms_are_said_as_elsewhere() -> None:
    assert said("members", "Lake Hospital", YES) == ("Lake Hospital", "update")
    assert said("metrics", "accuracy", 0.9125) == ("Accuracy", "91.2 %")
    assert said("terms", "protection", "masked") == ("Protection", "Masked")
    assert said("terms", "numbers in an update", 1024) == ("Numbers in an update", "1,024")
    assert said("training", "seed", 2026) == ("Starting number of chance", "2026")
    assert said("terms", "numbers in an update", None) == ("Numbers in an update", "–")
