"""Doors before dear work: so many at once, as many waiting for a moment, and a sentence for everybody else.

Invariant: what stands behind a door never takes more threads, memory and time than its places allow; together the doors
leave threads for everything else (config.Places).

Source: RFC 9110, 15.6.4 (503 and Retry-After).
Not here: which work is dear (pages/, store/passwords.py); how many attempts one person has (store/throttle.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Self

from webui.config import Places
from webui.errors import SiteBusy


class Admission:
    """One kind of dear work."""

    def __init__(self, what: str, places: int, wait_s: float) -> None:
        """Let `places` in at once; `what` completes the sentence `Too many people ... at this moment`."""
        self._what = what
        self._wait_s = wait_s
        self._inside = BoundedSemaphore(places)
        self._here = BoundedSemaphore(2 * places)
        """Inside, or waiting."""

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Hold a place while the block runs.

        Raises:
            SiteBusy: none was free in time, or as many wait as may.
        """
        if not self._here.acquire(blocking=False):
            raise SiteBusy(self._what)
        try:
            if not self._inside.acquire(timeout=self._wait_s):
                raise SiteBusy(self._what)
            try:
                yield
            finally:
                self._inside.release()
        finally:
            self._here.release()


@dataclass(frozen=True)
class Doors:
    """The doors of one site."""

    checks: Admission
    audits: Admission
    passwords: Admission

    @classmethod
    def of(cls, places: Places) -> Self:
        return cls(
            Admission("have a picture checked", places.checks, places.wait_s),
            Admission("have a file or a round checked", places.audits, places.wait_s),
            Admission("sign in or create an account", places.passwords, places.wait_s),
        )
