"""Encrypted keystores: a trustee's share at rest, and the kit with which a browser approves, each under a password.

Invariant: a file cannot make password guessing cheap, nor make opening it cost too much memory. Key derivation
parameters outside the bounds below are refused before any computation.

Layout: canonical JSON; PROTOCOL.md 9, At rest, has the table of fields.
    key    = Argon2id(password UTF-8, salt[16]), version 1.3, 32 bytes
    sealed = AES-256-GCM(key, nonce[12], payload, aad = canonical JSON of format, kind, kdf and public)
    payload of a share = x[32]; of a kit = x[32] ‖ account key[32]; of a long kit the same ‖ n · long key[96]

Source: PROTOCOL.md 9; RFC 9106, section 4, second recommended option (64 MiB, 3 passes, 4 lanes).
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from fl.crypto.curve import SCALAR_BYTES
from fl.crypto.group import parse_key, scalar_bytes
from fl.crypto.hybrid_kem import RAW_BYTES
from fl.protocol.codec import Fields, JsonValue, parse_document, write_document
from fl.protocol.errors import EncodingError, InvalidScalar, KeystoreUnreadable
from fl.protocol.names import ADDRESS_BYTES, Address, KeyUse, address, parse_hex

FORMAT = "hemaledger-lockbox-1"
LOCKBOX_CAP = 4096
"""Bytes; a larger file is refused."""
_SALT_BYTES = 16
_NONCE_BYTES = 12
_KEY_BYTES = 32
MOST_LONG_KEYS = 12
_WHAT = "lockbox"
_SEAT_FIELDS = ("account", "use", "epoch", "index")
_KIT_FIELDS = (*_SEAT_FIELDS, "chain_id", "authority", "consortium")
_FIELDS = {"share": _SEAT_FIELDS, "kit": _KIT_FIELDS, "long-kit": (*_KIT_FIELDS, "long_keys")}
"""The fields of `public` by kind."""
_ONE_AT_A_TIME = threading.Lock()
"""OpenSSL computes the lanes in one pool of threads, where several computations at once wait forever."""
_WRONG = "the password is wrong or the file is damaged"


@dataclass(frozen=True)
class Cost:
    """The cost of one guess of the password."""

    memory_kib: int = 65536
    passes: int = 3
    lanes: int = 4

    def within(self, low: Cost, high: Cost) -> bool:
        """Return whether every parameter is within the bounds of two others."""
        return (
            low.memory_kib <= self.memory_kib <= high.memory_kib
            and low.passes <= self.passes <= high.passes
            and low.lanes <= self.lanes <= high.lanes
        )

    def derive(self, password: str, salt: bytes) -> bytes:
        kdf = Argon2id(
            salt=salt, length=_KEY_BYTES, iterations=self.passes, lanes=self.lanes, memory_cost=self.memory_kib
        )
        with _ONE_AT_A_TIME:
            return kdf.derive(password.encode())


LOWEST = Cost()
HIGHEST = Cost(1 << 20, 16, 16)


@dataclass(frozen=True)
class Seat:
    """Public facts about a share."""

    account: Address
    use: KeyUse
    epoch: int
    """u32: of the committee."""
    index: int
    """j, from 1."""


@dataclass(frozen=True)
class KitChain:
    """The chain on which a kit approves."""

    chain_id: int
    authority: Address
    consortium: bytes
    """32 bytes."""


@dataclass(frozen=True)
class HeldShare:
    """A trustee's share with its place in the committee."""

    seat: Seat
    share: int = field(repr=False)
    """x_j, 1..n-1."""


@dataclass(frozen=True)
class Kit:
    """Everything that a trustee's browser needs to approve."""

    held: HeldShare
    site: KitChain
    account_key: bytes = field(repr=False)
    """32 bytes: the Ethereum account's private key."""
    long_keys: tuple[bytes, ...] = field(default=(), repr=False)
    """For records of suite 2: private long keys of this trustee's seats, 96 bytes each, at most 12."""


