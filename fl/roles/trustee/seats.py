"""A trustee who leaves hands its long keys to a successor: the shares of old records stay sealed to these keys.

Invariant: a hand-over opens only with the long key of the successor. Who takes it over accepts only private keys whose
public halves some member stated on the ledger.

Layout (big-endian):
    file    = SEATS envelope of suite 2, sender the trustee who leaves, round 0, seq 0
    context = H("BAFL/1/seats" ‖ successor[20] ‖ keyId[16] of its long key)
    body    = count:u8 ‖ count · (ML-KEM seed[64] ‖ scalar[32])

Source: PROTOCOL.md 9 (Seats).
"""

from __future__ import annotations

from collections.abc import Sequence

from fl.crypto.capsule import key_anchor
from fl.crypto.envelope import receive, seal
from fl.crypto.envelope_form import CORE_BYTES, Core, Expected, Header, Kind, sealed_size
from fl.crypto.hybrid_kem import RAW_BYTES, LongPrivateKey
from fl.protocol.codec import Reader, Writer, sha256
from fl.protocol.errors import EncodingError, LongKeyMissing, RecipientNotFound, UnknownSender
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Suite, address
from fl.protocol.ports import Vault
from fl.replay.long_committees import newest_long_key, stated_ids

MOST_SEATS = 255
SEATS_CAP = sealed_size(1 + RAW_BYTES * MOST_SEATS, 1, suite=Suite.HYBRID)
"""Bytes of the largest hand-over."""


def hand_over(
    federation: Federation, sender: Address, successor: Address, keys: Sequence[LongPrivateKey], vault: Vault
) -> bytes:
    """Return a file that gives `keys` to the successor.

    Raises:
        LongKeyMissing: the successor has no long key.
        EncodingError: no key, or more than 255.
    """
    if not 1 <= len(keys) <= MOST_SEATS:
        raise EncodingError("hand-over", f"it has {len(keys)} keys")
    to = newest_long_key(federation, successor, vault)
    if to is None:
        raise LongKeyMissing(federation.book.name_of(successor))
    writer = Writer().u8(len(keys))
    for key in keys:
        writer.raw(key.to_raw(), RAW_BYTES)
    return bytes(seal(_core(federation, sender, successor, to.key_id), [to], writer.bytes()))


def take_over(
    federation: Federation, successor: Address, file: bytes, own: Sequence[LongPrivateKey], vault: Vault
) -> list[LongPrivateKey]:
    """Return the long keys in a hand-over.

    Raises:
        UnknownSender, RecipientNotFound, AuthFailure, TooLarge: it is for another consortium, trustee or key.
        EncodingError, InvalidScalar: it has another layout, or a key that no member stated.
    """
    sender = address(Header.from_bytes(file[:CORE_BYTES]).sender)
    if sender not in federation.book.members:
        raise UnknownSender(sender)
    for key in own:
        expected = Expected(_core(federation, sender, successor, key.key_id), sha256(file), SEATS_CAP)
        if expected.core.to_bytes() == file[:CORE_BYTES]:
            return _known(federation, receive(file, expected, key), vault)
    raise RecipientNotFound


def _known(federation: Federation, body: bytes, vault: Vault) -> list[LongPrivateKey]:
    reader = Reader(body, "hand-over")
    keys = [LongPrivateKey.from_raw(0, reader.raw(RAW_BYTES)) for _ in range(reader.u8())]
    reader.end()
    stated = {each for account in federation.book.members for each in stated_ids(federation, account, vault)}
    if not stated.issuperset(key.key_id for key in keys):
        raise EncodingError("hand-over", "it has a key that no member put on the ledger")
    return keys


def _core(federation: Federation, sender: Address, successor: Address, key_id: bytes) -> Core:
    context = Writer("seats").raw(successor, 20).raw(key_id, 16).digest()
    return Core(Kind.SEATS, key_anchor(federation.anchor), sender, 0, 0, context, suite=Suite.HYBRID)
