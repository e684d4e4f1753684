"""Keys of the site for its own database: seal a secret, and digest what only this site may look up.

Invariant: each purpose has its own key, derived from the site's secret, so that one cannot stand in for another.

Source: RFC 5869 (HKDF); NIST SP 800-38D (AES-GCM); NIST SP 800-63B, 3.1.2.2 (keyed digests of recovery codes).
"""

from __future__ import annotations

import hmac
import secrets
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
NONCE_BYTES = 12


class Keyed:
    """Derived keys of one site."""

    def __init__(self, secret: bytes) -> None:
        """Derive from the site's secret."""
        self._secret = secret

    def seal(self, purpose: str, account_id: int, data: bytes) -> bytes:
        """Return nonce[12] ‖ AES-256-GCM ciphertext and tag; it opens only for the same purpose and account."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + AESGCM(self._key(purpose)).encrypt(nonce, data, str(account_id).encode())

    def open(self, purpose: str, account_id: int, sealed: bytes) -> bytes:
        """Return the data that `seal` encrypted; InvalidTag if it was changed or the site's secret is another."""
        nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        return AESGCM(self._key(purpose)).decrypt(nonce, rest, str(account_id).encode())

    def tag(self, purpose: str, text: str) -> str:
        """Return HMAC-SHA-256 of a text in hexadecimal."""
        return hmac.new(self._key(purpose), text.encode(), sha256).hexdigest()

    def _key(self, purpose: str) -> bytes:
        return HKDF(SHA256(), KEY_BYTES, None, f"hemaledger site {purpose}".encode()).derive(self._secret)
