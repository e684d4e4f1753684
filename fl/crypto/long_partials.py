"""A trustee's answer about a record of suite 2: the partial decryption of one half, and the shares of the other.

Invariant: a wrong part is recognised, by the proof of the partial decryption or the commitment of the share; then the
whole answer is not used, and its sender is named.

Layout (big-endian):
    body  = u_j[33] ‖ proof[64] ‖ count:u8 ‖ count · (seat:u16 ‖ f(seat)[32]), seats ascending

A trustee whose seat another one has now, or who never had one, sends none. A trustee who took over seats sends theirs.

Source: PROTOCOL.md 9 (Encapsulation for decades; Requests).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fl.crypto import partial_decryption as partials
from fl.crypto.capsule import Capsule, RequestBinding
from fl.crypto.curve import SCALAR_BYTES, Point
from fl.crypto.group import parse_scalar, scalar_bytes
from fl.crypto.hybrid_kem import LongPrivateKey
from fl.crypto.long_committee import MAX_SEATS, Half, Halves, open_shares
from fl.crypto.partial_decryption import PARTIAL_BYTES
from fl.crypto.sharing import Share
from fl.crypto.threshold import CommitteePublicKey, ThresholdKey
from fl.protocol.codec import Reader, Writer
from fl.protocol.errors import CiphertextInvalid, EncodingError, InvalidScalar, PartialInvalid, QuorumNotReached
from fl.protocol.names import Address

LONG_PARTIAL_CAP = PARTIAL_BYTES + 1 + (2 + SCALAR_BYTES) * MAX_SEATS
"""The largest body, in bytes."""


@dataclass(frozen=True)
class CombinedHalves:
    """The result of enough answers, and the wrong ones among them."""

    secret: Halves
    """For envelope.open_with."""
    wrong: tuple[Address, ...]
    """In the order of the input."""


def approve(
    capsule: Capsule, binding: RequestBinding, key: ThresholdKey, share: Share, own: Sequence[LongPrivateKey]
) -> bytes:
    """Check the capsule, then return a trustee's answer; `own` are the long keys of its seats.

    Raises:
        CiphertextInvalid, PolicyNotApproved: as Capsule.check; or a sealed share is wrong.
        AuthFailure: a share was sealed for another ciphertext, or is damaged.
    """
    ciphertext, half = capsule.check(binding, key), half_of(capsule)
    shares = open_shares(half, key, binding.label, ciphertext, own)
    writer = Writer().raw(partials.approve(capsule, binding, key, share), PARTIAL_BYTES).u8(len(shares))
    for index in sorted(shares):
        writer.u16(index).raw(scalar_bytes(shares[index]), SCALAR_BYTES)
    return writer.bytes()


def combine(
    answers: Mapping[Address, bytes], committee: CommitteePublicKey, binding: RequestBinding, capsule: Capsule
) -> CombinedHalves:
    """Return both halves from enough right answers, and name the wrong ones.

    Raises:
        QuorumNotReached: fewer right partial decryptions than t of the committee, or fewer right shares than t of the
            sealed half.
    """
    half, points, shares, wrong = half_of(capsule), dict[int, Point](), dict[int, int](), []
    for trustee, body in answers.items():
        try:
            given = _shares(body[PARTIAL_BYTES:], trustee, half, binding)
            point = partials.verify(body[:PARTIAL_BYTES], trustee, committee, binding, capsule.ciphertext)
        except PartialInvalid:
            wrong.append(trustee)
            continue
        points[committee.index_of(trustee)] = point
        shares.update(given)
    secret = partials.secret_point(points, committee)
    if len(shares) < half.threshold:
        raise QuorumNotReached(len(shares), half.threshold)
    return CombinedHalves(Halves(secret, half.secret(shares)), tuple(wrong))


def half_of(capsule: Capsule) -> Half:
    """Return the second half of a capsule, or raise CiphertextInvalid."""
    if capsule.half is None:
        raise CiphertextInvalid("it has no shares for decades")
    return capsule.half


def _shares(data: bytes, trustee: Address, half: Half, binding: RequestBinding) -> dict[int, int]:
    """Return the shares in an answer by seat, or raise PartialInvalid: another layout, or a share that does not fit."""
    reader, found = Reader(data, "answer"), dict[int, int]()
    try:
        for _ in range(reader.u8()):
            index, value = reader.u16(), parse_scalar(reader.raw(SCALAR_BYTES))
            if index <= max(found, default=0) or not half.fits(binding.label, index, value):
                raise PartialInvalid(trustee)
            found[index] = value
        reader.end()
    except (EncodingError, InvalidScalar) as error:
        raise PartialInvalid(trustee) from error
    return found
