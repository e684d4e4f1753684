"""Runs calls that may hang in a second thread, so that the caller can stop waiting.

Invariant: one call at a time, in the order of submission; a caller that stops waiting does not block others.

Source: M. Nygard, Release It!, "Timeouts".
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Worker:
    """A daemon thread, so that a call that never ends does not keep the process alive."""

    def __init__(self, name: str) -> None:
        self._queue: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = queue.SimpleQueue()
        self._name = name
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def begin(self, work: Callable[[], T]) -> Future[T]:
        """Submit `work` and return its future, which can be cancelled until the work starts."""
        future: Future[T] = Future()
        self._queue.put((future, work))
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        return future

    def _run(self) -> None:
        while True:
            future, work = self._queue.get()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - the caller must see every error
                future.set_exception(error)
            del future, work
