from __future__ import annotations

import hashlib
import py_compile
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fl.protocol.errors import NetworkChanged, NetworkMissing, NetworkUnusable, SettingInvalid
from fl.training.model.consent import Source, check_entry
from fl.training.model.own_source import load_function, read_source
from tests.support.consent import installed, source_of, write_package

ENTRY = "someones_net.model:build"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with installed(tmp_path):
        yield tmp_path


def built(source: Source) -> object:
    function = load_function(source)
    assert callable(function)
    return function()


def test_the_digest_is_that_of_all_files_by_path(folder: Path) -> None:
    package = write_package(folder / "someones_net", model="def build(): return 1\n")
    (package / "notes.txt").write_bytes(b"n")
    state = hashlib.sha256(b"BAFL/1/source")
    for path, data in (
        (b"someones_net/__init__.py", b""),
        (b"someones_net/model.py", b"def build(): return 1\n"),
        (b"someones_net/notes.txt", b"n"),
    ):
        state.update(len(path).to_bytes(4, "big") + path + len(data).to_bytes(8, "big") + data)
    assert read_source(ENTRY).sha256 == state.hexdigest()


def test_every_file_of_the_package_counts_and_bytecode_does_not(folder: Path) -> None:
    package = write_package(folder / "someones_net", model="def build(): return 1\n", other="x = 1\n")
    before = read_source(ENTRY).sha256
    py_compile.compile(str(package / "model.py"))
    assert (package / "__pycache__").is_dir()
    assert read_source(ENTRY).sha256 == before
    (package / "other.py").write_text("x = 2\n", encoding="utf-8")
    assert read_source(ENTRY).sha256 != before


def test_a_single_file_is_a_module_too(folder: Path) -> None:
    (folder / "one_file_net.py").write_text("def build(): return 3\n", encoding="utf-8")
    source = source_of("one_file_net:build")
    assert built(source) == 3
    assert list(read_source("one_file_net:build").files) == ["one_file_net.py"]


def test_reading_the_digest_runs_nothing(folder: Path) -> None:
    write_package(folder / "someones_net", __init__="raise SystemExit('it ran')\n", model="raise SystemExit\n")
    read_source(ENTRY)
    assert "someones_net" not in sys.modules


def test_changed_source_is_not_imported(folder: Path) -> None:
    package = write_package(folder / "someones_net", model="def build(): return 1\n")
    source = source_of(ENTRY)
    (package / "model.py").write_text("raise SystemExit('it ran')\n", encoding="utf-8")
    with pytest.raises(NetworkChanged, match="It was not imported") as caught:
        load_function(source)
    assert "someones_net" not in sys.modules
    assert caught.value.expected == source.sha256


def test_a_planted_bytecode_file_is_not_run(folder: Path) -> None:
    package = write_package(folder / "someones_net", model="def build(): return 2\n")
    evil = folder / "evil.py"
    evil.write_text("def build(): return 666\n", encoding="utf-8")
    planted = package / "__pycache__" / f"model.{sys.implementation.cache_tag}.pyc"
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(evil), cfile=str(planted), invalidation_mode=unchecked)
    assert built(source_of(ENTRY)) == 2


def test_an_import_inside_the_package_is_of_the_digested_bytes_even_later(folder: Path) -> None:
    package = write_package(
        folder / "someones_net",
        model="def build():\n    from . import part\n    return part.VALUE\n",
        part="VALUE = 1\n",
    )
    function = load_function(source_of(ENTRY))
    (package / "part.py").write_text("VALUE = 2\n", encoding="utf-8")
    assert callable(function)
    assert function() == 1


def test_a_file_that_was_not_digested_cannot_be_imported(folder: Path) -> None:
    package = write_package(folder / "someones_net", model="def build():\n    from . import late\n    return late\n")
    function = load_function(source_of(ENTRY))
    (package / "late.py").touch()
    assert callable(function)
    with pytest.raises(ImportError, match="late"):
        function()


def test_a_new_version_replaces_the_one_that_was_loaded(folder: Path) -> None:
    package = write_package(folder / "someones_net", model="def build(): return 1\n")
    assert built(source_of(ENTRY)) == 1
    (package / "model.py").write_text("def build(): return 22\n", encoding="utf-8")
    assert built(source_of(ENTRY)) == 22


def test_what_is_not_installed_is_named(folder: Path) -> None:
    with pytest.raises(NetworkMissing, match=r"no_such_net_here.*Install the package"):
        read_source("no_such_net_here.model:build")
    (folder / "bare_folder").mkdir()
    with pytest.raises(NetworkUnusable, match=r"bare_folder has no __init__\.py"):
        read_source("bare_folder.model:build")


def test_a_package_that_this_process_already_uses_is_refused() -> None:
    source = source_of("pytest:fixture")
    with pytest.raises(NetworkUnusable, match="rename yours"):
        load_function(source)


@pytest.mark.parametrize("name", ["sys:exit", "builtins:eval"])
def test_a_module_without_source_is_refused(name: str) -> None:
    with pytest.raises(NetworkUnusable, match="no source file"):
        read_source(name)


def test_source_that_fails_or_has_no_such_function_is_said_in_one_sentence(folder: Path) -> None:
    write_package(folder / "someones_net", model="raise ValueError('broken')\n")
    with pytest.raises(NetworkUnusable, match="ValueError: broken"):
        load_function(source_of(ENTRY))
    write_package(folder / "someones_net", model="x = 1\n")
    with pytest.raises(NetworkUnusable, match="build"):
        load_function(source_of(ENTRY))


@pytest.mark.parametrize("entry", ["", "net", "net:", ":build", "net.:build", "../net:build", "net:build.x", "a" * 300])
def test_an_entry_point_is_a_module_and_a_function(entry: str) -> None:
    with pytest.raises(SettingInvalid):
        check_entry(entry)


@pytest.mark.parametrize("text", ["net:build", "net:build@", f"net:build@{'G' * 64}", f"net:build@{'a' * 63}"])
def test_a_source_has_a_whole_digest(text: str) -> None:
    with pytest.raises(SettingInvalid, match="hemaledger network digest net:build"):
        Source.parse(text)
    whole = f"net:build@{'a' * 64}"
    assert str(Source.parse(whole)) == whole
