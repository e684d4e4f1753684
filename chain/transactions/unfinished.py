"""Transactions that were signed, and that nobody saw included yet; they survive a restart.

Invariant: a transaction is written here before it is sent, and leaves when its receipt counts or can never come. So a
process that starts again finds what it sent, and does not send the same call with another nonce.

Layout: one file for each call, NONCE-HASH.json, and the list of all that were ever sent (sent_list.py). Several
processes may share a folder. After a power cut a file may be missing or empty, as if it was never written; what the
contracts refuse then is found by the dry run.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from chain.transactions import sent_list
from chain.transactions.fees import Bid, fields_of
from fl.protocol import strict_json
from fl.protocol.errors import EncodingError, UnavailableError, refused_write
from fl.protocol.names import Address

FILE_CAP = 4 * 1024 * 1024
OWNER_ONLY = 0o600


@dataclass(frozen=True)
class Signed:
    """One signed transaction."""

    raw: bytes
    bid: Bid

    @property
    def hash(self) -> bytes:
        return keccak(self.raw)


@dataclass
class Sending:
    """One call, and the transactions that were signed for it. All have the same nonce, so at most one is included."""

    to: Address | None
    data: bytes
    gas: int
    nonce: int
    signed: list[Signed] = field(default_factory=list)
    held_by: UnavailableError | None = None
    """Why it cannot bid more; not kept."""

    @property
    def newest(self) -> Signed:
        return self.signed[-1]

    @property
    def name(self) -> str:
        return f"{self.nonce}-{self.signed[0].hash.hex()[:16]}.json"

    def is_call(self, to: Address | None, data: bytes) -> bool:
        return (self.to, self.data) == (to, data)

    def to_bytes(self) -> bytes:
        document = {
            "to": None if self.to is None else self.to.hex(),
            "data": self.data.hex(),
            "gas": self.gas,
            "nonce": self.nonce,
            "signed": [{"raw": each.raw.hex(), "cap": each.bid.cap, "tip": each.bid.tip} for each in self.signed],
        }
        return json.dumps(document).encode()


class Unfinished:
    """The unfinished transactions of one account, in memory or in a folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._known: dict[str, Sending] = {}
        self._awaited: set[str] = set()

    def note(self, sending: Sending) -> None:
        """Keep a call with all its transactions; raise StorageFull if the disk refuses."""
        self._known[sending.name] = sending
        if self._folder is not None:
            sent_list.note(self._folder, sending.nonce, sending.newest.hash)
            _write(self._folder, sending)

    def forget(self, sending: Sending) -> None:
        self._known.pop(sending.name, None)
        if self._folder is not None:
            with contextlib.suppress(OSError):
                (self._folder / sending.name).unlink()

    @contextmanager
    def awaited(self, sending: Sending) -> Iterator[None]:
        """Mark a call as awaited by a thread of this process."""
        self._awaited.add(sending.name)
        try:
            yield
        finally:
            self._awaited.discard(sending.name)

    def abandoned(self) -> list[Sending]:
        """Return what is unfinished and not awaited by this process, by nonce."""
        return [each for each in self.all() if each.name not in self._awaited]

    def all(self) -> list[Sending]:
        """Return what is unfinished, by nonce; files that cannot be read count as nothing."""
        found = dict(self._known)
        for path in self._files():
            if path.name not in found and (sending := _read(path)) is not None:
                found[path.name] = sending
        return sorted(found.values(), key=lambda each: each.nonce)

    def _files(self) -> Iterator[Path]:
        if self._folder is not None and self._folder.is_dir():
            yield from self._folder.glob("*.json")


def _write(folder: Path, sending: Sending) -> None:
    """Replace a file whole, without waiting for the disk: it must survive the process, not a power cut."""
    path = folder / sending.name
    partial = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY), "wb") as file:
            file.write(sending.to_bytes())
        partial.replace(path)
    except OSError as error:
        raise refused_write(str(path), error) from error


def _read(path: Path) -> Sending | None:
    try:
        with path.open("rb") as file:
            fields: Any = strict_json.loads(file.read(FILE_CAP + 1), path.name, FILE_CAP)
        to = None if fields["to"] is None else Address(bytes.fromhex(fields["to"]))
        signed = [Signed(bytes.fromhex(each["raw"]), fields_of(each)) for each in fields["signed"]]
        sending = Sending(to, bytes.fromhex(fields["data"]), int(fields["gas"]), int(fields["nonce"]), signed)
        named = sending.name
    except (OSError, EncodingError, KeyError, TypeError, ValueError, IndexError):
        return None
    return sending if named == path.name else None
