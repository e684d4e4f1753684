"""Public documents of the vault, read by the digest that the ledger names.

Source: PROTOCOL.md 2.
"""

from __future__ import annotations

from fl.crypto.envelope import check_digest
from fl.protocol.names import Digest
from fl.protocol.ports import Vault


def read_document(vault: Vault, digest: Digest, cap: int) -> bytes:
    """Return a public document from the vault, or raise VaultMissing, TooLarge or HashMismatch."""
    data = vault.get(digest, cap)
    check_digest(data, digest)
    return data
