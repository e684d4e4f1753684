"""A place for packages that a test writes, and a consent that ends with the test."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fl.training.model.consent import Consent, Source, give, given
from fl.training.model.own_source import _Finder, read_source


@contextmanager
def consenting(consent: Consent) -> Iterator[None]:
    """Let this process use that for a while."""
    before = given()
    give(consent)
    try:
        yield
    finally:
        give(before)


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """Let Python find the packages in `folder` for a while, and forget what was loaded from digested source."""
    with pytest.MonkeyPatch.context() as patches:
        patches.syspath_prepend(str(folder))
        try:
            yield
        finally:
            ours = [each for each in sys.meta_path if isinstance(each, _Finder)]
            tops = {each.top for each in ours}
            sys.meta_path[:] = [each for each in sys.meta_path if each not in ours]
            for name in [name for name in sys.modules if name.partition(".")[0] in tops]:
                del sys.modules[name]


def write_package(folder: Path, **files: str) -> Path:
    """Write modules of a package, such as `model="..."`, and an empty `__init__.py`; return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").touch()
    for name, text in files.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text), encoding="utf-8")
    return folder


def source_of(entry: str) -> Source:
    return Source(entry, read_source(entry).sha256)
