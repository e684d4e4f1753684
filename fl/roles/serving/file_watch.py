"""Whether the vault still holds a file as the ledger names it, cheap enough to check before each answer.

Invariant: a check that could not be made never counts as passed.

Source: PROTOCOL.md 4, steps 1 and 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fl.protocol.errors import HashMismatch, TooLarge, UnavailableError, VaultMissing
from fl.protocol.names import NO_DIGEST, Digest
from fl.protocol.ports import Mark, Vault
from fl.replay.vault_files import read_document
from fl.roles.serving.model_facts import Fact, State

REHASH_S = 300
"""Seconds after which an unchanged file is read again, because disks may corrupt data silently."""
NO_FILE = "the file is not in the vault"
NO_VAULT = "the vault does not answer, or is not where it was"


class FileWatch:
    """Checks size and times of a file each time, and its bytes when those changed or after `REHASH_S`."""

    def __init__(self, vault: Vault, now: Callable[[], int]) -> None:
        self._vault = vault
        self._now = now
        self._right: dict[Digest, tuple[Mark, int]] = {}
        """Mark of a correct file, and when it was last read (seconds since 1970)."""
        self._wrong: dict[Digest, tuple[Mark, HashMismatch]] = {}

    def look(self, digest: Digest, cap: int) -> Fact:
        """Return the state of the file with that digest now.

        Raises:
            HashMismatch: the file holds other bytes. A file of more than `cap` bytes is not read; the error then shows
                zeros as its digest.
        """
        mark, at = self._right.get(digest, (None, 0))
        try:
            current = self._vault.mark(digest)
            if current is None:
                return Fact(State.UNKNOWN, at, NO_FILE)
            if current != mark or not 0 <= self._now() - at < REHASH_S:
                at = self._read(digest, current, cap)
        except VaultMissing:
            return Fact(State.UNKNOWN, at, NO_FILE)
        except UnavailableError:
            return Fact(State.UNKNOWN, at, NO_VAULT)
        return Fact(State.CHECKED, at)

    def look_all(self, files: Sequence[tuple[Digest, int]]) -> Fact:
        """Return the state of a file and its parts, (digest, cap) each: the worst, or else the oldest; raises so."""
        facts = [self.look(digest, cap) for digest, cap in files]
        unknown = (fact for fact in facts if fact.state != State.CHECKED)
        return next(unknown, min(facts, key=lambda fact: fact.at))

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
