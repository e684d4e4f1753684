"""Work that may hang, done for somebody who cannot wait: a thread of its own does it.

Invariant: one piece of work at a time, in the order in which it was handed in; who gave up waiting holds up nobody.

Source: M. Nygard, Release It!, "Timeouts".
Not here: what to do while nothing is answered (circuit_breaker.py).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """A thread that works for others; a piece of work that never ends cannot keep the process alive."""

    def __init__(self, name: str) -> None:
        self._due: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._name = name
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def begin(self, work: Callable[[], T]) -> Future[T]:
        """Hand in `work` and return its future; as long as it has not begun, it can be cancelled."""
        future: Future[T] = Future()
        self._due.put((future, work))
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        return future

    def _run(self) -> None:
        while True:
            future, work = self._due.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 it is whoever asked that has to know
                future.set_exception(error)
            del future, work
