"""Ends a process when the one that started it ends."""

from __future__ import annotations

import os
import stat
import sys
import threading

NICE = 5
"""So much less than others such a process takes of the processor."""


def end_with_parent() -> None:
    """End this process when its standard input is a pipe and closes; a terminal or a file means nothing."""
    try:
        piped = stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode)
    except (OSError, ValueError):  # no real standard input
        return
    if not piped:
        return
    os.nice(NICE)

    def watch() -> None:
        while sys.stdin.buffer.read(1):
            pass
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
