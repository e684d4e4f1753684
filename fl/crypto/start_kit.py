"""The file with which a doctor becomes a trustee: a new account and a first member key, made in a browser.

Invariant: it has the form and the bounds of every encrypted keystore, with the kind `start`. It holds no share: shares
come from a ceremony, and the trustee's agent takes part in that with these two keys.

Layout: PROTOCOL.md 9, At rest. Payload = member key[32] ‖ account key[32]; public: account, chain_id, authority,
consortium.

Source: fl/crypto/encrypted_keystore.py; webui/client/start.js makes the same file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fl.crypto.curve import SCALAR_BYTES
from fl.crypto.encrypted_keystore import FORMAT, HIGHEST, LOCKBOX_CAP, LOWEST, Cost, KitChain
from fl.crypto.group import parse_key
from fl.crypto.hpke_keys import PrivateKey
from fl.protocol.codec import Fields, JsonValue, parse_document, write_document
from fl.protocol.errors import EncodingError, InvalidScalar, KeystoreUnreadable
from fl.protocol.names import ADDRESS_BYTES, Address, address, parse_hex

_WHAT = "start kit"
_SALT_BYTES, _NONCE_BYTES, _TAG_BYTES = 16, 12, 16
_WRONG = "the password is wrong or the file is damaged"


@dataclass(frozen=True)
class StartKit:
    """What a new trustee has before the first ceremony."""

    account: Address
    site: KitChain
    member_key: bytes = field(repr=False)
    """32 bytes: the P-256 private key of epoch 1."""
    account_key: bytes = field(repr=False)
    """32 bytes: the Ethereum account's private key."""

    @property
    def hpke_key(self) -> PrivateKey:
        return PrivateKey(1, ec.derive_private_key(int.from_bytes(self.member_key, "big"), ec.SECP256R1()))


def lock_start(kit: StartKit, password: str, cost: Cost = LOWEST) -> bytes:
    """Return the file; an empty password is a programming error (ValueError)."""
    if not password:
        raise ValueError("a start kit needs a password")
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    bound = _binding(kit.account, kit.site, cost, salt)
    key = cost.derive(password, salt)
    sealed = AESGCM(key).encrypt(nonce, kit.member_key + kit.account_key, write_document(bound))
    return write_document({**bound, "nonce": nonce.hex(), "sealed": sealed.hex()})


def open_start(file: bytes, password: str, path: str) -> StartKit:
    """Return the content of a file; errors name `path`.

    Raises:
        KeystoreUnreadable: it is no start kit, its key derivation is out of bounds, or the password is wrong.
    """
    if len(file) > LOCKBOX_CAP:
        raise KeystoreUnreadable(path, f"it has more than {LOCKBOX_CAP} bytes")
    try:
        account, site, cost, salt, nonce, sealed = _parse(Fields(parse_document(file, _WHAT), _WHAT))
    except EncodingError as error:
        raise KeystoreUnreadable(path, f"it is not a start kit ({error.why})") from error
    if not cost.within(LOWEST, HIGHEST):
        raise KeystoreUnreadable(path, "its key derivation is weaker or more costly than this version allows")
    try:
        aad = write_document(_binding(account, site, cost, salt))
        payload = AESGCM(cost.derive(password, salt)).decrypt(nonce, sealed, aad)
        parse_key(payload[:SCALAR_BYTES])
    except (InvalidTag, InvalidScalar) as error:
        raise KeystoreUnreadable(path, _WRONG) from error
    return StartKit(account, site, payload[:SCALAR_BYTES], payload[SCALAR_BYTES:])


def _binding(account: Address, site: KitChain, cost: Cost, salt: bytes) -> dict[str, JsonValue]:
    """Return a file without nonce and ciphertext."""
    public: dict[str, JsonValue] = {
        "account": account.hex(),
        "chain_id": site.chain_id,
        "authority": site.authority.hex(),
        "consortium": site.consortium.hex(),
    }
    kdf: dict[str, JsonValue] = {
        "name": "argon2id",
        "memory_kib": cost.memory_kib,
        "passes": cost.passes,
        "lanes": cost.lanes,
        "salt": salt.hex(),
    }
    return {"format": FORMAT, "kind": "start", "kdf": kdf, "public": public}


def _parse(fields: Fields) -> tuple[Address, KitChain, Cost, bytes, bytes, bytes]:
    fields.only("format", "kind", "kdf", "public", "nonce", "sealed")
    kdf, public = Fields(fields.mapping("kdf"), _WHAT), Fields(fields.mapping("public"), _WHAT)
    kdf.only("name", "memory_kib", "passes", "lanes", "salt")
    public.only("account", "chain_id", "authority", "consortium")
    if (fields.text("format"), fields.text("kind"), kdf.text("name")) != (FORMAT, "start", "argon2id"):
        raise EncodingError(_WHAT, "its format or kind is unknown")
    cost = Cost(kdf.integer("memory_kib"), kdf.integer("passes"), kdf.integer("lanes"))
    account, authority = (address(_hex(public, name, ADDRESS_BYTES)) for name in ("account", "authority"))
    site = KitChain(public.integer("chain_id"), authority, _hex(public, "consortium", 32))
    sealed = _hex(fields, "sealed", 2 * SCALAR_BYTES + _TAG_BYTES)
    return account, site, cost, _hex(kdf, "salt", _SALT_BYTES), _hex(fields, "nonce", _NONCE_BYTES), sealed


def _hex(fields: Fields, name: str, length: int) -> bytes:
    """Parse lower-case hexadecimal without 0x."""
    text = fields.text(name)
    raw = parse_hex(text, length, _WHAT)
    if raw.hex() != text:
        raise EncodingError(_WHAT, f"{name} is not in lower-case hexadecimal")
    return raw
