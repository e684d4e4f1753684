r"""A long file under a password, in the format of age, so that `age --decrypt` opens it without this program.

Invariant: neither writing nor reading needs more than one chunk in memory. No byte of a chunk is given out before its
tag is checked, and a file that was cut is never read as a whole one.

Layout (one recipient of the kind scrypt):
    "age-encryption.org/v1\n-> scrypt " ‖ base64(salt[16]) ‖ " " ‖ work ‖ "\n" ‖ base64(wrapped[32]) ‖ "\n---"
    ‖ " " ‖ base64(mac[32]) ‖ "\n" ‖ nonce[16] ‖ chunks
    wrap key = scrypt(password, "age-encryption.org/v1/scrypt" ‖ salt, N = 2^work, r = 8, p = 1)
    wrapped  = ChaCha20-Poly1305(wrap key, nonce 0, file key[16])
    mac      = HMAC-SHA256(HKDF(file key, info "header"), all up to and with "---")
    chunk i  = ChaCha20-Poly1305(HKDF(file key, salt nonce, info "payload"), i u88 ‖ (1 if last else 0) u8, <= 64 KiB)

Source: C2SP age specification (https://c2sp.org/age); STREAM, Hoang et al. 2015.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from typing import BinaryIO, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from fl.protocol.errors import EncodingError
from fl.protocol.names import Blob

CHUNK = 64 * 1024
TAG = 16
WORK = 18
"""log2 of scrypt's N: 256 MiB and about a second for each guess of the password, as age does it."""
HIGHEST_WORK = 20
"""A file cannot ask for more than 1 GiB."""
_WHAT = "encrypted file"
_INTRO = b"age-encryption.org/v1\n"
_STANZA = re.compile(rb"-> scrypt ([A-Za-z0-9+/]{22}) ([1-9][0-9]?)\n")
_LINE_CAP = 100
_WRONG = "the password is wrong, or the file was changed or cut"


class SealingFile:
    """Writes everything that it is given, encrypted; `close` ends the file and leaves `target` open."""

    def __init__(self, target: BinaryIO, password: str) -> None:
        salt, key = os.urandom(16), os.urandom(16)
        wrapped = ChaCha20Poly1305(_wrap_key(password, salt, WORK)).encrypt(bytes(12), key, None)
        head = _INTRO + b"-> scrypt " + _base64(salt) + b" %d\n" % WORK + _base64(wrapped) + b"\n---"
        nonce = os.urandom(16)
        target.write(head + b" " + _base64(_mac(key, head)) + b"\n" + nonce)
        self._target = target
        self._cipher = ChaCha20Poly1305(_derived(key, nonce, b"payload"))
        self._waiting = bytearray()
        self._count = 0

    def write(self, data: Blob) -> None:
        self._waiting += data
        while len(self._waiting) > CHUNK:  # the last chunk waits for `close`, because it is marked
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]

    def close(self) -> None:
        self._seal(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        self._target.write(self._cipher.encrypt(_nonce(self._count, last=last), chunk, None))
        self._count += 1


class OpeningFile:
    """Reads an encrypted file from its beginning."""

    def __init__(self, source: BinaryIO, cipher: ChaCha20Poly1305) -> None:
        self._source = source
        self._cipher = cipher
        self._count = 0
        self._plain = bytearray()
        self._ahead = source.read(CHUNK + TAG)
        self._ended = False

    @classmethod
    def of(cls, source: BinaryIO, password: str) -> Self:
        """Read the header.

        Raises:
            EncodingError: it is another kind of file, the password is wrong, or the file was changed.
        """
        intro = source.read(len(_INTRO))
        stanza = source.readline(_LINE_CAP)
        match = _STANZA.fullmatch(stanza)
        if intro != _INTRO or match is None or int(match[2]) > HIGHEST_WORK:
            raise EncodingError(_WHAT, "it is no file that this program encrypted with a password")
        wrapped, end = source.readline(_LINE_CAP), source.readline(_LINE_CAP)
        salt, work = _parsed(match[1], 16), int(match[2])
        try:
            key = ChaCha20Poly1305(_wrap_key(password, salt, work)).decrypt(bytes(12), _parsed(wrapped[:-1], 32), None)
        except InvalidTag as error:
            raise EncodingError(_WHAT, _WRONG) from error
        head = intro + stanza + wrapped + b"---"
        if end[:4] != b"--- " or not hmac.compare_digest(_mac(key, head), _parsed(end[4:-1], 32)):
            raise EncodingError(_WHAT, _WRONG)
        return cls(source, ChaCha20Poly1305(_derived(key, source.read(16), b"payload")))

    def read(self, size: int) -> bytes:
        """Return `size` bytes, or fewer at the end of the file.

        Raises:
            EncodingError: the file was changed or cut.
        """
        while len(self._plain) < size and not self._ended:
            self._open_chunk()
        taken = bytes(self._plain[:size])
        del self._plain[:size]
        return taken

    def _open_chunk(self) -> None:
        chunk, self._ahead = self._ahead, self._source.read(CHUNK + TAG)
        self._ended = not self._ahead
        try:
            self._plain += self._cipher.decrypt(_nonce(self._count, last=self._ended), chunk, None)
        except InvalidTag as error:
            raise EncodingError(_WHAT, _WRONG) from error
        self._count += 1


def _wrap_key(password: str, salt: bytes, work: int) -> bytes:
    kdf = Scrypt(salt=b"age-encryption.org/v1/scrypt" + salt, length=32, n=1 << work, r=8, p=1)
    return kdf.derive(password.encode())


def _derived(key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(key)


def _mac(key: bytes, head: bytes) -> bytes:
    return hmac.new(_derived(key, b"", b"header"), head, hashlib.sha256).digest()


def _nonce(count: int, *, last: bool) -> bytes:
    return count.to_bytes(11, "big") + bytes([last])


def _base64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _parsed(text: bytes, size: int) -> bytes:
    """Return base64 without padding as bytes [size], or raise EncodingError."""
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise EncodingError(_WHAT, _WRONG) from error
    if len(data) != size or _base64(data) != text:
        raise EncodingError(_WHAT, _WRONG)
    return data
