"""Passwords as Argon2id hashes.

Invariant: verifying costs one Argon2id computation whether or not the account exists.

Source: RFC 9106; NIST SP 800-63B, 5.1.1.2 (length over composition); OWASP Authentication Cheat Sheet.
Not here: counting attempts (throttle.py).
"""

from __future__ import annotations

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from webui.config import PasswordCost

MIN_CHARS = 12
MAX_CHARS = 128
"""Hashing a longer one would be work for a stranger to order."""


class Passwords:
    """Hashes and verifies at one cost."""

    def __init__(self, cost: PasswordCost) -> None:
        """Compute the hash that stands in for accounts that do not exist."""
        self._hasher = PasswordHasher(
            time_cost=cost.time_cost,
            memory_cost=cost.memory_kib,
            parallelism=cost.parallelism,
            type=Type.ID,
        )
        self._nobody = self._hasher.hash("nobody has this password")

    def hash(self, password: str) -> str:
        """Return the hash in its PHC string form."""
        return self._hasher.hash(password)

    def fits(self, stored: str | None, password: str) -> bool:
        """Return whether `password` belongs to `stored`; None (no such account) costs the same and is False."""
        try:
            self._hasher.verify(stored or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return stored is not None

    def outdated(self, stored: str) -> bool:
        """Return whether `stored` was made at another cost than today's."""
        return self._hasher.check_needs_rehash(stored)
