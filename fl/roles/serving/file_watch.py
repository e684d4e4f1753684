"""Whether a file still lies in the vault as the ledger names it, for somebody who asks at each answer.

Invariant: a look that could not be made is never taken for one that found the file right.

Source: PROTOCOL.md 4, steps 1 and 2.
Not here: opening what is inside (expected_files.py).
"""

from __future__ import annotations

from collections.abc import Callable

from fl.protocol.errors import HashMismatch, TooLarge, UnavailableError, VaultMissing
from fl.protocol.names import NO_DIGEST, Digest
from fl.protocol.ports import Mark, Vault
from fl.replay.vault_files import read_document
from fl.roles.serving.model_facts import Fact, State

REHASH_S = 300
"""Seconds after which a file is read again though nothing was written to it: a disk may rot."""
NO_FILE = "the file is not in the vault"
NO_VAULT = "the vault does not answer, or is not where it was"


class FileWatch:
    """Looks at files: its name, size and times at each look, its bytes when those changed and after `REHASH_S`."""

    def __init__(self, vault: Vault, now: Callable[[], int]) -> None:
        """Look into `vault`; `now` gives seconds since 1970."""
        self._vault = vault
        self._now = now
        self._right: dict[Digest, tuple[Mark, int]] = {}
        """Mark of a file that was right, and when it was last read."""
        self._wrong: dict[Digest, tuple[Mark, HashMismatch]] = {}

    def look(self, digest: Digest, cap: int) -> Fact:
        """Return what is known of the file of that digest now.

        Raises:
            HashMismatch: other bytes lie under its name; a file of more than `cap` bytes is not read, and its digest
                is given as zeros.
        """
        mark, at = self._right.get(digest, (None, 0))
        try:
            found = self._vault.mark(digest)
            if found is None:
                return Fact(State.UNKNOWN, at, NO_FILE)
            if found != mark or not 0 <= self._now() - at < REHASH_S:
                at = self._read(digest, found, cap)
        except VaultMissing:
            return Fact(State.UNKNOWN, at, NO_FILE)
        except UnavailableError:
            return Fact(State.UNKNOWN, at, NO_VAULT)
        return Fact(State.CHECKED, at)

    def _read(self, digest: Digest, mark: Mark, cap: int) -> int:
        known = self._wrong.get(digest)
        if known is not None and known[0] == mark:
            raise known[1].with_traceback(None)
        try:
            read_document(self._vault, digest, cap)
        except TooLarge:
            self._wrong[digest] = mark, HashMismatch(digest, NO_DIGEST)
            raise self._wrong[digest][1] from None
        except HashMismatch as error:
            self._wrong[digest] = mark, error
            raise
        at = self._now()
        self._right[digest] = mark, at
        return at
