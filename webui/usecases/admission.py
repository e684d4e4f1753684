"""Limits on how many requests do expensive work at once; a few wait, the others are refused.

Invariant: the work never takes more threads and memory than its places allow, and all such work together leaves
threads for other requests (config.Places).

Source: RFC 9110, 15.6.4 (503 and Retry-After).
Not here: how many attempts one person has (store/throttle.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from threading import BoundedSemaphore
from typing import Self

from webui.config import Places
from webui.errors import SiteBusy


class Admission:
    """The places for one kind of expensive work."""

    def __init__(self, what: str, places: int, wait_s: float, waiting: int | None = None) -> None:
        """Allow `places` at once while `waiting` more wait, by default as many.

        `what` completes the sentence `Too many people ... at this moment`.
        """
        self._what = what
        self._wait_s = wait_s
        self._inside = BoundedSemaphore(places)
        self._inside_or_waiting = BoundedSemaphore(places + (places if waiting is None else waiting))
        self.busy = 0
        """How many are inside or wait; only a figure, for nothing depends on it."""

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Hold a place while the block runs.

        Raises:
            SiteBusy: no place was free in time, or too many already wait.
        """
        if not self._inside_or_waiting.acquire(blocking=False):
            raise SiteBusy(self._what)
        self.busy += 1
        try:
            if not self._inside.acquire(timeout=self._wait_s):
                raise SiteBusy(self._what)
            try:
                yield
            finally:
                self._inside.release()
        finally:
            self.busy -= 1
            self._inside_or_waiting.release()


@dataclass(frozen=True)
class Doors:
    """The limits of one site."""

    checks: Admission
    audits: Admission
    passwords: Admission
    exports: Admission
    risks: Admission
    lists: Admission

    @classmethod
    def of(cls, places: Places) -> Self:
        return cls(
            Admission("have a picture checked", places.checks, places.checks_wait_s),
            Admission("have a file or a round checked", places.audits, places.wait_s),
            Admission("sign in or create an account", places.passwords, places.wait_s, places.passwords_waiting),
            Admission("download their data", places.exports, places.wait_s),
            Admission("have a risk computed", places.risks, places.wait_s),
            Admission("search in their results", places.lists, places.wait_s),
        )

    def named(self) -> Mapping[str, Admission]:
        """Return each by a short name, for figures."""
        return {each.name: getattr(self, each.name) for each in fields(self)}
