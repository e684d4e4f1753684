"""The vault on an object store: any store that speaks S3, by a URL.

Invariant: nobody trusts the store. A reader checks the digest (fl/replay/vault_files.py), and reads nothing beyond its
cap. A file is whole or absent: an object appears when its last byte has arrived. A store without `vault.json` of the
consortium is not the vault. Errors name the store and what it said, never a key.

Source: PROTOCOL.md 4; RFC 9110, 13.1.2 (If-None-Match); Amazon S3 API reference, PutObject and GetObject; obstore.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from fl.protocol.codec import sha256
from fl.protocol.errors import SettingInvalid, StorageFull, TooLarge, VaultMissing, VaultUnavailable
from fl.protocol.names import Blob, Digest
from fl.protocol.ports import Mark
from fl.storage.vault import MARKER, MARKER_CAP, marker_of
from fl.timing import timed

if TYPE_CHECKING:
    from obstore.store import ObjectStore, RetryConfig

SCHEME = "s3"
PARTS_FROM_BYTES = 64 * 1024 * 1024
"""Larger files are sent in parts, each of which can be sent again alone."""
PART_BYTES = 16 * 1024 * 1024
CHUNK_BYTES = 1024 * 1024
TRIES = 3
"""How often an answer that breaks off is asked for again; the library itself repeats what failed before any byte."""
CONNECT_S, ANSWER_S = 10, 120
REPEATED: RetryConfig = {"max_retries": 8, "retry_timeout": timedelta(seconds=60)}
"""With jitter (obstore's BackoffConfig)."""
FULL = re.compile(r"\b507\b|InsufficientStorage|QuotaExceeded|EntityTooLarge|XMinioStorageFull", re.IGNORECASE)
STATUS = re.compile(r"\b(?:status|error)[ :]+(?:code[ :]+)?(\d{3}[^:.,<\n]{0,40})", re.IGNORECASE)
WHY_CHARS = 120


@dataclass(frozen=True)
class StoreAddress:
    """`s3://BUCKET/PREFIX?endpoint=URL&region=NAME`; nothing secret belongs in it."""

    bucket: str
    prefix: str
    endpoint: str
    """Empty: Amazon's own."""
    region: str

    @classmethod
    def parse(cls, url: str) -> StoreAddress:
        """Parse the address of a vault.

        Raises:
            SettingInvalid: it is not such a URL, has a password in it, or an endpoint without TLS on another machine.
        """
        try:
            parts = urlsplit(url)
            options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        except ValueError as error:
            raise SettingInvalid("vault", "it is no address of a store") from error
        if parts.scheme != SCHEME or not parts.netloc or parts.username or parts.fragment:
            raise SettingInvalid("vault", "write s3://BUCKET/PREFIX?endpoint=URL; keys belong in the environment")
        if unknown := set(options) - {"endpoint", "region"}:
            raise SettingInvalid("vault", f"an address has endpoint and region, not {', '.join(sorted(unknown))}")
        address = cls(parts.netloc, parts.path.strip("/"), options.get("endpoint", ""), options.get("region", ""))
        address._check_endpoint()
        return address

    def _check_endpoint(self) -> None:
        if not self.endpoint:
            return
        parts = urlsplit(self.endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            raise SettingInvalid("vault", "the endpoint must be a URL such as https://store.example:9000")
        if parts.scheme == "http" and not _is_loopback(parts.hostname):
            raise SettingInvalid("vault", "the endpoint must be https: anybody on the way could exchange files")

    def __str__(self) -> str:
        where = f"{SCHEME}://{self.bucket}/{self.prefix}".rstrip("/")
        return f"{where} at {self.endpoint}" if self.endpoint else where

    def open(self, retry_config: RetryConfig = REPEATED) -> ObjectStore:
        """Return the store; this does not connect. Keys come from the usual variables (AWS_ACCESS_KEY_ID, ...)."""
        from obstore.store import S3Store  # noqa: PLC0415 a large library, which members with a folder do not need

        named = {key: value for key, value in (("endpoint", self.endpoint), ("region", self.region)) if value}
        return S3Store(
            self.bucket,
            prefix=self.prefix or None,
            client_options={
                "connect_timeout": timedelta(seconds=CONNECT_S),
                "timeout": timedelta(seconds=ANSWER_S),
                "allow_http": self.endpoint.startswith("http:"),
            },
            retry_config=retry_config,
            **named,  # type: ignore[arg-type]
        )


class ObjectVault:
    """Implements the Vault port over objects `ab/abcd...` below a prefix; the digest's first byte names the group."""

    checked = False

    def __init__(self, store: ObjectStore, name: str, consortium: bytes) -> None:
        """Use the vault in `store`.

        Args:
            store: An obstore store.
            name: What errors call it.
            consortium: The 32 bytes of the vault's consortium (`found`).
        """
        self._store = store
        self._name = name
        self._marker = marker_of(consortium)
        self._is_vault = False

    @classmethod
    def at(cls, url: str, consortium: bytes) -> ObjectVault:
        """Return the vault at an address (`StoreAddress.parse`), or raise SettingInvalid; this does not connect."""
        address = StoreAddress.parse(url)
        return cls(address.open(), str(address), consortium)

    def check(self) -> None:
        """Raise VaultUnavailable unless the store answers and holds this consortium's vault."""
        try:
            found = self._read(MARKER, MARKER_CAP)
        except TooLarge:
            found = b""
        if found is None:
            raise self._gone(f"it has no {MARKER} there, so it is not the vault of a consortium")
        if found != self._marker:
            raise self._gone(f"its {MARKER} belongs to another consortium, or is damaged")
        self._is_vault = True

    def found(self) -> None:
        """Create the vault of a new consortium; calling this twice is allowed.

        Raises:
            SettingInvalid: the store holds another consortium's files there.
            VaultUnavailable: it does not answer.
        """
        import obstore  # noqa: PLC0415
        from obstore.exceptions import AlreadyExistsError  # noqa: PLC0415

        with self._asking(), suppress(AlreadyExistsError):
            obstore.put(self._store, MARKER, self._marker, mode="create", use_multipart=False)
        if self._read(MARKER, MARKER_CAP) != self._marker:
            raise SettingInvalid("vault", f"{self._name} holds the files of another consortium")

    @timed("vault")
    def put(self, data: Blob) -> Digest:
        """Store `data` and return its digest; a file that is there is compared, and a wrong one replaced."""
        import obstore  # noqa: PLC0415
        from obstore.exceptions import AlreadyExistsError  # noqa: PLC0415

        self._check_once()
        digest = sha256(data)
        name, whole = _path(digest), bytes(data)
        with self._asking(writing=True):
            if len(whole) <= PARTS_FROM_BYTES:
                with suppress(AlreadyExistsError):
                    obstore.put(self._store, name, whole, mode="create", use_multipart=False)
                    return digest
            if not self._is_there(digest, whole):
                obstore.put(self._store, name, whole, chunk_size=PART_BYTES)
        return digest

    @timed("vault")
    def get(self, digest: Digest, cap: int) -> bytes:
        """Return the file unverified, or raise VaultMissing or TooLarge (unread)."""
        self._check_once()
        data = self._read(_path(digest), cap)
        if data is None:
            raise VaultMissing(digest)
        return data

    def has(self, digest: Digest) -> bool:
        return self.mark(digest) is not None

    def mark(self, digest: Digest) -> Mark | None:
        """Return size and time of the object, and what its tag hashes to; only the store itself can forge them."""
        import obstore  # noqa: PLC0415

        self._check_once()
        try:
            with self._asking():
                facts = obstore.head(self._store, _path(digest))
        except FileNotFoundError:
            return None
        tag = int.from_bytes(sha256((facts["e_tag"] or "").encode())[:8], "big")
        at = int(facts["last_modified"].timestamp())
        return tag, facts["size"], at, at

    def delete(self, digest: Digest) -> bool:
        """Remove an object, as `FolderVault.delete` does; its key must allow it."""
        import obstore  # noqa: PLC0415

        if self.mark(digest) is None:
            return False
        with self._asking():
            obstore.delete(self._store, _path(digest))
        return True

    def _check_once(self) -> None:
        if not self._is_vault:
            self.check()

    def _is_there(self, digest: Digest, data: bytes) -> bool:
        try:
            return self._read(_path(digest), len(data)) == data
        except TooLarge:
            return False

    def _read(self, name: str, cap: int) -> bytes | None:
        """Return an object of at most `cap` bytes, or None; ask again if the answer breaks off."""
        for left in reversed(range(TRIES)):
            try:
                with self._asking():
                    return self._read_once(name, cap)
            except FileNotFoundError:
                return None
            except VaultUnavailable:
                if not left:
                    raise
        raise AssertionError

    def _read_once(self, name: str, cap: int) -> bytes:
        import obstore  # noqa: PLC0415

        answer = obstore.get(self._store, name)
        size = answer.meta["size"]
        if size > cap:
            raise TooLarge(size, cap)
        data = bytearray()
        for chunk in answer.stream(min_chunk_size=CHUNK_BYTES):
            data += memoryview(chunk)
            if len(data) > cap:  # it sent more than it said
                raise TooLarge(len(data), cap)
        if len(data) != size:
            raise self._gone("it broke off in the middle of a file")
        return bytes(data)

    @contextmanager
    def _asking(self, *, writing: bool = False) -> Iterator[None]:
        """Turn what the store or the network says into this vault's errors."""
        from obstore.exceptions import AlreadyExistsError, BaseError  # noqa: PLC0415

        try:
            yield
        except (AlreadyExistsError, FileNotFoundError):
            raise
        except BaseError as error:
            if writing and FULL.search(str(error)):
                raise StorageFull(self._name, "the store is full, or this member has used its quota") from error
            raise self._gone(_why(error)) from error

    def _gone(self, why: str) -> VaultUnavailable:
        return VaultUnavailable(self._name, why)


def _path(digest: Digest) -> str:
    name = digest.hex()
    return f"{name[:2]}/{name}"


def _why(error: Exception) -> str:
    """Return what a store said in a few words; the library's own text has addresses and headers in it."""
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError  # noqa: PLC0415

    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return "it does not accept this member's key, or the key does not allow this"
    found = STATUS.search(str(error))
    return f"it answered {found[1].strip()[:WHY_CHARS]}" if found else "it gave no answer, or a broken one"


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"
