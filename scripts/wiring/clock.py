"""What time it is."""

from __future__ import annotations

import time


def now() -> int:
    """Return seconds since 1970."""
    return int(time.time())


def steady() -> float:
    """Return seconds that nobody sets; they go on while the machine sleeps, where the system can tell."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
