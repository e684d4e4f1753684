"""The options that name a site's models of tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from fl.protocol.errors import EncodingError, HemaledgerError, SettingInvalid
from fl.protocol.names import Address
from fl.protocol.ports import Anchor
from scripts.server.tables import MOST_TABLES, TableOptions, start_tables
from scripts.wiring.home import Deployment, Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "run")
    made.folder.mkdir()
    anchor = Anchor(bytes(32), 1, Address(bytes(19) + b"\1"), Address(bytes(19) + b"\2"))
    made.save(Deployment("http://127.0.0.1:1", anchor, free_gas=True))
    return made


def test_tables_keep_their_keys_and_their_order(home: Home) -> None:
    words = [f"heart={home.folder}", f"diabetes-2={home.folder}"]
    assert list(TableOptions.parse(words, None, home).homes) == ["heart", "diabetes-2"]


@pytest.mark.parametrize("word", ["heart", "=x", "heart=", "Heart={home}", "he art={home}", "heart={home}/nowhere"])
def test_a_word_that_names_no_table_is_refused_before_the_site_starts(home: Home, word: str) -> None:
    with pytest.raises(SettingInvalid):
        TableOptions.parse([word.format(home=home.folder)], None, home)


def test_a_key_comes_once_and_there_are_not_too_many(home: Home) -> None:
    with pytest.raises(SettingInvalid, match="once"):
        TableOptions.parse([f"heart={home.folder}"] * 2, None, home)
    with pytest.raises(SettingInvalid, match="once"):
        TableOptions.parse([f"table-{place}={home.folder}" for place in range(MOST_TABLES + 1)], None, home)


def test_suggestions_that_name_no_source_stop_the_start(home: Home, tmp_path: Path) -> None:
    texts = tmp_path / "texts.json"
    texts.write_text('{"reviewer": "Dr X"}')
    with pytest.raises(EncodingError):
        TableOptions.parse([], texts, home)
    with pytest.raises(HemaledgerError):
        TableOptions.parse([], tmp_path / "none.json", home)


def test_a_site_without_tables_starts_no_process(home: Home) -> None:
    assert start_tables(TableOptions.parse([], None, home)) is None
