"""Parcels of a round with clusters: each hospital gets one file with all shares that its mates sealed to it.

A dealer signs one root over its parcels. The coordinator gets them all. It writes for each receiver the parcels for it,
each with its path to the root in the dealer's signed step.

Invariant: a parcel out of a receiver's file is the one under its dealer's root, at the receiver's place. The bytes of a
file follow from the dealers' parcels alone, so a restart writes the same ones.

Layout (big-endian):
    posted   = n:u16 ‖ n·parcel[210]                 by a dealer, one for each mate, ascending by account
    root     = MTH(parcel_1 … parcel_n)              RFC 9162, 2.1.1
    received = "BAFL/1/received" ‖ context[32] ‖ receiver[20] ‖ n:u16 ‖ n·(dealer[20] ‖ parcel[210] ‖ m:u8 ‖ m·node[32])
    file of a cluster in SHARE = its batch of steps ‖ SHA-256(received)[32] for each step that goes on

Source: PROTOCOL.md 5W.5, Parcels; RFC 9162.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fl.protocol import merkle
from fl.protocol.codec import Reader, Writer
from fl.protocol.errors import EncodingError, ProofInvalid
from fl.protocol.names import ADDRESS_BYTES, DIGEST_BYTES, Address, Digest

PARCEL_BYTES = 210
"""enc[65] ‖ known[65] ‖ ciphertext[64] ‖ tag[16] (fl/crypto/share_delivery.py)."""
MOST_NODES = 10
"""Of a path: a cluster has at most 1,024 hospitals."""
_LABEL, _WHAT = "received", "received parcels"
_HEAD_BYTES = len(Writer(_LABEL).bytes()) + 32 + ADDRESS_BYTES + 2


def posted_cap(mates: int) -> int:
    """Return the size of what a dealer posts, in bytes."""
    return 2 + PARCEL_BYTES * mates


def received_cap(mates: int) -> int:
    """Return the largest size of a receiver's file, in bytes."""
    nodes = max(mates - 1, 0).bit_length()
    return _HEAD_BYTES + mates * (ADDRESS_BYTES + PARCEL_BYTES + 1 + DIGEST_BYTES * nodes)


def place_of(members: Sequence[Address], dealer: Address, receiver: Address) -> tuple[int, int]:
    """Return the place of a receiver's parcel among a dealer's, from 0, and how many the dealer has.

    Args:
        members: The hospitals of the cluster that got keys of all others (those of U1), ascending.
        dealer: One of them.
        receiver: Another one of them; ValueError otherwise.
    """
    if dealer == receiver or dealer not in members:
        raise ValueError("nobody deals to itself, or from outside the cluster")
    return members.index(receiver) - (dealer < receiver), len(members) - 1


def received_files(
    context: bytes, members: Sequence[Address], posted: Mapping[Address, Sequence[bytes]]
) -> dict[Address, bytes]:
    """Return the file of each hospital in `posted`, with the parcels of all others in `posted`.

    Args:
        context: Of the round, 32 bytes.
        members: As in `place_of`.
        posted: Dealer that goes on -> its parcels, one for each other one of `members`, ascending.
    """
    files = {who: Writer(_LABEL).raw(context, 32).raw(who, ADDRESS_BYTES).u16(len(posted) - 1) for who in posted}
    places = {each: place for place, each in enumerate(members)}
    for dealer in sorted(posted):
        parcels = posted[dealer]
        paths = merkle.inclusion_paths(parcels)
        for receiver in posted:
            if receiver == dealer:
                continue
            at = places[receiver] - (dealer < receiver)
            writer = files[receiver].raw(dealer, ADDRESS_BYTES).raw(parcels[at], PARCEL_BYTES).u8(len(paths[at]))
            for node in paths[at]:
                writer.raw(node, DIGEST_BYTES)
    return {who: writer.bytes() for who, writer in files.items()}


def read_received(
    data: bytes, context: bytes, receiver: Address, members: Sequence[Address], roots: Mapping[Address, Digest]
) -> dict[Address, bytes]:
    """Parse a receiver's file: dealer -> parcel, each proven.

    Args:
        data: The file.
        context: Of the round, 32 bytes.
        receiver: Whose file it must be.
        members: As in `place_of`.
        roots: The root in the signed step of each dealer that must be in the file, the receiver's mates that go on.

    Raises:
        EncodingError: another layout, round or receiver, or other dealers.
        ProofInvalid: the path of a parcel does not lead to its dealer's root.
    """
    reader = Reader(data, _WHAT)
    head = Writer(_LABEL).raw(context, 32).raw(receiver, ADDRESS_BYTES).u16(len(roots)).bytes()
    if reader.raw(len(head)) != head:
        raise EncodingError(_WHAT, "it belongs to another round or hospital, or has another number of parcels")
    found: dict[Address, bytes] = {}
    for dealer in sorted(roots):
        if reader.raw(ADDRESS_BYTES) != dealer:
            raise EncodingError(_WHAT, "its dealers are not those that go on, in their order")
        parcel, nodes = reader.raw(PARCEL_BYTES), reader.u8()
        if nodes > MOST_NODES:
            raise EncodingError(_WHAT, f"a path has {nodes} nodes; {MOST_NODES} are allowed")
        path = [reader.raw(DIGEST_BYTES) for _ in range(nodes)]
        try:
            merkle.verify_inclusion(parcel, *place_of(members, dealer, receiver), path, roots[dealer])
        except ProofInvalid as error:
            raise ProofInvalid(f"the parcel of 0x{dealer.hex()}") from error
        found[dealer] = parcel
    reader.end()
    return found


def with_received(batch: bytes, received: Mapping[Address, Digest]) -> bytes:
    """Return the file of a cluster in SHARE: its batch of steps, and the digests of the receivers' files."""
    return batch + b"".join(received[who] for who in sorted(received))


def without_received(file: bytes, going: int) -> tuple[bytes, tuple[Digest, ...]]:
    """Split the file of a cluster in SHARE of which `going` hospitals go on; EncodingError if it is too short."""
    cut = len(file) - going * DIGEST_BYTES
    if going < 0 or cut < 0:
        raise EncodingError("batch of steps", "it does not have the files of all receivers")
    return file[:cut], tuple(Digest(file[at : at + DIGEST_BYTES]) for at in range(cut, len(file), DIGEST_BYTES))
