"""Every language that the site speaks is complete: each text is translated, with the same placeholders."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from fl.protocol.errors import SlotTaken, StorageFull
from webui.errors import NotFound
from webui.http.languages import LANGUAGES
from webui.store.calendar_errors import UndoTooLate

PROJECT = Path(__file__).parents[3]
ROOT = PROJECT / "webui"
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]|%%|\{(\w*)\}")
KEYWORDS = {"_": None, "gettext": None, "lazy_gettext": None, "_l": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
OTHERS = LANGUAGES[1:]


@cache
def texts_of_the_site() -> frozenset[str | tuple[str, ...]]:
    """Return every text that `make translations` finds: it and this test read the same rules."""
    rules = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["babel"]["mappings"]
    texts: set[str | tuple[str, ...]] = set()
    for folder in ("webui", "fl"):
        mine = [each for each in rules if each["pattern"].startswith(f"{folder}/")]
        within = {each["pattern"].removeprefix(f"{folder}/"): each for each in mine}
        methods = [(pattern, each["method"]) for pattern, each in within.items()]
        options = {pattern: {"trimmed": each.get("trimmed", "false")} for pattern, each in within.items()}
        found = extract_from_dir(str(PROJECT / folder), methods, options, KEYWORDS)
        texts |= {message for _, _, message, _, _ in found}
    return frozenset(texts)


def catalogue(language: str) -> Catalog:
    with (ROOT / "translations" / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language)


def test_pages_give_their_texts_to_gettext() -> None:
    assert {"My checks", "That is not possible", "leukemic blast", "heart disease"} <= texts_of_the_site()


@pytest.mark.parametrize(
    "text",
    [
        NotFound.sentence,
        SlotTaken.sentence,
        UndoTooLate.sentence,
        "another answer needs a reason",
        "it has more than {rows} rows; divide it",
        "it shows several cells; cut out one of them",
    ],
)
def test_sentences_of_errors_can_be_translated(text: str) -> None:
    assert text in texts_of_the_site()


def test_sentences_that_only_programs_raise_are_not_asked_of_a_translator() -> None:
    assert StorageFull.sentence not in texts_of_the_site()


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated_with_its_placeholders(language: str) -> None:
    there = catalogue(language)
    for text in texts_of_the_site():
        message = there.get(text if isinstance(text, str) else text[0])
        assert message is not None, f"run `make translations`: {text}"
        originals = [text] if isinstance(text, str) else list(text)
        translated = [message.string] if isinstance(message.string, str) else list(message.string or ())
        assert all(translated), f"not translated: {text}"
        wanted = {name for original in originals for name in PLACEHOLDER.findall(original)}
        assert {name for each in translated for name in PLACEHOLDER.findall(each)} == wanted, text


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_left_of_a_text_that_is_gone(language: str) -> None:
    texts = {text if isinstance(text, str) else text[0] for text in texts_of_the_site()}
    left = [message.id for message in catalogue(language) if message.id]
    assert {each if isinstance(each, str) else each[0] for each in left} <= texts, "run `make translations`"


@pytest.mark.parametrize("language", OTHERS)
def test_the_compiled_texts_are_those_of_the_source(language: str) -> None:
    made = BytesIO()
    write_mo(made, catalogue(language))
    compiled = ROOT / "translations" / language / "LC_MESSAGES" / "messages.mo"
    assert compiled.read_bytes() == made.getvalue(), "run `make translations`"