@dataclass(frozen=True)
class Lockbox:
    """A parsed file: its public facts, and the content that a password opens."""

    path: str
    seat: Seat
    site: KitChain | None
    """None for a share alone."""
    cost: Cost
    salt: bytes
    nonce: bytes
    sealed: bytes = field(repr=False)
    long_keys: int = 0
    """How many long keys are in it."""

    @classmethod
    def parse(cls, file: bytes, path: str) -> Self:
        """Parse a keystore; an error names `path`.

        Raises:
            KeystoreUnreadable: the file is not a keystore, or its key derivation is out of bounds.
        """
        if len(file) > LOCKBOX_CAP:
            raise KeystoreUnreadable(path, f"it has more than {LOCKBOX_CAP} bytes")
        try:
            lockbox = cls._parse(Fields(parse_document(file, _WHAT), _WHAT), path)
        except EncodingError as error:
            raise KeystoreUnreadable(path, f"it is not a keystore ({error.why})") from error
        if not lockbox.cost.within(LOWEST, HIGHEST):
            raise KeystoreUnreadable(path, "its key derivation is weaker or more costly than this version allows")
        return lockbox

    @classmethod
    def _parse(cls, fields: Fields, path: str) -> Self:
        fields.only("format", "kind", "kdf", "public", "nonce", "sealed")
        kdf = Fields(fields.mapping("kdf"), _WHAT)
        kdf.only("name", "memory_kib", "passes", "lanes", "salt")
        if (fields.text("format"), kdf.text("name")) != (FORMAT, "argon2id"):
            raise EncodingError(_WHAT, "its format is unknown")
        cost = Cost(kdf.integer("memory_kib"), kdf.integer("passes"), kdf.integer("lanes"))
        seat, site, long_keys = _parse_public(fields.text("kind"), Fields(fields.mapping("public"), _WHAT))
        sealed = _hex(fields, "sealed", SCALAR_BYTES * (2 if site else 1) + RAW_BYTES * long_keys + 16)
        salt, nonce = _hex(kdf, "salt", _SALT_BYTES), _hex(fields, "nonce", _NONCE_BYTES)
        return cls(path, seat, site, cost, salt, nonce, sealed, long_keys)

    def unlock(self, password: str) -> HeldShare | Kit:
        """Return the content, or raise KeystoreUnreadable; a wrong password and a changed file look alike."""
        aad = write_document(_binding(self.seat, self.site, self.cost, self.salt, self.long_keys))
        try:
            payload = AESGCM(self.cost.derive(password, self.salt)).decrypt(self.nonce, self.sealed, aad)
            share = HeldShare(self.seat, parse_key(payload[:SCALAR_BYTES]))
        except (InvalidTag, InvalidScalar) as error:
            raise KeystoreUnreadable(self.path, _WRONG) from error
        if self.site is None:
            return share
        start = 2 * SCALAR_BYTES
        long_keys = tuple(payload[at : at + RAW_BYTES] for at in range(start, len(payload), RAW_BYTES))
        return Kit(share, self.site, payload[SCALAR_BYTES:start], long_keys)


def lock(content: HeldShare | Kit, password: str, cost: Cost = LOWEST) -> bytes:
    """Return a keystore file; an empty password is a programming error (ValueError)."""
    return _lock_with(os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES), content, password, cost)


def _lock_with(salt: bytes, nonce: bytes, content: HeldShare | Kit, password: str, cost: Cost) -> bytes:
    if not password:
        raise ValueError("a keystore needs a password")
    kit = content if isinstance(content, Kit) else None
    share = content.held if isinstance(content, Kit) else content
    long_keys = kit.long_keys if kit else ()
    if len(long_keys) > MOST_LONG_KEYS:
        raise KeystoreUnreadable("approval kit", f"it would have {len(long_keys)} long keys, and has room for 12")
    payload = scalar_bytes(share.share) + (kit.account_key + b"".join(long_keys) if kit else b"")
    bound = _binding(share.seat, kit.site if kit else None, cost, salt, len(long_keys))
    sealed = AESGCM(cost.derive(password, salt)).encrypt(nonce, payload, write_document(bound))
    return write_document({**bound, "nonce": nonce.hex(), "sealed": sealed.hex()})


def _binding(seat: Seat, site: KitChain | None, cost: Cost, salt: bytes, long_keys: int) -> dict[str, JsonValue]:
    """Return a keystore without nonce and ciphertext."""
    public: dict[str, JsonValue] = {
        "account": seat.account.hex(),
        "use": int(seat.use),
        "epoch": seat.epoch,
        "index": seat.index,
    }
    if site:
        public["chain_id"] = site.chain_id
        public["authority"], public["consortium"] = site.authority.hex(), site.consortium.hex()
    if long_keys:
        public["long_keys"] = long_keys
    kdf: dict[str, JsonValue] = {
        "name": "argon2id",
        "memory_kib": cost.memory_kib,
        "passes": cost.passes,
        "lanes": cost.lanes,
        "salt": salt.hex(),
    }
    kind = "share" if site is None else "long-kit" if long_keys else "kit"
    return {"format": FORMAT, "kind": kind, "kdf": kdf, "public": public}


def _parse_public(kind: str, fields: Fields) -> tuple[Seat, KitChain | None, int]:
    """Return the public facts, and how many long keys there are."""
    if kind not in _FIELDS:
        raise EncodingError(_WHAT, "its kind is unknown")
    fields.only(*_FIELDS[kind])
    use = fields.integer("use")
    if use not in tuple(KeyUse):
        raise EncodingError(_WHAT, f"its key use {use} is unknown")
    account = address(_hex(fields, "account", ADDRESS_BYTES))
    seat = Seat(account, KeyUse(use), fields.integer("epoch"), fields.integer("index"))
    if kind == "share":
        return seat, None, 0
    long_keys = fields.integer("long_keys") if kind == "long-kit" else 0
    if kind == "long-kit" and not 1 <= long_keys <= MOST_LONG_KEYS:
        raise EncodingError(_WHAT, f"it has {long_keys} long keys")
    authority, consortium = _hex(fields, "authority", ADDRESS_BYTES), _hex(fields, "consortium", 32)
    return seat, KitChain(fields.integer("chain_id"), address(authority), consortium), long_keys


def _hex(fields: Fields, name: str, length: int) -> bytes:
    """Parse lower-case hexadecimal without 0x."""
    text = fields.text(name)
    raw = parse_hex(text, length, _WHAT)
    if raw.hex() != text:
        raise EncodingError(_WHAT, f"{name} is not in lower-case hexadecimal")
    return raw
