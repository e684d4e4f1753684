"""Signed notes: a text, and lines of signatures under it; and the keys that verify them.

Invariant: what is parsed has one form only: base64 is canonical, and writing a parsed note again gives the same bytes.

Source: C2SP signed-note (text, lines, key ids, verifier keys), tlog-cosignature (payload and message of type 4).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from fl.protocol.errors import ProofMalformed

ED25519, COSIGNATURE = 1, 4
"""Types of keys: Ed25519 over the text; Ed25519 over the time and the text, as a witness cosigns."""
KEY_BYTES, SIGNATURE_BYTES, ID_BYTES, TIME_BYTES = 32, 64, 4, 8
MAX_SIGNATURES = 64
NOTE_CAP = 64 * 1024
NAME_CAP = 255
"""The most bytes of a note, and of a key's name."""
LAST_TIME = 253_402_300_799
"""The last second of the year 9999; a later time cannot be shown to people."""
_DASH = "\u2014"
_NOT_IN_NAMES = re.compile(r"[+\s]")

Verify = Callable[[bytes, bytes, bytes], bool]
"""verify(key, signature, message): whether an Ed25519 key (32 bytes) made a signature (64 bytes) of a message."""
Sign = Callable[[bytes], bytes]
"""Returns the Ed25519 signature (64 bytes) of a message."""


@dataclass(frozen=True)
class VerifierKey:
    """A public key with the name under which it signs."""

    name: str
    type: int
    key: bytes
    """The public key: 32 bytes for the types ED25519 and COSIGNATURE."""

    @property
    def id(self) -> bytes:
        """Return the key's id, 4 bytes: the beginning of SHA-256(name ‖ 0A ‖ type ‖ key)."""
        return sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.key).digest()[:ID_BYTES]

    def text(self) -> str:
        """Return the key as a policy file has it: NAME+ID+base64(type ‖ key)."""
        return f"{self.name}+{self.id.hex()}+{encode64(bytes([self.type]) + self.key)}"


@dataclass(frozen=True)
class SignatureLine:
    """One line under a note: who signed, and what the line holds behind the key's id."""

    name: str
    key_id: bytes
    """4 bytes."""
    payload: bytes
    """Type 1: the signature. Type 4: u64 time ‖ signature. Any other type: unknown bytes."""

    def text(self) -> str:
        """Return the line, without its newline."""
        return f"{_DASH} {self.name} {encode64(self.key_id + self.payload)}"

    def is_of(self, key: VerifierKey) -> bool:
        """Return whether this line says that `key` made it; the signature may be wrong."""
        return (self.name, self.key_id) == (key.name, key.id)


@dataclass(frozen=True)
class Note:
    """A text with the lines of its signatures."""

    text: bytes
    """UTF-8; it ends in a newline."""
    lines: tuple[SignatureLine, ...]

    def encoded(self) -> bytes:
        """Return the note as it is sent and stored."""
        return self.text + b"\n" + "".join(line.text() + "\n" for line in self.lines).encode()


def sign_log(key: VerifierKey, sign: Sign, text: bytes) -> SignatureLine:
    """Return the log's line under a checkpoint's text (type 1)."""
    return SignatureLine(key.name, key.id, sign(text))


def cosign(key: VerifierKey, sign: Sign, text: bytes, time: int) -> SignatureLine:
    """Return a witness's line under a checkpoint's text (type 4).

    Args:
        key: The witness's key, of type COSIGNATURE.
        sign: Makes its signature.
        text: The checkpoint's text.
        time: When the witness saw it, in seconds since 1970.
    """
    return SignatureLine(key.name, key.id, time.to_bytes(TIME_BYTES, "big") + sign(cosigned_message(text, time)))


def cosigned_message(text: bytes, time: int) -> bytes:
    """Return what a witness signs: `cosignature/v1`, the time, and the checkpoint's text."""
    return f"cosignature/v1\ntime {time}\n".encode() + text


def log_signed(line: SignatureLine, key: VerifierKey, text: bytes, verify: Verify) -> bool:
    """Return whether the line is the log's signature of the text."""
    return (
        key.type == ED25519
        and line.is_of(key)
        and len(line.payload) == SIGNATURE_BYTES
        and verify(key.key, line.payload, text)
    )


