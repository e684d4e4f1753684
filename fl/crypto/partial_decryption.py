"""A trustee's answer to a request, and what t answers give: the secret point r·Y, but never the key.

Invariant: a share is multiplied only with a u whose capsule was checked; a wrong answer is named and left out.

Layout:
    ctx     = H("BAFL/1/pdec" ‖ label[32] ‖ request:u64 ‖ use:u8 ‖ epoch:u32 ‖ j:u16)
    partial = u_j[33] ‖ proof[64]          u_j = x_j·u, proof = DLEQ(G, Y_j; u, u_j), context "BAFL/1/pdec" ‖ ctx

A partial is as secret as the file: t of them open it. It travels in a PARTIAL envelope.

Source: PROTOCOL.md 9 (Requests); Shoup and Gennaro 2002, section 5; RFC 9497 2.2.
Not here: what a request must keep (capsule.py); opening the file with r·Y (envelope.open_with).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fl.crypto.capsule import Capsule, RequestBinding, key_anchor
from fl.crypto.curve import GENERATOR, POINT_BYTES, Point
from fl.crypto.dleq import PROOF_BYTES, Statement, prove
from fl.crypto.dleq import verify as verify_proof
from fl.crypto.envelope import Core, Kind
from fl.crypto.group import base_mult, decode_point, encode_point, mult, multi_mult
from fl.crypto.sharing import Share, lagrange
from fl.crypto.threshold import Ciphertext, CommitteePublicKey, ThresholdKey
from fl.protocol.errors import InvalidPoint, NotInCommittee, PartialInvalid, ProofInvalid, QuorumNotReached
from fl.protocol.names import LABEL_PREFIX, Address
from fl.protocol.ports import Anchor

PARTIAL_BYTES = POINT_BYTES + PROOF_BYTES
_DOMAIN = LABEL_PREFIX + b"pdec"


@dataclass(frozen=True)
class CombinedDecryption:
    """What enough partial decryptions give, and whose were wrong."""

    secret: Point = field(repr=False)
    """r·Y, for envelope.open_with."""
    wrong: tuple[Address, ...]
    """In the order in which they were given."""


def approve(capsule: Capsule, binding: RequestBinding, key: ThresholdKey, share: Share) -> bytes:
    """Return a trustee's partial decryption, 97 bytes, after checking what it is asked to open.

    Raises:
        CiphertextInvalid, PolicyNotApproved: as Capsule.check.
    """
    ciphertext = capsule.check(binding, key)
    opened = mult(share.value, ciphertext.u)
    statement = Statement(GENERATOR, base_mult(share.value), (ciphertext.u,), (opened,))
    return encode_point(opened) + prove(share.value, statement, _bound(binding, share.index))


def partial_core(anchor: Anchor, sender: Address, epoch: int, binding: RequestBinding, index: int) -> Core:
    """Return the core of the envelope that the partial decryption of party `index` travels in.

    Args:
        anchor: Of the consortium; the contract becomes the key authority.
        sender: The trustee.
        epoch: That of the trustee's member key.
        binding: Of the request; its number takes the round's place.
        index: j of the trustee.
    """
    return Core(Kind.PARTIAL, key_anchor(anchor), sender, binding.number, epoch, binding.context(index))


def verify(
    partial: bytes, trustee: Address, committee: CommitteePublicKey, binding: RequestBinding, ciphertext: Ciphertext
) -> Point:
    """Return u_j of a trustee's partial decryption, 97 bytes.

    Raises:
        PartialInvalid: naming the trustee, who holds no share or gave another answer than its share does.
    """
    try:
        index, public = committee.index_of(trustee), committee.share_of(trustee)
        opened = decode_point(partial[:POINT_BYTES])
        statement = Statement(GENERATOR, public, (ciphertext.u,), (opened,))
        verify_proof(partial[POINT_BYTES:], statement, _bound(binding, index))
    except (NotInCommittee, InvalidPoint, ProofInvalid) as error:
        raise PartialInvalid(trustee) from error
    return opened


def combine(
    partials: Mapping[Address, bytes], committee: CommitteePublicKey, binding: RequestBinding, ciphertext: Ciphertext
) -> CombinedDecryption:
    """Return r·Y from at least t right partial decryptions, and name the wrong ones.

    Raises:
        QuorumNotReached: fewer than t are right.
    """
    found: dict[int, Point] = {}
    wrong = []
    for trustee, partial in partials.items():
        try:
            opened = verify(partial, trustee, committee, binding, ciphertext)
        except PartialInvalid:
            wrong.append(trustee)
            continue
        found[committee.index_of(trustee)] = opened
    if len(found) < committee.threshold:
        raise QuorumNotReached(len(found), committee.threshold)
    indices = sorted(found)[: committee.threshold]
    secret = multi_mult(lagrange(indices), [found[index] for index in indices])
    return CombinedDecryption(secret, tuple(wrong))


def _bound(binding: RequestBinding, index: int) -> bytes:
    return _DOMAIN + binding.context(index)
