"""Texts that scripts show come from the page, in the page's language."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader, nodes

WEBUI = Path(__file__).parents[3] / "webui"
WORDS = WEBUI / "templates" / "_script_words.html"
CLIENT = [file for file in sorted((WEBUI / "client").glob("*.js")) if file.name not in ("menu.js", "digest.js")]
"""The sources of approve.js; menu.js is Bootstrap's, and digest.js gets its words as attributes."""
PAGES = [
    file
    for file in sorted((WEBUI / "static").rglob("*.js"))
    if file.name not in ("approve.js", "menu.js", "digest.js", "verify.js") and "vendor" not in file.parts
]
VERIFIER = sorted((WEBUI / "client" / "verify").glob("*.js"))
"""The sources of verify.js, beside what it shares with approve.js."""
VERIFY_WORDS = WEBUI / "templates" / "verify" / "_words.html"
SAID = re.compile(r'(?:say|add|malformed)\("([^"]+)"|(?:what: |WHAT = )"([^"]+)"')
TABLE = re.compile(r"(?:ROLES|LABELS) = \{(.*?)\}", re.DOTALL)
"""Texts of the verifier that may be one word."""
SHARED = {
    "it ends too early",
    "{count} bytes follow its end",
    "it is not lower-case hex",
}
"""Why encoding.js and rlp.js refuse bytes."""
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
STRING = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
NAMED = re.compile(r'(?:what|why): "([^" ]+)"|Reader\(bytes, "([^" ]+)"|^ +\["([^" ]+)", box\.', re.MULTILINE)
"""One word that stands in a sentence."""
NOT_SHOWN = {"second generator"}
"""A tag that is hashed."""


def texts_of_the_client() -> set[str]:
    """Return each text of approve.js that a page may show; field names of key files and requests stay as they are."""
    found: set[str] = {"Error:"}
    for file in CLIENT:
        code = COMMENT.sub("", file.read_text("utf-8"))
        found |= {text for text in STRING.findall(code) if " " in text and re.search(r"[a-z]{2}", text)}
        found |= {word for words in NAMED.findall(code) for word in words if word}
    return found - NOT_SHOWN


def texts_of_the_verifier() -> set[str]:
    """Return each text of verify.js that a page may show; names of events and CSS classes stay as they are."""
    found = set(SHARED)
    for file in VERIFIER:
        if file.name == "records.js":
            continue
        code = COMMENT.sub("", file.read_text("utf-8"))
        found |= {text for text in STRING.findall(code) if re.search(r"\S \S", text) and "-" not in text.split(" ")[1]}
        found |= {word for words in SAID.findall(code) for word in words if word}
        found |= {word for words in TABLE.findall(code) for word in STRING.findall(words)}
    return found


def words_of_the_page(file: Path) -> dict[str, str]:
    """Return each key of the page's words with the text that gettext gets for it."""
    tree = Environment(autoescape=True).parse(file.read_text("utf-8"))
    pairs = [(pair.key, pair.value) for pair in tree.find_all(nodes.Pair)]
    return {
        key.value: value.args[0].value
        for key, value in pairs
        if isinstance(key, nodes.Const) and isinstance(value, nodes.Call) and isinstance(value.args[0], nodes.Const)
    }


def test_the_page_has_each_text_of_the_approval_script_and_no_other() -> None:
    assert set(words_of_the_page(WORDS)) == texts_of_the_client()


def test_the_page_has_each_text_of_the_verifier_and_no_other() -> None:
    assert set(words_of_the_page(VERIFY_WORDS)) == texts_of_the_verifier()


@pytest.mark.parametrize("file", [WORDS, VERIFY_WORDS], ids=["approval", "verifier"])
def test_each_text_of_the_page_is_translated_as_itself(file: Path) -> None:
    assert all(key == text for key, text in words_of_the_page(file).items())


@pytest.mark.parametrize("script", PAGES, ids=lambda file: str(file.name))
def test_the_other_scripts_have_no_texts_of_their_own(script: Path) -> None:
    code = COMMENT.sub("", script.read_text("utf-8"))
    texts = [text for text in STRING.findall(code) if re.search(r"[a-z]{2} [a-z]", text) and "-" not in text]
    assert set(texts) <= {"use strict"}  # a list of CSS classes has hyphens


def test_a_page_in_another_language_carries_the_words_and_an_english_page_needs_none() -> None:
    environment = Environment(loader=FileSystemLoader(WORDS.parent), extensions=["jinja2.ext.i18n"], autoescape=True)
    environment.install_gettext_callables(  # type: ignore[attr-defined] # the extension adds it
        str.upper, lambda one, many, _num: one + many, newstyle=True
    )
    languages = iter(("de", "en"))
    environment.globals["language"] = lambda: next(languages)
    script_words = environment.get_template(WORDS.name).module.script_words  # type: ignore[attr-defined] # the macro
    block = re.sub(r"</?script[^>]*>", "", str(script_words()))
    assert json.loads(block) == {text: text.upper() for text in words_of_the_page(WORDS)}
    assert str(script_words()).strip() == ""
