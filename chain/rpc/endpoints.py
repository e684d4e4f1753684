"""The URLs of one chain, in the order in which they are used, and how this process found each.

Invariant: a URL that failed rests, and is checked before it is used again. With one URL nothing rests: it is always
asked, because there is nothing better to do.

Not here: what is asked (node.py).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cache

from fl.protocol.errors.shown_url import shown_url

FIRST_REST_S, LONGEST_REST_S = 5.0, 300.0
"""A URL that fails again and again rests twice as long each time."""
STALL_S = 20.0
"""After so long without a new block, the other URLs are asked for their newest one."""
FAR_BEHIND = 2
"""So many blocks behind another URL, a node is left; one block is a matter of luck."""

Moved = Callable[[str, str, str], None]
"""Gets which URL was left, why, and which is used now; both as people may read them."""


@dataclass
class Endpoint:
    """One URL."""

    url: str = field(repr=False)
    fit: bool = False
    """Whether it was checked since it last failed."""
    most_calls: int = 100
    """How many requests of a batch it takes; 1: it takes no batches."""
    rests_until: float = 0.0
    """On the monotonic clock."""
    rest_s: float = FIRST_REST_S
    must_rest: bool = False
    """Whether it asked for the pause itself."""
    why: str = ""
    """What was wrong with it last."""


class Endpoints:
    """Chooses among the URLs; safe to use from several threads."""

    def __init__(self, urls: tuple[str, ...]) -> None:
        self._all = tuple(Endpoint(url) for url in urls)
        self._lock = threading.Lock()
        self._said = urls[0]
        self._head, self._grew = -1, time.monotonic()
        self.read_to = -1
        """The newest block that a reader has read: a node without it is behind."""
        self.chain_id: int | None = None
        """The chain of the first URL that was checked, if nobody named one."""

    @property
    def several(self) -> bool:
        return len(self._all) > 1

    def first(self, without: Collection[Endpoint] = ()) -> Endpoint:
        """Return the first that does not rest and is not in `without`; if all do, the one whose rest ends first."""
        now = time.monotonic()
        ready = [each for each in self._all if each.rests_until <= now and each not in without]
        left = [each for each in self._all if each not in without] or list(self._all)
        return ready[0] if ready else min(left, key=lambda each: each.rests_until)

    def others_ready(self, than: Collection[Endpoint]) -> bool:
        """Return whether another URL does not rest."""
        now = time.monotonic()
        return any(each not in than and each.rests_until <= now for each in self._all)

    def others_left(self, than: Collection[Endpoint]) -> bool:
        """Return whether another URL may be asked: if all failed lately, one that rests is better than none."""
        now = time.monotonic()
        return any(each not in than and not (each.must_rest and each.rests_until > now) for each in self._all)

    def others(self, than: Endpoint) -> list[Endpoint]:
        return [each for each in self._all if each is not than]

    def leave(self, endpoint: Endpoint, why: str, at_least_s: float = 0.0) -> None:
        """Let a URL rest."""
        with self._lock:
            endpoint.fit, endpoint.why, endpoint.must_rest = False, why, at_least_s > 0
            if self.several:
                endpoint.rests_until = time.monotonic() + max(endpoint.rest_s, min(at_least_s, LONGEST_REST_S))
                endpoint.rest_s = min(2 * endpoint.rest_s, LONGEST_REST_S)
            elif at_least_s:
                endpoint.rests_until = time.monotonic() + min(at_least_s, LONGEST_REST_S)

    def answered(self, endpoint: Endpoint, moved: Moved | None) -> None:
        """Note that a URL answered; say so once if it is another one than before."""
        with self._lock:
            endpoint.rest_s = FIRST_REST_S
            if moved is None or endpoint.url == self._said:
                return
            left = next(each for each in self._all if each.url == self._said)
            self._said = endpoint.url
        why = left.why if left.rests_until > time.monotonic() else "the first URL answers again"
        moved(shown_url(left.url), why, shown_url(endpoint.url))

    def note_read(self, block: int) -> None:
        self.read_to = max(self.read_to, block)

    def stalled(self, head: int) -> bool:
        """Note a node's newest block; return whether none came for so long that others should be asked."""
        now = time.monotonic()
        with self._lock:
            if head > self._head:
                self._head, self._grew = head, now
            elif now - self._grew >= STALL_S and self.several:
                self._grew = now
                return True
        return False

    def reasons(self) -> str:
        """Return what was wrong with each URL, for one sentence."""
        return "; ".join(f"{shown_url(each.url)}: {each.why}" for each in self._all if each.why)


@cache
def _shared(urls: tuple[str, ...]) -> Endpoints:
    return Endpoints(urls)


def endpoints_of(urls: tuple[str, ...]) -> Endpoints:
    """Return what this process knows of these URLs; several URLs are known to all of its connections together."""
    return _shared(urls) if len(urls) > 1 else Endpoints(urls)


def split_urls(given: str | Collection[str]) -> tuple[str, ...]:
    """Return the URLs in options or settings: repeated, or separated by commas; each once, in order."""
    texts = [given] if isinstance(given, str) else given
    return tuple(dict.fromkeys(url.strip() for text in texts for url in text.split(",") if url.strip()))
