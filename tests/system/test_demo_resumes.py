"""A demo that was killed anywhere goes on where it was; one that is done serves again; nothing is written over."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
OPTIONS = ("--hospitals", "2", "--rounds", "1", "--no-calibrate", "--no-serve", "--device", "cpu")


def demo(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.cli", "demo", *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


def killed(after: str, *options: str) -> None:
    """Start a demo, and kill it at once after it printed a line that begins with `after`."""
    command = [sys.executable, "-u", "-m", "scripts.cli", "demo", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert any(line.startswith(after) for line in running.stdout), "the demo ended before that"
        running.kill()


def test_a_demo_killed_three_times_goes_on_and_a_finished_one_keeps_its_history(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    resume = ("--resume", "--home", str(folder), "--no-serve", "--device", "cpu")
    killed("Preparing images", "--home", str(folder), *OPTIONS)
    refused = demo("--home", str(folder), *OPTIONS)
    assert refused.returncode == 78
    assert f"hemaledger demo --resume --home {folder}" in refused.stderr
    killed("Sharing the key", *resume)
    killed("Training together", *resume)
    first = _finished(folder, resume)
    assert (first["final_rounds"], first["audit"]["clean"]) == (1, True)
    assert first["rounds"][-1]["data"]["name"] == "drawn cells"
    again = _finished(folder, resume)
    kept = ("model", "consortium", "final_rounds")
    assert [again[fact] for fact in kept] == [first[fact] for fact in kept]


def _finished(folder: Path, options: tuple[str, ...]) -> dict[str, Any]:
    done = demo(*options)
    assert done.returncode == 0, done.stdout + done.stderr
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_bytes())
    return summary


def test_resuming_nothing_says_so(tmp_path: Path) -> None:
    done = demo("--resume", "--home", str(tmp_path), "--no-serve")
    assert done.returncode == 78
    assert "holds no demo" in done.stderr
