"""A security key in software: makes passkeys and answers questions as a browser would send it.

Source: WebAuthn Level 3, 6.1 (authenticator data), 6.5.4 (attestation object), 5.8.1 (client data); RFC 9052 (COSE).
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Key:
    """One passkey on this device."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    count: int = 0


@dataclass
class Authenticator:
    """A device with one passkey; `verifies` says whether it checks a finger or a PIN."""

    origin: str = "http://localhost"
    verifies: bool = True
    key: Key = field(default_factory=Key)

    def make(self, question: dict[str, Any]) -> dict[str, Any]:
        """Answer the question for a new passkey, with attestation `none`."""
        client = self._client("webauthn.create", question["challenge"])
        point = self.key.key.public_key().public_numbers()
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})
        attested = bytes(16) + len(self.key.id).to_bytes(2, "big") + self.key.id + cose
        data = self._data(question["rp"]["id"], ATTESTED) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._packed(client, {"attestationObject": text(attestation)})

    def use(self, question: dict[str, Any]) -> dict[str, Any]:
        """Answer a question at sign-in."""
        self.key.count += 1
        client = self._client("webauthn.get", question["challenge"])
        data = self._data(question["rpId"], 0)
        signature = self.key.key.sign(data + sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._packed(client, {"authenticatorData": text(data), "signature": text(signature)})

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _data(self, host: str, flags: int) -> bytes:
        flags |= PRESENT | (VERIFIED if self.verifies else 0)
        return sha256(host.encode()).digest() + bytes([flags]) + self.key.count.to_bytes(4, "big")

    def _packed(self, client: bytes, more: dict[str, str]) -> dict[str, Any]:
        response = {"clientDataJSON": text(client), **more}
        return {
            "id": text(self.key.id),
            "rawId": text(self.key.id),
            "type": "public-key",
            "clientExtensionResults": {},
            "response": response,
        }


def text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def raw(written: str) -> bytes:
    return urlsafe_b64decode(written + "=" * (-len(written) % 4))
