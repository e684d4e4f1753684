"""How much memory a process held at most, from Linux' /proc."""

from __future__ import annotations

from pathlib import Path

MEBIBYTE = 2**20
_LINE = "VmHWM:"


def peak_mb(pid: int) -> float:
    """Return the most memory that a process held at a time, in MiB; 0 when it is gone or this is no Linux."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    kib = next((line.split()[1] for line in lines if line.startswith(_LINE)), "0")
    return int(kib) * 1024 / MEBIBYTE


def children_of(pid: int) -> list[int]:
    """Return the processes that a process started, and those that they started."""
    try:
        names = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [found for name in names for found in (int(name), *children_of(int(name)))]
