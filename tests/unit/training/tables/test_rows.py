from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from fl.protocol.codec import JsonValue
from fl.protocol.errors import DatasetUnusable, EncodingError, SettingInvalid
from fl.training.tables.rows import MAX_LINE, Table, folds, joined, parse_table
from fl.training.tables.schema import Column, Kind, Schema, load_schema, shipped

SCHEMA = Schema(
    name="toy",
    source="drawn",
    licence="CC0",
    header=True,
    ordered=(),
    columns=(
        Column("age", "Age", Kind.NUMBER, "years", 18, 110, missing=("?", "0")),
        Column("sex", "Sex", Kind.BINARY, categories=("F", "M")),
        Column("pain", "Pain", Kind.CATEGORY, categories=("1", "2", "3"), missing=("?",)),
    ),
    label="ill",
    disease=("1", "2"),
    healthy=("0",),
    reported="illness",
    population="drawn persons",
)
HEADER = "age,sex,pain,ill\n"


def parse(text: str, schema: Schema = SCHEMA) -> Table:
    return parse_table(text.encode(), schema, "toy.csv")


def test_values_become_numbers_and_missing_ones_nan() -> None:
    table = parse(HEADER + "63.5,M,1.0,2\n?,F,?,0\n0,,3,0\n")
    assert table.labels.tolist() == [1, 0, 0]
    expected = [[63.5, 1, 0], [np.nan, 0, np.nan], [np.nan, np.nan, 2]]
    assert np.array_equal(table.values, np.array(expected), equal_nan=True)


def test_columns_are_found_by_name() -> None:
    table = parse("ill,pain,sex,age\n1,2,F,40\n")
    assert table.values.tolist() == [[40, 0, 1]]


def test_a_file_without_header_has_the_order_of_the_schema() -> None:
    schema = replace(SCHEMA, header=False, ordered=("age", "more", "sex", "pain", "ill"))
    assert parse("40,9,F,2,1\n", schema).values.tolist() == [[40, 0, 1]]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("17,M,1,0", "line 3, column 'age': the value is not a number from 18 to 110 years"),
        ("old,M,1,0", "line 3, column 'age'"),
        ("nan,M,1,0", "line 3, column 'age'"),
        ("40,X,1,0", "line 3, column 'sex': the value is not one of F, M"),
        ("40,M,4,0", "line 3, column 'pain'"),
        ("40,M,1,9", "line 3, column 'ill': the label is neither disease nor healthy"),
        ("40,M,1,", "line 3, column 'ill'"),
        ("40,M,1", "line 3 has 3 cells, not 4"),
    ],
)
def test_a_wrong_value_is_named_by_line_and_column_without_the_value(line: str, said: str) -> None:
    with pytest.raises(DatasetUnusable) as caught:
        parse(HEADER + "40,M,1,0\n" + line + "\n")
    assert said in str(caught.value)
    assert "old" not in str(caught.value)


@pytest.mark.parametrize("mark", ["\u2028", "\u0085", "\f"])
def test_a_character_that_ends_no_row_of_csv_ends_none(mark: str) -> None:
    assert len(parse(HEADER + f"40,M{mark},1,0\n").labels) == 1


def test_an_error_names_three_places_and_counts_the_rest() -> None:
    with pytest.raises(DatasetUnusable, match="and 2 more"):
        parse(HEADER + "1,M,1,0\n" * 5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEADER,
        "age,sex,pain\n40,M,1\n",
        "age,sex,pain,ill,ssn\n40,M,1,0,7\n",
        "age,age,sex,pain,ill\n40,40,M,1,0\n",
        HEADER + '"40,M,1,0\n',
        HEADER + "4" * (MAX_LINE + 1) + ",M,1,0\n",
    ],
)
def test_a_table_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(DatasetUnusable):
        parse(text)


def test_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(DatasetUnusable, match="UTF-8"):
        parse_table(HEADER.encode() + b"\xff", SCHEMA, "toy.csv")


def test_equal_rows_share_a_group_whatever_their_label() -> None:
    table = parse(HEADER + "40,M,1,0\n41,M,1,0\n40.0,M,1,1\n?,M,1,1\n0,M,1,1\n")
    assert [table.groups[0] == group for group in table.groups] == [True, False, True, False, False]
    assert table.groups[3] == table.groups[4]


def test_no_repeated_row_is_in_two_folds() -> None:
    lines = "".join(f"{18 + row % 40},{'MF'[row % 2]},{1 + row % 3},{row % 7 // 5}\n" for row in range(300))
    table = parse(HEADER + lines)
    part = folds(table, 10, 3)
    for group in np.unique(table.groups):
        assert len(np.unique(part[table.groups == group])) == 1
    assert set(part.tolist()) == set(range(10))


def test_more_folds_than_different_rows_are_refused() -> None:
    with pytest.raises(DatasetUnusable):
        folds(parse(HEADER + "40,M,1,0\n" * 9), 2, 0)


def test_joined_tables_keep_all_rows() -> None:
    one = parse(HEADER + "40,M,1,0\n")
    assert len(joined([one, one, one])) == 3


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_schema_survives_its_document(name: str) -> None:
    schema = load_schema(name)
    assert Schema.from_bytes(json.dumps(schema.to_dict()).encode()) == schema
    assert schema.name == name


@pytest.mark.parametrize(
    "change",
    [
        {"label": "age"},
        {"disease": []},
        {"healthy": ["1"]},
        {"name": "Two Words"},
        {"header": False},
        {"ordered": ["age"]},
        {"columns": []},
        {"columns": "age"},
        {"more": 1},
        {"columns": [{"name": "a", "text": "A", "kind": "number", "low": 5, "high": 5}]},
        {"columns": [{"name": "a", "text": "A", "kind": "binary", "categories": ["0", "1", "2"]}]},
        {"columns": [{"name": "a", "text": "A", "kind": "category", "categories": ["0", "0"]}]},
        {"columns": [{"name": "a", "text": "A", "kind": "category", "categories": ["0", "1"], "missing": ["1"]}]},
        {"columns": [{"name": "a", "text": "A", "kind": "date"}]},
        {"columns": [{"name": "a\u202e", "text": "A", "kind": "binary", "categories": ["0", "1"]}]},
    ],
)
def test_a_schema_that_does_not_fit_together_is_refused(change: dict[str, JsonValue]) -> None:
    with pytest.raises(EncodingError):
        Schema.from_dict({**SCHEMA.to_dict(), **change})


def test_an_unknown_schema_is_a_setting_that_cannot_be_used() -> None:
    with pytest.raises(SettingInvalid, match="heart-disease"):
        load_schema("no-such-schema")


def test_a_schema_without_columns_keeps_the_others() -> None:
    assert SCHEMA.without("sex").names == ("age", "pain")


def test_a_schema_with_more_than_two_outcomes_says_what_to_do() -> None:
    with pytest.raises(EncodingError, match="under one of them"):
        Schema.from_dict({**load_schema("heart-disease").to_dict(), "classes": ["0", "1", "2"]})
