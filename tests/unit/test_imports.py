"""Tests share helpers through tests/support; no test needs another one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]


def imported(source: str) -> Iterator[str]:
    """Yield the modules that a source imports, of `from package import name` both the package and the name in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (f"{module}.{alias.name}" for alias in node.names)


def outside_support(source: str) -> list[str]:
    return [
        name for name in imported(source) if name.startswith((".", "tests")) and not name.startswith("tests.support.")
    ]


def test_tests_import_nothing_of_tests_but_support() -> None:
    found = {str(path.relative_to(TESTS)): outside_support(path.read_text("utf-8")) for path in TESTS.rglob("*.py")}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import tests.unit.test_imports",
        "from tests.system.test_story import home",
        "from tests import memory",
        "from tests.unit import crypto",
        "from . import test_imports",
        "from .test_imports import imported",
        "def late() -> None:\n    from tests.memory.test_example import ROOT",
    ],
)
def test_an_import_from_a_test_is_noticed(line: str) -> None:
    assert len(outside_support(line)) == 1


def test_helpers_are_no_tests() -> None:
    assert [path.name for path in (TESTS / "support").rglob("test_*.py")] == []
