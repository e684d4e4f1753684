"""A trustee's answer to a request; t answers together give the secret point r·Y, but never the key.

Invariant: a share is multiplied only with a u whose capsule passed its checks. A wrong answer is named and not used.

Layout:
    ctx     = H("BAFL/1/pdec" ‖ label[32] ‖ request:u64 ‖ use:u8 ‖ epoch:u32 ‖ j:u16)
    partial = u_j[33] ‖ proof[64]          u_j = x_j·u, proof = DLEQ(G, Y_j; u, u_j), context "BAFL/1/pdec" ‖ ctx

A partial is as secret as the file, since t of them open it. So it is sent in a PARTIAL envelope.

Source: PROTOCOL.md 9 (Requests); Shoup and Gennaro 2002, section 5; RFC 9497 2.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fl.crypto.capsule import Capsule, RequestBinding, key_anchor
from fl.crypto.curve import GENERATOR, POINT_BYTES, Point
from fl.crypto.dleq import PROOF_BYTES, Statement, prove
from fl.crypto.dleq import verify as verify_proof
from fl.crypto.envelope_form import Core, Kind
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
    """The result of enough partial decryptions, and the wrong ones among them."""

    secret: Point = field(repr=False)
    """r·Y, for envelope.open_with."""
    wrong: tuple[Address, ...]
    """In the order of the input."""


def approve(capsule: Capsule, binding: RequestBinding, key: ThresholdKey, share: Share) -> bytes:
    """Check the capsule, then return a trustee's partial decryption, 97 bytes.

    Raises:
        CiphertextInvalid, PolicyNotApproved: as Capsule.check.
    """
    ciphertext = capsule.check(binding, key)
    opened = mult(share.value, ciphertext.u)
    statement = Statement(GENERATOR, base_mult(share.value), (ciphertext.u,), (opened,))
    return encode_point(opened) + prove(share.value, statement, _bound(binding, share.index))


def partial_core(anchor: Anchor, sender: Address, epoch: int, binding: RequestBinding, index: int) -> Core:
    """Return the core of the envelope of party `index`'s partial decryption.

    Args:
        anchor: Of the consortium; the contract becomes the key authority.
        sender: The trustee.
        epoch: That of the trustee's member key.
        binding: Of the request; its number takes the round's place.
        index: j of the trustee.
    """
    return Core(
        Kind.PARTIAL, key_anchor(anchor), sender, binding.number, epoch, binding.context(index), suite=binding.suite
    )


def verify(
    partial: bytes, trustee: Address, committee: CommitteePublicKey, binding: RequestBinding, ciphertext: Ciphertext
) -> Point:
    """Return u_j of a trustee's partial decryption, 97 bytes.

    Raises:
        PartialInvalid: the trustee has no share, or its answer does not fit its share.
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
    """Return r·Y from at least t valid partial decryptions, and name the invalid ones.

    Raises:
        QuorumNotReached: fewer than t are valid.
    """
    points: dict[int, Point] = {}
    wrong = []
    for trustee, partial in partials.items():
        try:
            opened = verify(partial, trustee, committee, binding, ciphertext)
        except PartialInvalid:
            wrong.append(trustee)
            continue
        points[committee.index_of(trustee)] = opened
    return CombinedDecryption(secret_point(points, committee), tuple(wrong))


def secret_point(points: Mapping[int, Point], committee: CommitteePublicKey) -> Point:
    """Return r·Y from right partial decryptions by index, or raise QuorumNotReached with fewer than t."""
    if len(points) < committee.threshold:
        raise QuorumNotReached(len(points), committee.threshold)
    indices = sorted(points)[: committee.threshold]
    return multi_mult(lagrange(indices), [points[index] for index in indices])


def _bound(binding: RequestBinding, index: int) -> bytes:
    return _DOMAIN + binding.context(index)
