"""One door in its own process: `python -m scripts.fuzz._child DOOR FOLDER SECONDS MEMORY_MB SEED`.

Atheris (libFuzzer) makes the inputs, keeps those that reach new code, and stops at the first finding, which it writes
to FOLDER. The last line on standard output is the result, as JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import atheris

from scripts.fuzz._compare import mend
from scripts.fuzz._door import Door, Finding
from scripts.fuzz._memory import peak_mb

INSTRUMENTED = ("chain", "fl", "webui")
TOKENS = Path(__file__).with_name("tokens.dict")
MAX_INPUT_BYTES = 64 * 1024
LONGEST_INPUT_S = 20
GRACE_S = 30
_LOOK_EVERY = 64


def main(name: str, folder: Path, seconds: int, memory_mb: int, seed: int) -> None:
    """Fuzz one door, and end the process."""
    with atheris.instrument_imports(include=list(INSTRUMENTED)):
        module = importlib.import_module(f"scripts.fuzz.doors.{name}")
    door: Door = module.open_door(folder)
    corpus, findings = folder / "corpus", folder / "findings"
    for place in (corpus, findings):
        place.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(door.seeds):
        (corpus / f"seed-{number}").write_bytes(data)
    watch = _Watch(door, seconds, memory_mb)
    options = [
        f"-max_total_time={seconds + GRACE_S}",
        f"-max_len={MAX_INPUT_BYTES}",
        f"-timeout={LONGEST_INPUT_S}",
        f"-artifact_prefix={findings}/",
        f"-seed={seed}",
        f"-dict={TOKENS}",
        "-rss_limit_mb=0",  # _Watch also counts other processes
        "-verbosity=0",
        "-print_final_stats=0",
    ]
    atheris.Setup(["fuzz", *options, str(corpus)], watch.knock)
    atheris.Fuzz()


class _Watch:
    """Counts inputs, checks memory, and ends the run in time."""

    def __init__(self, door: Door, seconds: int, memory_mb: int) -> None:
        self._door, self._memory_mb = door, memory_mb
        self._ends = time.monotonic() + seconds
        self._inputs = 0

    def knock(self, data: bytes) -> None:
        self._inputs += 1
        if self._inputs == 1:
            mend()
        try:
            self._door.knock(data)
        except BaseException as error:  # every error is a finding; libFuzzer keeps the input
            self._report(error)
            raise
        if self._inputs % _LOOK_EVERY == 0 and self._peak() > self._memory_mb:
            grown = Finding(f"a process used {self._peak():.0f} MiB")
            self._report(grown)
            raise grown
        if time.monotonic() > self._ends:
            self._report(None)
            os._exit(0)

    def _peak(self) -> float:
        return max(peak_mb(pid) for pid in (os.getpid(), *self._door.watched()))

    def _report(self, error: BaseException | None) -> None:
        result: dict[str, Any] = {"inputs": self._inputs, "peak_mb": round(self._peak())}
        result["finding"] = f"{type(error).__name__}: {error}"[:300] if error else None
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *(int(word) for word in sys.argv[3:6]))
