"""The one file in which a hospital of a round with clusters gets the shares that its mates sealed to it.

Invariant: a parcel is given only if the root in its dealer's signed step covers it. So who complains about it, and who
judges the complaint, speak of the bytes that the dealer signed, whatever the coordinator wrote.

Source: PROTOCOL.md 5W.5, Parcels.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from fl.protocol.errors import EncodingError, NotInSet, ParcelsInvalid, ProofInvalid
from fl.protocol.names import Address, Digest
from fl.protocol.parcels import read_received, received_cap
from fl.protocol.ports import Vault
from fl.protocol.rounds.mask_graph import graph_of
from fl.protocol.rounds.round import Round
from fl.replay.vault_files import read_document


def received_by(current: Round, receiver: Address, vault: Vault) -> Mapping[Address, bytes]:
    """Return the sealed shares for one hospital, by dealer: its mates that went on after SHARE.

    Raises:
        NotInSet: it did not go on after SHARE, or the reader does not look at its cluster.
        VaultMissing: its file is not there.
        TooLarge, HashMismatch: the vault, if it is not an `Awaited` one, has other bytes in its place.
        ParcelsInvalid: the coordinator recorded a wrong file.
    """
    if receiver not in current.received:
        raise NotInSet(receiver)
    digest, members = current.received[receiver], tuple(sorted(graph_of(current).holders(receiver)))
    data = read_document(vault, digest, received_cap(len(members) - 1))
    roots = tuple(
        (each, current.dealt[each].bundle_digest) for each in members if each != receiver and each in current.received
    )
    try:
        return _parsed(data, current.context, receiver, members, roots)
    except (EncodingError, ProofInvalid) as error:
        raise ParcelsInvalid(current.number, receiver, digest, str(error).rstrip(".")) from error


@lru_cache(maxsize=4)
def _parsed(
    data: bytes,
    context: bytes,
    receiver: Address,
    members: tuple[Address, ...],
    roots: tuple[tuple[Address, Digest], ...],
) -> Mapping[Address, bytes]:
    """Parse a file once for all complaints of its receiver; errors are not cached."""
    return read_received(data, context, receiver, members, dict(roots))
