"""Ends a process when the one that started it ends.

Invariant: the thread that watches reads the file descriptor itself. A thread inside `sys.stdin.buffer` holds its lock,
and Python aborts if it must close that file at its end.

Source: Python documentation, `io`, "Multi-threading", and `signal` (a process that a shell starts in the background
inherits SIGINT as ignored).
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable

NICE = 5
"""So much less than others such a process takes of the processor."""
CHUNK = 4096
GRACE_S = 10.0
"""How long a process may take to end in order before it ends at once."""


def end_with_parent() -> None:
    """End this process when its standard input is a pipe and closes; a terminal or a file means nothing."""
    try:
        piped = stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode)
    except (OSError, ValueError):  # no real standard input
        return
    if not piped:
        return
    os.nice(NICE)
    when_parent_ends(lambda: os._exit(1))


def interrupt_with_parent() -> None:
    """Interrupt the main thread when standard input ends, or on SIGINT or SIGTERM, even if SIGINT was ignored before.

    Call it in the main thread. If that thread does not end within `GRACE_S`, the process ends at once.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    when_parent_ends(_interrupt)


def when_parent_ends(end: Callable[[], None]) -> None:
    """Call `end` in a thread of its own when standard input ends, because the parent process ended."""
    descriptor = sys.stdin.fileno()

    def watch() -> None:
        while os.read(descriptor, CHUNK):
            pass
        end()

    threading.Thread(target=watch, name="parent", daemon=True).start()


def _interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE_S)
    os._exit(1)
