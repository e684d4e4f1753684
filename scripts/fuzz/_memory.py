"""The peak memory of a process, from Linux' /proc."""

from __future__ import annotations

from pathlib import Path

MEBIBYTE = 2**20
_LINE = "VmHWM:"


def peak_mb(pid: int) -> float:
    """Return the peak memory of a process in MiB; 0 if the process ended or the system is not Linux."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    kib = next((line.split()[1] for line in lines if line.startswith(_LINE)), "0")
    return int(kib) * 1024 / MEBIBYTE


def children_of(pid: int) -> list[int]:
    """Return all descendants of a process."""
    try:
        names = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [child for name in names for child in (int(name), *children_of(int(name)))]
