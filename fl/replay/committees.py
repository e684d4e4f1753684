"""The public side of ceremonies, from ledger and vault: settings, qualified dealers, committees' public keys.

Invariant: every trustee, requester and auditor computes the same from the same records; no function needs a secret.

Source: PROTOCOL.md 9, Ceremonies.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from fl.crypto import dkg as dealing
from fl.crypto import share_encryption as sealing
from fl.crypto.dkg import BUNDLE_CAP, Receiver, Setting
from fl.crypto.group import encode_point
from fl.crypto.share_encryption import SealedShares
from fl.crypto.sharing import Commitments
from fl.crypto.threshold import CommitteePublicKey
from fl.protocol.errors import (
    CommitteeMismatch,
    EncodingError,
    FalseComplaint,
    HemaledgerError,
    NoCommittee,
    TooLarge,
    VaultMissing,
)
from fl.protocol.keys.ceremony import Ceremony, CeremonyPhase, shares_digest
from fl.protocol.keys.threshold import ThresholdKeys
from fl.protocol.names import Address, CeremonyKind, Digest, KeyUse
from fl.protocol.ports import Vault
from fl.protocol.steps import complaints_of
from fl.replay.vault_files import read_document

KEEPING = (CeremonyKind.REFRESH, CeremonyKind.RESHARE)
_CHECKED: dict[tuple[bytes, Digest], CommitteePublicKey] = {}
"""(ctx, digest of the public shares) -> the committee, after it was computed from its dealings."""


def committee_keys(keys: ThresholdKeys, use: KeyUse, epoch: int) -> CommitteePublicKey:
    """Return the public keys of an epoch's committee, from the dealings of its ceremony and earlier ones.

    Raises:
        NoCommittee: no ceremony of that number made a committee.
        CommitteeMismatch: the trustees' confirmation does not follow from the dealings.
    """
    ceremony = _ceremony(keys, use, epoch)
    if ceremony.phase != CeremonyPhase.DONE:
        raise NoCommittee(use)
    outcome = (ceremony.context, ceremony.shares_digest)
    if outcome not in _CHECKED:
        made = committee_of(keys, ceremony)
        if made.key.to_bytes() != ceremony.public_key or outcome_digest(ceremony, made) != ceremony.shares_digest:
            raise CommitteeMismatch
        _CHECKED[outcome] = made
    return _CHECKED[outcome]


def committee_of(keys: ThresholdKeys, ceremony: Ceremony) -> CommitteePublicKey:
    """Return the committee that the named dealers (Q) make; raises as dealing.committee."""
    setting = setting_of(keys, ceremony)
    vectors = [vector_of(setting, ceremony, dealer) for dealer in ceremony.dealers]
    return dealing.committee(setting, vectors)


def setting_of(keys: ThresholdKeys, ceremony: Ceremony) -> Setting:
    """Return the facts that a ceremony's start fixes."""
    old = None
    if ceremony.terms.kind in KEEPING and ceremony.previous is not None:
        old = committee_keys(keys, ceremony.use, ceremony.previous.epoch)
    receivers = tuple(Receiver.of(account, ceremony.keys[account]) for account in ceremony.terms.receivers)
    return Setting(ceremony.context, ceremony.terms.kind, ceremony.terms.threshold, receivers, old)


def vector_of(setting: Setting, ceremony: Ceremony, dealer: Address) -> Commitments:
    """Return a dealer's commitments; raises as dealing.verify_dealing."""
    dealt = ceremony.dealt[dealer]
    return dealing.verify_dealing(setting, dealer, dealt.commitments, dealt.proof)


def parcel_of(setting: Setting, ceremony: Ceremony, dealer: Address, receiver: Address, vault: Vault) -> SealedShares:
    """Return the shares that a dealer sealed to a receiver.

    Raises:
        VaultMissing: the bundle is not in the vault.
        TamperedError, MalformedError: the bundle or the commitments are wrong.
    """
    bundle = read_document(vault, ceremony.dealt[dealer].bundle_digest, BUNDLE_CAP)
    return dealing.parcel(setting, vector_of(setting, ceremony, dealer), receiver, bundle)


def everybody_acted(ceremony: Ceremony) -> bool:
    """Return whether everybody did the step of COMMIT, DEAL or CHECK."""
    awaited = ceremony.terms.receivers if ceremony.phase == CeremonyPhase.CHECK else ceremony.dealers
    return len(_acted(ceremony)) == len(awaited)


def dealers_to_name(keys: ThresholdKeys, ceremony: Ceremony, vault: Vault) -> tuple[Address, ...]:
    """Return the dealers that a close of COMMIT, DEAL or CHECK must name; raises as qualified_dealers."""
    if ceremony.phase == CeremonyPhase.CHECK:
        return qualified_dealers(setting_of(keys, ceremony), ceremony, vault)
    return tuple(dealer for dealer in ceremony.dealers if dealer in _acted(ceremony))


def qualified_dealers(setting: Setting, ceremony: Ceremony, vault: Vault) -> tuple[Address, ...]:
    """Return Q, ascending: the dealers with a usable dealing and without a valid complaint.

    Raises:
        VaultMissing: the bundle of an accused dealer is not in the vault.
    """
    return tuple(dealer for dealer in sorted(ceremony.dealt) if not _at_fault(setting, ceremony, dealer, vault))


def outcome_digest(ceremony: Ceremony, made: CommitteePublicKey) -> Digest:
    """Return the digest of everybody's public share, which receivers confirm."""
    shares = [encode_point(point) for point in made.shares]
    return shares_digest(ceremony.use, ceremony.number, made.key.to_bytes(), shares)


def _acted(ceremony: Ceremony) -> Collection[Address]:
    acted: Mapping[CeremonyPhase, Collection[Address]] = {
        CeremonyPhase.COMMIT: ceremony.committed,
        CeremonyPhase.DEAL: ceremony.dealt,
        CeremonyPhase.CHECK: ceremony.checked,
    }
    return acted.get(ceremony.phase, ())


def _ceremony(keys: ThresholdKeys, use: KeyUse, number: int) -> Ceremony:
    ceremonies = keys.ceremonies.get(use, ())
    if not 1 <= number <= len(ceremonies):
        raise NoCommittee(use)
    return ceremonies[number - 1]


def _at_fault(setting: Setting, ceremony: Ceremony, dealer: Address, vault: Vault) -> bool:
    try:
        vector_of(setting, ceremony, dealer)
    except HemaledgerError:
        return True
    complaints = {
        receiver: complaint
        for receiver, checked in ceremony.checked.items()
        for accused, complaint in complaints_of(checked.complaints)
        if accused == dealer
    }
    if sum(not any(complaint) for complaint in complaints.values()) >= ceremony.terms.threshold:
        return True  # a threshold of receivers without shares means that the bundle never came
    return any(
        _upheld(setting, ceremony, dealer, receiver, complaint, vault) for receiver, complaint in complaints.items()
    )


def _upheld(
    setting: Setting, ceremony: Ceremony, dealer: Address, receiver: Address, complaint: bytes, vault: Vault
) -> bool:
    """Return whether a receiver's complaint about a dealer is valid."""
    try:
        parcel = parcel_of(setting, ceremony, dealer, receiver, vault)
    except EncodingError:  # everybody can see the wrong layout
        return True
    except TooLarge as error:  # a dealer's bundle is never this large: somebody else wrote the file
        raise VaultMissing(ceremony.dealt[dealer].bundle_digest) from error
    try:
        sealing.uphold(complaint, parcel)
    except FalseComplaint:
        return False
    return True
