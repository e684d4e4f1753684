"""Counts in memory, for what happens too often to write each time to the database.

Invariant: what would exceed the limit is refused and not counted.

Not here: counts that all processes share and a restart keeps (store/throttle.py).
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from webui.config import Limit
from webui.errors import TooManyAttempts

MOST_COUNTED = 10_000


class Rates:
    """The counts of this process."""

    def __init__(self, clock: Callable[[], int]) -> None:
        """`clock` gives seconds since 1970."""
        self._clock = clock
        self._counts: dict[str, tuple[int, int]] = {}
        """Key -> (count, end of the window in seconds since 1970)."""
        self._turn = Lock()

    def take(self, key: str, limit: Limit, cost: int = 1) -> None:
        """Count one call, or as many as it costs.

        Raises:
            TooManyAttempts: the limit would be exceeded.
        """
        now = self._clock()
        with self._turn:
            if len(self._counts) > MOST_COUNTED:
                self._make_room(now)
            count, ends_at = self._counts.get(key, (0, 0))
            if ends_at <= now:
                count, ends_at = 0, now + limit.window_s
            if count + cost > limit.count:
                raise TooManyAttempts(ends_at - now)
            self._counts[key] = (count + cost, ends_at)

    def _make_room(self, now: int) -> None:
        """Forget what has ended, and the half that ends first if that is not enough."""
        running = sorted((ends_at, key, count) for key, (count, ends_at) in self._counts.items() if ends_at > now)
        self._counts = {key: (count, ends_at) for ends_at, key, count in running[-MOST_COUNTED // 2 :]}

    def full(self, key: str, limit: Limit) -> bool:
        """Return whether the limit is reached, without counting."""
        count, ends_at = self._counts.get(key, (0, 0))
        return ends_at > self._clock() and count >= limit.count
