"""How this process' memory goes back to the system.

Invariant: what a large picture took is given back once the picture is done, whichever thread decoded it.

Source: mallopt(3) of glibc: by itself it keeps every freed block below 32 MB for the thread that had it, so that a site
that had seen five large pictures held 650 MB, and 410 MB with these settings.
Not here: how many pictures are in work at once (webui/usecases/admission.py, fl/training/pictures/decode.py).
"""

from __future__ import annotations

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
LARGE_BYTES = 256 * 1024
"""Blocks from this size on are given back as soon as they are freed."""
ARENAS = 2


def give_memory_back() -> None:
    """Let the allocator keep little; nothing happens where it is not glibc's."""
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    for setting, value in ((M_MMAP_THRESHOLD, LARGE_BYTES), (M_TRIM_THRESHOLD, LARGE_BYTES), (M_ARENA_MAX, ARENAS)):
        libc.mallopt(setting, value)
