"""Measures where time goes: seconds by part of the work.

Invariant: a `timed` function counts only for the stopwatch that runs in its own thread; without one it costs one
lookup. No result depends on a time. The caller gives the clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Stopwatch:
    """Seconds by part of the work, e.g. `with watch("seal"):`."""

    clock: Callable[[], float]
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        start = self.clock()
        try:
            yield
        finally:
            self.seconds[part] = self.seconds.get(part, 0.0) + self.clock() - start

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count every `timed` function that this thread calls inside."""
        before = _RUNNING.set(self)
        try:
            yield
        finally:
            _RUNNING.reset(before)

    def around(self, part: str, work: Callable[P, T]) -> Callable[P, T]:
        """Return `work` wrapped so that its time is added to `part`, in any thread."""

        @wraps(work)
        def measured(*args: P.args, **kwargs: P.kwargs) -> T:
            with self(part):
                return work(*args, **kwargs)

        return measured


_RUNNING: ContextVar[Stopwatch | None] = ContextVar("running", default=None)


def timed(part: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate a function so that its time counts as a part of the work."""

    def decorate(work: Callable[P, T]) -> Callable[P, T]:
        @wraps(work)
        def counted(*args: P.args, **kwargs: P.kwargs) -> T:
            watch = _RUNNING.get()
            if watch is None:
                return work(*args, **kwargs)
            with watch(part):
                return work(*args, **kwargs)

        return counted

    return decorate
