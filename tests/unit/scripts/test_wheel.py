"""What the wheel ships."""

from __future__ import annotations

import tomllib
from pathlib import Path

from setuptools import find_namespace_packages

ROOT = Path(__file__).resolve().parents[3]


def shipped() -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    find = settings["tool"]["setuptools"]["packages"]["find"]
    return [str(name) for name in find_namespace_packages(str(ROOT), include=find["include"], exclude=find["exclude"])]


def test_the_wheel_ships_the_product_and_neither_benchmarks_nor_fuzzers_nor_tests() -> None:
    packages = shipped()
    assert {
        "chain.contracts.abi",
        "fl.protocol.errors",
        "scripts",
        "webui.migrations.versions",
        "webui.templates",
    } <= set(packages)
    unwanted = ("scripts.bench", "scripts.fuzz", "tests", "node_modules", "build")
    assert [name for name in packages if name.startswith(unwanted)] == []


def test_nothing_that_is_shipped_imports_what_is_not() -> None:
    for name in shipped():
        for file in ROOT.joinpath(*name.split(".")).glob("*.py"):
            text = file.read_text(encoding="utf-8")
            assert "scripts.bench" not in text, file
            assert "scripts.fuzz" not in text, file
