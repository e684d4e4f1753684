"""Peak memory of a coordinator that sums masked files one by one; run as its own process.

    python -m scripts.bench.schemes.memory HOSPITALS PARAMETERS FOLDER

prints two numbers of bytes: resident before the first file, and at the highest point.

Source: fl/replay/unmasking.py (the same calls in the same order); /proc/self/status (VmHWM), else getrusage.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from fl.crypto import masking
from fl.crypto.envelope_form import Kind
from fl.crypto.hpke_keys import PrivateKey
from fl.training.aggregation.quantise import LANES
from fl.training.aggregation.sum import Sum
from scripts.bench.schemes.base import CONFIG, Case
from scripts.bench.schemes.ours import READER, open_body, seal_body

_STATUS = Path("/proc/self/status")
_PASSWORD = "bench"  # noqa: S105  # of a key that lives for a second


def peak_bytes(hospitals: int, parameters: int) -> tuple[int, int]:
    """Return (before, highest) resident bytes of a fresh process.

    All files are the same, because their contents do not matter for memory.
    """
    with tempfile.TemporaryDirectory() as folder:
        words = np.zeros(parameters + LANES, np.uint32)
        (Path(folder) / "masked").write_bytes(seal_body(Kind.MASKED, masking.to_bytes(words), 3))
        (Path(folder) / "key").write_bytes(READER.to_pem(_PASSWORD))
        command = [sys.executable, "-m", __name__, str(hospitals), str(parameters), folder]
        sizes = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return int(sizes[0]), int(sizes[1])


def _resident() -> int:
    """Return the highest resident bytes so far; getrusage alone would count the parent's before exec."""
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def stream(hospitals: int, parameters: int, folder: Path) -> tuple[int, int]:
    """Sum the files, unmask the sum, make the model; return the resident bytes before and the highest."""
    key = PrivateKey.from_pem(1, (folder / "key").read_bytes(), _PASSWORD, "key")
    before = _resident()
    total = np.zeros(parameters + LANES, np.uint32)
    for _ in range(hospitals):
        body = open_body(Kind.MASKED, (folder / "masked").read_bytes(), key)
        masking.accumulate(total, masking.from_bytes(body, total.size))
    case = Case(parameters, hospitals)
    masks = hospitals - case.dropped + case.dropped * (hospitals - case.dropped)
    masking.apply(total, masking.Masks((), tuple(index.to_bytes(32, "big") for index in range(masks))))
    summed = masking.to_signed(total).view(np.int32)
    summed[:-LANES] = 0  # wrong masks left noise, which no honest sum is
    summed[-LANES:] = (100 * hospitals, 0, 100 * hospitals, 0)
    Sum.of(summed, hospitals).apply(np.zeros(parameters, np.float32), CONFIG)
    return before, _resident()


if __name__ == "__main__":
    print(*stream(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))
