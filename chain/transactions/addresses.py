"""Ethereum addresses as people and files write them.

Invariant: an address in mixed case must have the right capital letters (EIP-55), so that one wrong character is found.
An address in one case has no such checksum and is accepted.

Source: EIP-55.
"""

from __future__ import annotations

from eth_utils.address import to_checksum_address

from fl.protocol.errors import EncodingError
from fl.protocol.names import ADDRESS_BYTES, Address, address, parse_hex


def parse_address(text: str, what: str = "account") -> Address:
    """Return the address, or raise EncodingError naming `what`."""
    raw = address(parse_hex(text.strip(), ADDRESS_BYTES, what))
    digits = text.strip().removeprefix("0x")
    if digits not in (digits.lower(), digits.upper()) and "0x" + digits != checksummed(raw):
        why = "its capital letters are wrong, so one of its characters is wrong (EIP-55). Copy the address again"
        raise EncodingError(what, why)
    return raw


def checksummed(account: Address) -> str:
    """Return the address in mixed case (EIP-55)."""
    return str(to_checksum_address(account))
