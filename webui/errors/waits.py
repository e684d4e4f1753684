"""Waiting times in English words, for the sentences of errors; http/error_words.py says them in other languages."""

from __future__ import annotations

MINUTE_S = 60
HOUR_S = 3600


def in_words(seconds: int) -> str:
    """Return `in 40 seconds`, `in 15 minutes`, `in 2 hours`: rounded up."""
    for unit_s, name in ((HOUR_S, "hour"), (MINUTE_S, "minute")):
        if seconds > unit_s:
            return f"in {-(-seconds // unit_s)} {name}s"
    return f"in {max(seconds, 1)} seconds" if seconds != 1 else "in a second"
