"""Reads files from the vault by the digest that the ledger names.

Invariant: a function returns only the file with that digest.

Source: PROTOCOL.md 2 and 4, steps 1 and 2.
"""

from __future__ import annotations

from fl.crypto.envelope_form import check_digest
from fl.protocol.codec import sha256
from fl.protocol.errors import HashMismatch, TooLarge, VaultMissing
from fl.protocol.names import Blob, Digest
from fl.protocol.ports import Mark, Vault
from fl.timing import timed


def read_document(vault: Vault, digest: Digest, cap: int) -> bytes:
    """Return a file from the vault, or raise VaultMissing, TooLarge or HashMismatch."""
    data = vault.get(digest, cap)
    if not vault.checked:
        check_digest(data, digest)
    return data


class Awaited:
    """A vault as agents see it: a file with the wrong bytes counts as missing, because the right one may still come.

    Otherwise anyone who can write to the vault could stop every agent, or have a hospital blamed for bytes that it
    never sent. An audit reads the plain vault and reports such a file.
    """

    checked = True

    def __init__(self, inner: Vault) -> None:
        self._inner = inner
        self._wrong: dict[Digest, Mark] = {}
        """Files with the wrong bytes; they are read again only after somebody wrote them."""

    def put(self, data: Blob) -> Digest:
        """Store `data`, and replace any file under its name."""
        return self._inner.put(data)

    def get(self, digest: Digest, cap: int) -> bytes:
        """Return the file of that digest, or raise VaultMissing, also for a file of more than `cap` bytes."""
        mark = self._inner.mark(digest)
        if mark is None or self._wrong.get(digest) == mark:
            raise VaultMissing(digest)
        try:
            data = self._inner.get(digest, cap)
        except TooLarge as error:
            raise self._missing(digest, mark) from error
        if not self._inner.checked and not _is(digest, data):
            raise self._missing(digest, mark)
        return data

    def has(self, digest: Digest) -> bool:
        """Return whether a file of that name exists and is not known to be wrong."""
        mark = self._inner.mark(digest)
        return mark is not None and self._wrong.get(digest) != mark

    def mark(self, digest: Digest) -> Mark | None:
        return self._inner.mark(digest)

    def _missing(self, digest: Digest, mark: Mark) -> VaultMissing:
        self._wrong[digest] = mark
        return VaultMissing(digest)


@timed("vault")
def _is(digest: Digest, data: bytes) -> bool:
    return sha256(data) == digest


class Presence:
    """Whether the vault has the right file; reads a file once, and again only after somebody wrote it."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._right: dict[Digest, Mark] = {}

    def holds(self, digest: Digest, cap: int) -> bool:
        mark = self._vault.mark(digest)
        if mark is not None and self._right.get(digest) != mark:
            try:
                read_document(self._vault, digest, cap)
            except (VaultMissing, TooLarge, HashMismatch):
                return False
            self.remember(digest, mark)
        return mark is not None

    def remember(self, digest: Digest, mark: Mark | None) -> None:
        if mark is not None:
            self._right[digest] = mark