def cosigned_at(line: SignatureLine, key: VerifierKey, text: bytes, verify: Verify) -> int | None:
    """Return when a witness cosigned the text (seconds since 1970), or None if the line is not its cosignature."""
    if key.type != COSIGNATURE or not line.is_of(key) or len(line.payload) != TIME_BYTES + SIGNATURE_BYTES:
        return None
    time = int.from_bytes(line.payload[:TIME_BYTES], "big")
    good = time <= LAST_TIME and verify(key.key, line.payload[TIME_BYTES:], cosigned_message(text, time))
    return time if good else None


def parse_note(data: bytes) -> Note:
    """Return a note.

    Raises:
        ProofMalformed: it is too long, has no signature or more than MAX_SIGNATURES, or another form.
    """
    if len(data) > NOTE_CAP:
        raise ProofMalformed("note", f"it has more than {NOTE_CAP} bytes")
    text, gap, rest = data.rpartition(b"\n\n")
    if not gap or not rest.endswith(b"\n"):
        raise ProofMalformed("note", "it has no text, an empty line and signatures")
    try:
        lines = rest.decode("utf-8").split("\n")[:-1]
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProofMalformed("note", "it is not UTF-8") from error
    if len(lines) > MAX_SIGNATURES:
        raise ProofMalformed("note", f"it has more than {MAX_SIGNATURES} signatures")
    return Note(text + b"\n", tuple(map(parse_line, lines)))


def parse_line(line: str) -> SignatureLine:
    """Return one line of a signature, given without its newline, or raise ProofMalformed."""
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != _DASH or not is_name(parts[1]):  # noqa: PLR2004 - dash, name, signature
        raise ProofMalformed("note", "a line of a signature has another form")
    raw = decode64(parts[2], "note")
    if len(raw) <= ID_BYTES:
        raise ProofMalformed("note", "a signature is too short")
    return SignatureLine(parts[1], raw[:ID_BYTES], raw[ID_BYTES:])


def parse_key(text: str) -> VerifierKey:
    """Return the key in a verifier key's text.

    Keys of other types than ED25519 and COSIGNATURE are returned as they are; no line is ever accepted from them.

    Raises:
        ProofMalformed: it has another form, or its id is not that of its name and key.
    """
    parts = text.split("+", 2)
    if len(parts) != 3 or not is_name(parts[0]):  # noqa: PLR2004 - name, id, key
        raise ProofMalformed("key", "it is not NAME+ID+KEY")
    raw = decode64(parts[2], "key")
    if len(raw) <= 1:
        raise ProofMalformed("key", "it is too short")
    key = VerifierKey(parts[0], raw[0], raw[1:])
    if key.type in (ED25519, COSIGNATURE) and len(key.key) != KEY_BYTES:
        raise ProofMalformed("key", f"it has {len(key.key)} bytes, not {KEY_BYTES}")
    if parts[1] != key.id.hex() and key.type in (ED25519, COSIGNATURE):
        raise ProofMalformed("key", "its id is not that of its name and key")
    return key


def is_name(name: str) -> bool:
    """Return whether a key may have this name: some characters, no space and no plus sign."""
    return 0 < len(name.encode("utf-8", "surrogatepass")) <= NAME_CAP and _NOT_IN_NAMES.search(name) is None


def encode64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def decode64(text: str, what: str) -> bytes:
    """Return the bytes of canonical base64, or raise ProofMalformed for `what`."""
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProofMalformed(what, "it holds something that is not base64") from error
    if encode64(raw) != text:
        raise ProofMalformed(what, "it holds base64 in another form than the canonical one")
    return raw


def number(text: str, what: str, most: int = 2**63 - 1) -> int:
    """Return a decimal number without leading zeros, or raise ProofMalformed for `what`."""
    digits = len(str(most))
    if not (text.isascii() and text.isdigit() and len(text) <= digits) or (text[0] == "0" and text != "0"):
        raise ProofMalformed(what, "it holds something that is not a number")
    value = int(text)
    if value > most:
        raise ProofMalformed(what, "it holds a number that is too large")
    return value
