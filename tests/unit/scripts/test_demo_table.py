"""The demo's invented people."""

from __future__ import annotations

from pathlib import Path

from fl.training.tables.federation import task_of
from fl.training.tables.rows import parse_table
from fl.training.tables.schema import Schema, load_schema
from fl.training.tables.suggestions import load_suggestions
from scripts.demo.table import LIKE, demo_tables, draw_people, drawn_schema
from scripts.wiring.home import Home


def test_invented_people_fit_their_schema_and_both_outcomes_occur() -> None:
    schema = drawn_schema()
    table = parse_table(draw_people(schema, 160, 1).encode(), schema, "drawn")
    assert len(table) == 160
    assert 20 < table.labels.sum() < 140
    assert draw_people(schema, 5, 1) == draw_people(schema, 5, 1)


def test_the_schema_and_its_task_say_that_a_program_drew_the_people() -> None:
    schema = drawn_schema()
    assert task_of(schema).drawn
    assert Schema.from_dict(schema.to_dict()) == schema
    assert not task_of(load_schema(LIKE)).drawn
    assert "drawn" not in load_schema(LIKE).to_dict()


def test_the_demos_site_has_texts_for_its_table(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    texts, schema = load_suggestions(demo_tables(Home(tmp_path)).suggestions), drawn_schema()
    texts.check(schema.name, schema.names)
    assert texts.next_step(schema.name) is not None
    assert texts.for_columns(schema.name, ["Glucose"], 3)
