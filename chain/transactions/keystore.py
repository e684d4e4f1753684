"""Ethereum accounts in password-encrypted files (Web3 Secret Storage, version 3).

Invariant: a secret key is in memory or encrypted, never in a plain file, a log or a repr.

Source: Web3 Secret Storage Definition; eth_keyfile (scrypt, AES-128-CTR, keccak MAC); EIP-155 and EIP-1559
(transactions).
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

import rlp
from eth_keys.datatypes import PrivateKey
from eth_keys.exceptions import ValidationError
from eth_utils.crypto import keccak

from chain.accounts import create_keyfile, decode_keyfile
from fl.protocol import strict_json
from fl.protocol.errors import EncodingError, KeystoreUnreadable, refused_write
from fl.protocol.names import Address

SECRET_BYTES = 32
WORK_FACTOR = 2**18
"""scrypt's N: 256 MiB and about a second per attempt."""
MAX_FILE_BYTES = 16 * 1024
MOST_SCRYPT = 2**24
"""N times r times p: four times the work of WORK_FACTOR with r = 8, in at most 2 GiB."""
MOST_PBKDF2 = 10**7
FEE_TRANSACTION = b"\x02"
"""The type of transactions with fees of EIP-1559."""
FEE_FIELDS = ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas", "to", "value", "data")
OLD_FIELDS = ("nonce", "gasPrice", "gas", "to", "value", "data")
OLD_PARITY = 35
"""EIP-155: v = 35 + 2·chainId + parity."""
NO_ACCESS_LIST: list[bytes] = []
RECOVERY_OFFSET = 27


class AccountKey:
    """A secp256k1 key that signs transactions."""

    def __init__(self, secret: bytes) -> None:
        """Raise ValueError unless `secret` is a secret key."""
        try:
            self._key = PrivateKey(secret)
        except ValidationError as error:
            raise ValueError("the bytes are not a secret key") from error
        self.address = Address(self._key.public_key.to_canonical_address())

    @property
    def secret(self) -> bytes:
        """Return the 32 secret bytes, for `create` only."""
        return self._key.to_bytes()

    def sign(self, transaction: dict[str, Any]) -> tuple[bytes, bytes]:
        """Return the raw signed transaction and its 32-byte hash; faster than eth_account, the same bytes.

        With `gasPrice` it is one from before EIP-1559 (EIP-155), else one with fees of EIP-1559.
        """
        if "gasPrice" in transaction:
            return self._sign_old(transaction)
        fields = [transaction[name] for name in FEE_FIELDS]
        unsigned = FEE_TRANSACTION + rlp.encode([*fields, NO_ACCESS_LIST])
        signature = self._key.sign_msg_hash(keccak(unsigned))
        raw: bytes = FEE_TRANSACTION + rlp.encode([*fields, NO_ACCESS_LIST, *signature.vrs])
        return raw, keccak(raw)

    def _sign_old(self, transaction: dict[str, Any]) -> tuple[bytes, bytes]:
        fields = [transaction[name] for name in OLD_FIELDS]
        chain_id: int = transaction["chainId"]
        parity, r, s = self._key.sign_msg_hash(keccak(rlp.encode([*fields, chain_id, b"", b""]))).vrs
        raw: bytes = rlp.encode([*fields, OLD_PARITY + 2 * chain_id + parity, r, s])
        return raw, keccak(raw)

    def sign_digest(self, digest: bytes) -> bytes:
        """Return the deterministic signature (RFC 6979) r ‖ s ‖ v of a 32-byte digest, 65 bytes, low s."""
        signature = self._key.sign_msg_hash(digest).to_bytes()
        return signature[:-1] + bytes([signature[-1] + RECOVERY_OFFSET])

    def __repr__(self) -> str:
        return f"AccountKey({self._key.public_key.to_checksum_address()})"


def generate() -> AccountKey:
    """Return a new random account."""
    return AccountKey(secrets.token_bytes(SECRET_BYTES))


def create(path: Path, password: str, key: AccountKey, work_factor: int = WORK_FACTOR) -> None:
    """Write `key` to a new file, readable by its owner only; `work_factor` is scrypt's N, a power of two.

    Raises:
        KeystoreUnreadable: the file exists already; keys are never overwritten.
        StorageFull: it could not be written; nothing partial is left.
    """
    document = encrypted(key, password, work_factor)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeystoreUnreadable(str(path), "it exists already; keys are never overwritten") from error
    except OSError as error:
        raise refused_write(str(path), error) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(document)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise refused_write(str(path), error) from error


def encrypted(key: AccountKey, password: str, work_factor: int = WORK_FACTOR) -> bytes:
    """Return the content of a key file for `key`; `work_factor` is scrypt's N, a power of two."""
    return json.dumps(create_keyfile(key.secret, password, work_factor)).encode()


def load(path: Path, password: str) -> AccountKey:
    """Return the key in a file.

    Raises:
        KeystoreUnreadable: the file is missing, damaged, or the password is wrong.
    """
    document = _read(path)
    try:
        _check_cost(document)
        return AccountKey(decode_keyfile(document, password))
    except ValueError as error:
        why = "the password is wrong" if "MAC" in str(error) else "it is damaged"
        raise KeystoreUnreadable(str(path), why) from error
    except (KeyError, TypeError, AttributeError, NotImplementedError, MemoryError) as error:
        raise KeystoreUnreadable(str(path), "it is damaged") from error


def claimed_address(path: Path) -> Address:
    """Return the account that a key file names. Nothing proves it without the password; use it only to find a file.

    Raises:
        KeystoreUnreadable: the file is missing or damaged.
    """
    try:
        return Address(bytes.fromhex(_read(path)["address"].removeprefix("0x")))
    except (KeyError, AttributeError, ValueError) as error:
        raise KeystoreUnreadable(str(path), "it is damaged") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise KeystoreUnreadable(str(path), error.strerror or "it cannot be read") from error
    try:
        document = strict_json.loads(raw, "key file", MAX_FILE_BYTES)
    except EncodingError as error:
        raise KeystoreUnreadable(str(path), "it is not an Ethereum key file") from error
    if not isinstance(document, dict):
        raise KeystoreUnreadable(str(path), "it is not an Ethereum key file")
    return document


def _check_cost(document: dict[str, Any]) -> None:
    """Raise ValueError for a file that needs more memory or time to open than the files of any wallet."""
    crypto = document["crypto"] if "crypto" in document else document["Crypto"]
    parameters = crypto["kdfparams"]
    work = {name: parameters.get(name, 1) for name in ("n", "r", "p", "c")}
    if not all(type(value) is int and value > 0 for value in work.values()):
        raise ValueError("no work factors")
    if work["n"] * work["r"] * work["p"] > MOST_SCRYPT or work["c"] > MOST_PBKDF2:
        raise ValueError("too much work")
