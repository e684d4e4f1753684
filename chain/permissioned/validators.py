"""The members that make the blocks of a shared chain: one key each, of which the others get the public half.

Invariant: the private key stays in the folder in which it was drawn. What leaves is one file with the node's public key
and where the others reach it.

Source: devp2p (node identities, enode URLs); EIP-55; SEC1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

from eth_keys.datatypes import PrivateKey, PublicKey

from fl.protocol.codec import Fields, parse_document, write_document
from fl.protocol.errors import EncodingError
from fl.protocol.names import Address

FORMAT = "hemaledger-validator-1"
CARD_CAP = 4096
KEY_BYTES = 32
PUBLIC_BYTES = 64
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
P2P_PORT, LAST_PORT = 30303, 65535


@dataclass(frozen=True)
class Validator:
    """What the others know about one node."""

    name: str
    """1 to 32 of a-z, 0-9 and -: it names folders and containers."""
    public_key: bytes
    """The point of secp256k1 without its first byte, 64 bytes."""
    host: str
    """IP address at which the other nodes reach it; node software does not look up names."""
    port: int = P2P_PORT
    """TCP and UDP."""

    @property
    def account(self) -> Address:
        """Return the account under which it makes blocks."""
        return Address(PublicKey(self.public_key).to_canonical_address())

    @property
    def enode(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"enode://{self.public_key.hex()}@{host}:{self.port}"

    def to_bytes(self) -> bytes:
        return write_document(
            {
                "format": FORMAT,
                "host": self.host,
                "name": self.name,
                "port": self.port,
                "public_key": self.public_key.hex(),
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Validator:
        """Parse a validator's file, or raise EncodingError."""
        what = "validator file"
        fields = Fields(parse_document(data, what), what)
        fields.only("format", "host", "name", "port", "public_key")
        if fields.text("format") != FORMAT:
            raise EncodingError(what, "it is another kind of file")
        key = fields.text("public_key")
        if not re.fullmatch(r"[0-9a-f]{128}", key):
            raise EncodingError(what, "its public key does not have 128 hexadecimal digits")
        return checked(cls(fields.text("name"), bytes.fromhex(key), fields.text("host"), fields.integer("port")))


def checked(validator: Validator) -> Validator:
    """Return it, or raise EncodingError for a name, address, port or key that a node cannot have."""
    what = "validator file"
    if not NAME.fullmatch(validator.name):
        raise EncodingError(what, "a name has 1 to 32 of a-z, 0-9 and -, and no - at its ends")
    try:
        ip_address(validator.host)
    except ValueError as error:
        raise EncodingError(what, "its host is no IP address; nodes do not look up names") from error
    if not 1 <= validator.port <= LAST_PORT:
        raise EncodingError(what, "its port is not 1 to 65535")
    try:
        PublicKey.from_compressed_bytes(PublicKey(validator.public_key).to_compressed_bytes())
    except Exception as error:  # eth_keys has no common base class for its errors
        raise EncodingError(what, "its public key is no point of the curve") from error
    return validator


def public_key_of(secret: bytes) -> bytes:
    """Return the public key, 64 bytes, of a private key of 32 bytes."""
    return PrivateKey(secret).public_key.to_bytes()
