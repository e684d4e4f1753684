"""A demo that was killed anywhere goes on where it was; one that is done serves again; nothing is written over."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPTIONS = ("--hospitals", "2", "--rounds", "1", "--no-serve", "--device", "cpu")


def demo(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.cli", "demo", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


def killed(folder: Path, after: str) -> None:
    """Start a demo, and kill it at once after it printed a line that begins with `after`."""
    command = [sys.executable, "-u", "-m", "scripts.cli", "demo", "--home", str(folder), *OPTIONS]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert any(line.startswith(after) for line in running.stdout), "the demo ended before that"
        running.kill()


@pytest.mark.parametrize("after", ["Preparing images", "Sharing the key", "Training together"])
def test_a_killed_demo_goes_on(tmp_path: Path, after: str) -> None:
    folder = tmp_path / "run"
    killed(folder, after)
    refused = demo("--home", str(folder), *OPTIONS)
    assert refused.returncode == 78
    assert f"hemaledger demo --resume --home {folder}" in refused.stderr
    done = demo("--resume", "--home", str(folder), "--no-serve", "--device", "cpu")
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((folder / "summary.json").read_bytes())
    assert (summary["final_rounds"], summary["audit"]["clean"]) == (1, True)
    assert summary["rounds"][-1]["data"]["name"] == "drawn cells"


def test_a_finished_demo_keeps_its_model_and_its_history(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert demo("--home", str(folder), *OPTIONS).returncode == 0
    before = json.loads((folder / "summary.json").read_bytes())
    done = demo("--resume", "--home", str(folder), "--no-serve")
    assert done.returncode == 0, done.stdout + done.stderr
    after = json.loads((folder / "summary.json").read_bytes())
    assert (after["model"], after["consortium"], after["final_rounds"]) == (
        before["model"],
        before["consortium"],
        before["final_rounds"],
    )


def test_resuming_nothing_says_so(tmp_path: Path) -> None:
    done = demo("--resume", "--home", str(tmp_path), "--no-serve")
    assert done.returncode == 78
    assert "holds no demo" in done.stderr
