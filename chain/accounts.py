"""The only module that imports eth_account and eth_keyfile.

Invariant: every call leaves Python's own recursion limit in place. Both libraries import py_ecc, which raises the limit
to 100,000; a deeply nested value then overflows the C stack and kills the process instead of raising RecursionError.
Both are imported on first use, because the import takes half a second.

Source: py_ecc/__init__.py; Web3 Secret Storage Definition; EIP-712.
"""

from __future__ import annotations

import sys
from typing import Any

from fl.protocol.names import Address

RECURSION_LIMIT = 1000
"""Python's own."""


def create_keyfile(secret: bytes, password: str, work_factor: int) -> dict[str, Any]:
    """Return a document that holds `secret` under a password; `work_factor` is scrypt's N."""
    from eth_keyfile import create_keyfile_json  # noqa: PLC0415

    keep_recursion_limit()
    return dict(create_keyfile_json(secret, password.encode(), kdf="scrypt", iterations=work_factor))


def decode_keyfile(document: dict[str, Any], password: str) -> bytes:
    """Return the secret in a document; raises eth_keyfile's errors."""
    from eth_keyfile import decode_keyfile_json  # noqa: PLC0415

    keep_recursion_limit()
    return bytes(decode_keyfile_json(document, password.encode()))


def typed_data(message: dict[str, Any]) -> bytes:
    """Return the bytes of an EIP-712 message that are hashed: 0x19 ‖ 0x01 ‖ domain separator ‖ struct hash."""
    from eth_account.messages import encode_typed_data  # noqa: PLC0415

    keep_recursion_limit()
    signable = encode_typed_data(full_message=message)
    return b"\x19" + signable.version + signable.header + signable.body


def typed_transaction(raw: bytes) -> tuple[dict[str, Any], Address]:
    """Return the fields of a typed transaction and its signer; raises eth_account's errors."""
    from eth_account import Account  # noqa: PLC0415
    from eth_account.typed_transactions import TypedTransaction  # noqa: PLC0415
    from hexbytes import HexBytes  # noqa: PLC0415

    keep_recursion_limit()
    fields: dict[str, Any] = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    return fields, Address(bytes.fromhex(Account.recover_transaction(raw)[2:]))


def keep_recursion_limit() -> None:
    """Undo what the import of py_ecc did."""
    sys.setrecursionlimit(RECURSION_LIMIT)
