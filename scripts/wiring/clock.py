"""The clocks of the machine."""

from __future__ import annotations

import time


def now() -> int:
    return int(time.time())


def steady() -> float:
    """Return seconds of a clock that nobody can set. Where the system allows it, it counts during sleep, too."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
