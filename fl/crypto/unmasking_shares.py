"""Unmasking: the shares that each survivor reveals, and the secrets that enough shares give.

Invariant: at most one secret of every hospital can be revealed: b of a survivor, s of a hospital that dropped out.
Both secrets together would reveal its words.

Layout (big-endian) of a response: n:u16 ‖ n·(account[20] ‖ kind:u8 ‖ share[32]), one entry for every hospital of U2,
ascending; kind 1 = g_j(i) because j is in U3, kind 2 = f_j(i) because it is not.

Source: PROTOCOL.md 5, phases 6 and 7; Bonawitz et al., CCS 2017, figure 4, round 4.
Not here: the check that a hospital may reveal at all (phase 5: t endorsements of one set, one set per round).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import IntEnum

from fl.crypto.curve import SCALAR_BYTES
from fl.crypto.group import parse_scalar, scalar_bytes
from fl.crypto.round_keys import Participant
from fl.crypto.share_delivery import SharePair
from fl.crypto.sharing import Share, recover
from fl.protocol.codec import Reader, Writer
from fl.protocol.errors import BelowThreshold, EncodingError, SetMismatch
from fl.protocol.names import Address


class Secret(IntEnum):
    """The secret of a hospital to which a revealed share belongs."""

    OWN = 1
    """b, of a survivor."""
    PAIRWISE = 2
    """s, of a hospital that dropped out."""


@dataclass(frozen=True)
class Uncovered:
    """The secrets that unmask a sum, and the wrong shares among the responses."""

    self_secrets: dict[Address, int] = field(repr=False)
    """b of every survivor."""
    mask_secrets: dict[Address, int] = field(repr=False)
    """s of every hospital that dropped out."""
    wrong: tuple[tuple[Address, Address], ...]
    """(survivor that revealed it, dealer of the secret)."""


def revealed_secret(account: Address, survivors: AbstractSet[Address]) -> Secret:
    """Return which secret of `account` may be revealed when U3 is `survivors`."""
    return Secret.OWN if account in survivors else Secret.PAIRWISE


def answer(
    pairs: Mapping[Address, SharePair], participants: Sequence[Participant], survivors: AbstractSet[Address]
) -> bytes:
    """Return a survivor's response of 2 + 53·|U2| bytes.

    Args:
        pairs: The survivor's shares by dealer, its own included.
        participants: U2, ascending.
        survivors: U3.

    Raises:
        SetMismatch: U3 is not within U2, or a dealer's share is missing.
        BelowThreshold: U3 has fewer hospitals than a secret's threshold, so nothing may be revealed.
    """
    _check_within(survivors, participants)
    required = max((each.own.threshold for each in participants), default=1)
    if len(survivors) < required:
        raise BelowThreshold(len(survivors), required)
    writer = Writer().u16(len(participants))
    for each in participants:
        if each.account not in pairs:
            raise SetMismatch(each.account)
        kind, pair = revealed_secret(each.account, survivors), pairs[each.account]
        share = pair.own if kind is Secret.OWN else pair.pairwise
        writer.raw(each.account, 20).u8(kind).raw(scalar_bytes(share.value), SCALAR_BYTES)
    return writer.bytes()


def parse_answer(
    data: bytes, revealer: Participant, participants: Sequence[Participant], survivors: AbstractSet[Address]
) -> dict[Address, Share]:
    """Return one survivor's shares by dealer.

    Raises:
        EncodingError: another layout, hospital or secret.
        InvalidScalar: a share is not below n.
        SetMismatch: the revealer is not a survivor, or U3 is not within U2.
    """
    _check_within(survivors, participants)
    if revealer.account not in survivors:
        raise SetMismatch(revealer.account)
    reader = Reader(data, "unmasking answer")
    if reader.u16() != len(participants):
        raise EncodingError("unmasking answer", "it does not have an entry for every hospital that dealt")
    shares = {}
    for each in participants:
        if reader.raw(20) != each.account or reader.u8() != revealed_secret(each.account, survivors):
            raise EncodingError("unmasking answer", "an entry names the wrong hospital or secret")
        shares[each.account] = Share(revealer.index, parse_scalar(reader.raw(SCALAR_BYTES)))
    reader.end()
    return shares


def uncover(
    answers: Mapping[Address, Mapping[Address, Share]],
    participants: Sequence[Participant],
    survivors: AbstractSet[Address],
) -> Uncovered:
    """Rebuild the secrets that unmask the sum from the parsed responses, by revealer.

    Raises:
        BelowThreshold: fewer than t right shares of a secret.
        ReconstructMismatch: a dealer's commitments contradict themselves.
    """
    revealers = {share.index: account for account, shares in answers.items() for share in shares.values()}
    secrets: dict[Secret, dict[Address, int]] = {Secret.OWN: {}, Secret.PAIRWISE: {}}
    wrong: list[tuple[Address, Address]] = []
    revealed: dict[Address, list[Share]] = {each.account: [] for each in participants}
    for given in answers.values():
        for dealer in given.keys() & revealed.keys():
            revealed[dealer].append(given[dealer])
    for each in participants:
        kind = revealed_secret(each.account, survivors)
        recovery = recover(revealed[each.account], each.own if kind is Secret.OWN else each.pairwise)
        secrets[kind][each.account] = recovery.secret
        wrong += [(revealers[index], each.account) for index in recovery.invalid]
    return Uncovered(secrets[Secret.OWN], secrets[Secret.PAIRWISE], tuple(wrong))


def _check_within(survivors: AbstractSet[Address], participants: Sequence[Participant]) -> None:
    for stranger in sorted(survivors - {each.account for each in participants}):
        raise SetMismatch(stranger)
