"""A member's sign of life: a small signed file in the vault that says that its agent runs, and what it does.

Members share only ledger and vault. The ledger tells when a member last recorded something; between two records only
such a file can say that its agent lives, which version it is, and why it waits.

Invariant: a sign is never evidence. It counts for display only, it must be signed by its member's account, and its time
must fit its name, so that nobody can use an old one again. It costs a reader at most `SIGN_CAP` bytes and one check.

Source: DECISIONS.md, D306; RFC 8259.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

from fl.protocol import strict_json
from fl.protocol.codec import Fields, Writer, sha256
from fl.protocol.errors import EncodingError, SignatureInvalid
from fl.protocol.names import Address, parse_hex, show, shown
from fl.protocol.ports import Anchor

SIGN_CAP = 2048
SIGNATURE_BYTES = 65
MOST_CHARS = 60
"""Of a text in a sign."""
REASONS = ("", "chain", "vault", "file", "clock", "disk", "training", "other")
"""Why an agent waits, in one word: the whole sentence can name a machine or a folder, which others need not know."""
SLOTS = (("m", 600, 6), ("h", 3600, 24), ("d", 86_400, 30))
"""(prefix of a name, seconds that one name covers, how many names back a reader looks): ten minutes, hours, days."""
LATEST = 253_402_300_799
"""The last second of the year 9999."""
_WHAT = "sign of life"


@dataclass(frozen=True)
class Sign:
    """What an agent says of itself."""

    account: Address
    at: int
    """Seconds since 1970, by the member's clock."""
    version: str
    round: int
    """The newest round that it knows."""
    waits: str = ""
    """One of REASONS: why its last step could not end; empty if it did."""

    def to_bytes(self) -> bytes:
        document = {
            "account": show(self.account),
            "at": self.at,
            "round": self.round,
            "version": self.version[:MOST_CHARS],
            "waits": self.waits[:MOST_CHARS],
        }
        return json.dumps(document, sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse; raise EncodingError. Texts of another member come back without invisible characters."""
        value = strict_json.loads(data, _WHAT, SIGN_CAP, depth=2)
        if not isinstance(value, dict):
            raise EncodingError(_WHAT, "it is not a JSON object")
        fields = Fields(value, _WHAT)
        account = Address(parse_hex(fields.text("account"), 20, _WHAT))
        version, waits = (shown(fields.text(name)[:MOST_CHARS]) for name in ("version", "waits"))
        waits = waits if waits in REASONS else "other"
        at, number = (min(max(fields.integer(name), 0), LATEST) for name in ("at", "round"))
        return cls(account, at, version, number, waits)


def names_of(at: int) -> tuple[str, ...]:
    """Return the names that a sign of this moment may have, the shortest time first."""
    return tuple(f"{prefix}{at // seconds}" for prefix, seconds, _ in SLOTS)


def names_back(now: int) -> Iterator[str]:
    """Yield the names under which a reader looks, the newest first; a writer's clock may be a little ahead."""
    for prefix, seconds, back in SLOTS:
        newest = now // seconds
        yield from (f"{prefix}{newest - place}" for place in range(-1, back))


def note_of(anchor: Anchor, document: bytes) -> bytes:
    """Return the 32 bytes that are signed: SHA-256(`sign` ‖ consortium[32] ‖ chainId u64 ‖ SHA-256(document)).

    Such a digest is the hash of no transaction (keccak-256) and of no statement of EIP-712.
    """
    return Writer("sign").raw(anchor.consortium, 32).u64(anchor.chain_id).raw(sha256(document), 32).digest()


def sealed(document: bytes, signature: bytes) -> bytes:
    """Return the file: signature r ‖ s ‖ v (65 bytes), then the document."""
    return signature + document


def read_sign(
    anchor: Anchor, account: Address, name: str, file: bytes, signer: Callable[[bytes, bytes], Address]
) -> Sign:
    """Return a member's sign.

    Args:
        anchor: The consortium's.
        account: Whose sign it should be.
        name: The file's name, such as `m2993012`.
        file: What the vault gave.
        signer: (32 bytes, signature) -> the account that signed.

    Raises:
        EncodingError: it does not parse, or belongs to another time.
        SignatureInvalid: another account made it.
    """
    signature, document = file[:SIGNATURE_BYTES], file[SIGNATURE_BYTES:]
    if signer(note_of(anchor, document), signature) != account:
        raise SignatureInvalid("another account made it")
    sign = Sign.from_bytes(document)
    if sign.account != account or name not in names_of(sign.at):
        raise EncodingError(_WHAT, "it belongs to another account or another time")
    return sign


def newest_sign(
    anchor: Anchor,
    account: Address,
    now: int,
    read: Callable[[Address, str], bytes | None],
    signer: Callable[[bytes, bytes], Address],
) -> Sign | None:
    """Return a member's newest sign, or None; a file that is not one of its signs counts as absent.

    Raises:
        VaultUnavailable: the vault does not answer.
    """
    for name in names_back(now):
        file = read(account, name)
        if file is None:
            continue
        try:
            return read_sign(anchor, account, name, file, signer)
        except (EncodingError, SignatureInvalid):
            continue
    return None
