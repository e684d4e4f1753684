"""A write that the system refuses is one sentence that says what to do: free space, or let this user write."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from fl.protocol.errors import StorageForbidden, StorageFull, refused_write
from scripts.cli import main


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_full_disk_asks_for_space(code: int) -> None:
    error = refused_write("/vault/x", OSError(code, os.strerror(code)))
    assert type(error) is StorageFull
    assert "Free some space" in str(error)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOENT, errno.ENOTDIR])
def test_a_place_where_nobody_may_write_asks_for_another(code: int) -> None:
    error = refused_write("/vault/x", OSError(code, os.strerror(code)))
    assert type(error) is StorageForbidden
    assert "space" not in str(error)


@pytest.mark.parametrize(
    "words",
    [
        ("trustee", "init", "--name", "ines", "--home", "/proc/nowhere"),
        ("consortium", "create", "--home", "/proc/nowhere", "--rpc", "http://127.0.0.1:9"),
        ("chain", "run", "--home", "/proc/nowhere", "--port", "0"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_a_home_that_cannot_be_made_is_one_sentence(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, list(words), env={"HEMALEDGER_PASSWORD": "a long password of 3 words"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code not in {0, 1}
    assert "Traceback" not in result.output


def test_an_invitation_replaces_no_other_file(tmp_path: Path) -> None:
    file = tmp_path / "consortium.json"
    file.write_text("{}")
    words = ["consortium", "invite", "--home", str(tmp_path), "--role", "hospital", "--out", str(file), "alpha"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 78
    assert file.read_text() == "{}"
