"""What people type or upload about a person: the same numbers as the engine reads, or a named problem."""

from __future__ import annotations

import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl.training.tables.rows import read_value
from fl.training.tables.schema import Column, Kind, load_schema
from webui.errors import TableFileUnusable
from webui.usecases.risk_rows import (
    MAX_FILE_ROWS,
    MAX_NAME,
    Problem,
    harmless,
    read_cell,
    read_file,
    read_typed,
    write_file,
)

HEART, PIMA = load_schema("heart-disease"), load_schema("pima-diabetes")
PRESSURE = Column("bp", "Pressure", Kind.NUMBER, "mm Hg", 60, 260, missing=("?", "0"))
AGE = Column("age", "Age", Kind.NUMBER, "years", 18, 110)
SLOPE = Column("slope", "Slope", Kind.CATEGORY, categories=("1", "2", "3"), missing=("?",))


@pytest.mark.parametrize("text", ["120", " 120 ", "120.0", "120,0", "+120", "1,20e2", "1e2"])
def test_a_number_may_have_a_point_or_a_comma_and_nothing_else(text: str) -> None:
    found = read_typed(text, PRESSURE)
    assert found == (Problem.NO_NUMBER if "e" in text else 120.0)


@pytest.mark.parametrize("text", ["nan", "inf", "1_20", "0x78", "12 0", "1.2.0", "1,2,0", "١٢٠", "120mm", "--1", ","])
def test_a_text_that_only_python_takes_for_a_number_is_none(text: str) -> None:
    assert read_typed(text, PRESSURE) is Problem.NO_NUMBER


def test_the_ends_of_a_range_are_inside_and_a_hair_beyond_is_not() -> None:
    assert [read_typed(text, PRESSURE) for text in ("60", "260", "59.9", "260,1", "-60")] == [
        *(60.0, 260.0),
        *[Problem.RANGE] * 3,
    ]


def test_nothing_is_not_known_only_where_the_schema_has_a_word_for_that() -> None:
    for read in (read_typed, read_cell):
        assert math.isnan(float(read("", PRESSURE)))
        assert read(" ", AGE) is Problem.NEEDED


def test_a_typed_zero_is_a_value_but_in_a_file_it_may_be_the_hospitals_word_for_missing() -> None:
    assert read_typed("0", PRESSURE) is Problem.RANGE
    assert math.isnan(float(read_cell("0", PRESSURE)))
    assert math.isnan(float(read_cell("0.0", PRESSURE)))
    assert read_typed("?", PRESSURE) is Problem.NO_NUMBER


def test_a_category_is_one_of_its_words() -> None:
    assert [read_cell(text, SLOPE) for text in ("1", "3", "2.0", "4", "up")] == [
        *(0.0, 2.0, 1.0),
        *[Problem.WORD] * 2,
    ]


@given(st.floats(60, 260).map(lambda value: f"{value:.3f}"))
def test_a_cell_is_read_as_the_engine_reads_it(text: str) -> None:
    assert read_cell(text, PRESSURE) == read_value(text, PRESSURE)
    assert read_cell(text.replace(".", ","), PRESSURE) == read_value(text, PRESSURE)


def line(separator: str, values: dict[str, str]) -> str:
    return separator.join(values.get(name, "") for name in ("id", *PIMA.names))


@pytest.mark.parametrize("separator", [";", "\t", ","])
def test_the_first_line_says_what_separates_the_cells(separator: str) -> None:
    values = {"id": "A", "Pregnancies": "1", "Glucose": "120", "DiabetesPedigreeFunction": "0.5", "Age": "50"}
    text = separator.join(("id", *PIMA.names)) + "\n" + line(separator, values) + "\n"
    (row,) = read_file(text.encode(), PIMA).rows
    assert row.values is not None
    assert (row.name, row.line, row.values[-1]) == ("A", 2, 50.0)


def test_a_quoted_decimal_comma_is_read_in_a_file_with_commas() -> None:
    text = ",".join(PIMA.names) + '\n1,,,,,"38,2","0,5",50\n'
    (row,) = read_file(text.encode("utf-8-sig"), PIMA).rows
    assert row.values is not None
    assert (row.values[5], row.values[6]) == (38.2, 0.5)


def test_empty_lines_are_skipped_and_lines_keep_their_numbers() -> None:
    text = ";".join(PIMA.names) + "\n\n;;;;;;;\n1;;;;;;0,5;50\n"
    (row,) = read_file(text.encode(), PIMA).rows
    assert row.line == 4


def test_an_input_that_the_schema_names_id_is_no_name_of_rows() -> None:
    text = ";".join(["ID", *HEART.names, HEART.label]) + "\n" + ";".join(["x" * 500, *[""] * 14]) + "\n"
    file = read_file(text.encode(), HEART)
    assert file.rows[0].name == "x" * MAX_NAME
    assert file.unused == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "missing"),
        (";".join(PIMA.names), "no row"),
        (";".join([*PIMA.names, "Age"]) + "\n1", "same name"),
        (";".join(PIMA.names) + '\n"1;2\n', "not CSV"),
        (";".join(PIMA.names) + "\n" + "1;;;;;;1;50\n" * (MAX_FILE_ROWS + 1), "more than"),
        (";".join(PIMA.names) + "\n" + "9" * 20_000, "no CSV"),
        ("a\0b", "no CSV"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_one_reason(text: str, why: str) -> None:
    with pytest.raises(TableFileUnusable, match=why):
        read_file(text.encode(), PIMA)


@given(st.text(max_size=30))
def test_no_cell_of_a_written_file_begins_like_a_formula(text: str) -> None:
    assert harmless(text).lstrip()[:1] not in {"=", "+", "-", "@"}
    assert not harmless(text).startswith(("\t", "\r"))


@given(st.lists(st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=9), min_size=2))
def test_a_written_file_has_the_cells_that_were_given(cells: list[str]) -> None:
    data = write_file(["a"] * len(cells), [cells], ";").decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(data, newline=""), delimiter=";"))
    assert rows[1] == [harmless(cell) for cell in cells]
