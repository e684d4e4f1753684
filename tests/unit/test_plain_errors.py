"""No error tells a person the name of a class or the words of a library."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from click import command
from click.testing import CliRunner

from fl.audit.plain_words import finding_title, without_names
from fl.protocol import errors
from fl.protocol.errors import HemaledgerError
from scripts.wiring.exit import guarded
from webui import errors as refusals
from webui.http.error_pages import FAMILIES, page_of

ROOT = Path(__file__).resolve().parents[2]
SAMPLES: dict[str, Any] = {
    "bool": True,
    "int": 7,
    "float": 1.5,
    "bytes": b"\x07" * 32,
    "str": "something",
    "tuple[ImageUnreadable, ...]": (),
    "HemaledgerError": errors.AuthFailure("body"),
}
LEAVES = [
    leaf
    for module in (errors, refusals)
    for _, leaf in inspect.getmembers(module, inspect.isclass)
    if issubclass(leaf, tuple(FAMILIES)) and leaf not in FAMILIES
]
NAMES = re.compile(r"\b(?:" + "|".join(leaf.__name__ for leaf in LEAVES) + r")\b")
PYTHONS = re.compile(r"\b[A-Z][A-Za-z]+(?:Error|Exception)\b")
OWN_CODE = {"fl/training/model/own_source.py", "fl/training/model/own_network.py"}
"""They report what the consortium's own code raises, to the people who wrote it."""


def sample(leaf: type[HemaledgerError]) -> HemaledgerError:
    return leaf(*[SAMPLES[str(field.type)] for field in fields(leaf)])  # type: ignore[arg-type]


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_no_error_page_has_the_name_of_a_class(leaf: type[HemaledgerError]) -> None:
    page = page_of(sample(leaf))
    text = f"{page.title} {page.sentence} {page.advice} {page.detail}"
    assert NAMES.findall(text) == PYTHONS.findall(text) == []


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_no_command_prints_the_name_of_a_class(leaf: type[HemaledgerError]) -> None:
    error = sample(leaf)

    @command()
    @guarded
    def failing() -> None:
        raise error

    result = CliRunner().invoke(failing)
    assert result.exit_code == leaf.exit_code
    assert NAMES.findall(result.output) == PYTHONS.findall(result.output) == []
    assert without_names(str(error)) in result.output


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_every_finding_has_a_title_in_words(leaf: type[HemaledgerError]) -> None:
    title = finding_title(leaf.__name__)
    assert " " in title or title == leaf.__name__.capitalize()
    assert NAMES.findall(title) in ([], [title])


def test_reasons_of_older_rounds_lose_the_name_before_the_colon() -> None:
    assert without_names("RoundStalled: too few attestations in time") == "Too few attestations in time"
    assert without_names("Round 3: a key; InvalidPoint: it is bad") == "Round 3: a key; it is bad"
    assert without_names("Nothing: to do") == "Nothing: to do"


def sources() -> Iterator[tuple[str, ast.Module]]:
    for folder in ("fl", "chain", "webui", "scripts"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(("scripts/bench", "scripts/fuzz")) and name not in OWN_CODE:
                yield name, ast.parse(path.read_text(encoding="utf-8"))


def caught(handler: ast.ExceptHandler) -> set[str]:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {kind.attr if isinstance(kind, ast.Attribute) else getattr(kind, "id", "?") for kind in kinds}


def quotes(call: ast.Call, name: str) -> bool:
    """Return whether an argument holds the text of the exception `name` as a whole."""
    parts: list[ast.AST] = [each for argument in call.args for each in ast.walk(argument)]
    formatted = (each.value for each in parts if isinstance(each, ast.FormattedValue))
    texts = (
        each.args[0] for each in parts if isinstance(each, ast.Call) and each.args and callee(each) in {"str", "repr"}
    )
    return any(isinstance(each, ast.Name) and each.id == name for each in (*formatted, *texts))


def callee(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def quoting(tree: ast.Module, own: set[str]) -> Iterator[int]:
    """Yield the lines that raise one of our errors with a foreign exception's own words."""
    leaves = {leaf.__name__ for leaf in LEAVES}
    for handler in (node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name):
        if caught(handler) <= own:
            continue
        for call in (node for node in ast.walk(handler) if isinstance(node, ast.Call)):
            if callee(call) in leaves and quotes(call, str(handler.name)):
                yield call.lineno


def test_no_error_repeats_the_words_of_a_library() -> None:
    trees = dict(sources())
    own = {node.name for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    found = {name: list(quoting(tree, own)) for name, tree in trees.items()}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_the_search_for_a_librarys_words_finds_them() -> None:
    text = "try:\n    pass\nexcept OSError as error:\n    raise StorageFull('x', f'no ({error})')"
    assert list(quoting(ast.parse(text), set())) == [4]
    assert list(quoting(ast.parse(text), {"OSError"})) == []
