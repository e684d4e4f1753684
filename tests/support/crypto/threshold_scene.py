"""Ceremonies and requests in memory: members with keys, committees, a sealed record."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from fl.crypto import share_encryption as sealing
from fl.crypto.capsule import Capsule, Readers, RecordPolicy, RequestBinding
from fl.crypto.curve import ORDER
from fl.crypto.dkg import Dealing, Receiver, Setting, committee, deal, new_share, parcel, verify_dealing
from fl.crypto.envelope import open_with, seal
from fl.crypto.envelope_form import Core, Expected
from fl.crypto.group import base_mult
from fl.crypto.partial_decryption import CombinedDecryption, approve, combine
from fl.crypto.sharing import Commitments, Share
from fl.crypto.threshold import CommitteePublicKey
from fl.protocol.codec import sha256
from fl.protocol.names import Address, CeremonyKind, KeyUse, Purpose
from fl.protocol.ports import Anchor

ANCHOR = Anchor(bytes(range(32)), 31337, Address(b"\xa0" * 20), Address(b"\xa1" * 20))
HOSPITAL = Address(b"\x11" * 20)
PLAINTEXT = b"what a cell looked like"
CAP = 4096


def account(number: int) -> Address:
    return Address(bytes(18) + (1000 + 7 * number).to_bytes(2, "big"))


def secret_of(who: Address) -> int:
    """Return a member's HPKE key."""
    return int.from_bytes(sha256(who), "big") % ORDER


def receiver(who: Address) -> Receiver:
    return Receiver(who, base_mult(secret_of(who)))


@dataclass(frozen=True)
class Made:
    """A committee with its secrets."""

    committee: CommitteePublicKey
    shares: Mapping[Address, Share]

    def approve(self, capsule: Capsule, binding: RequestBinding, who: Address) -> bytes:
        return approve(capsule, binding, self.committee.key, self.shares[who])

    def answers(self, capsule: Capsule, binding: RequestBinding, whose: Sequence[Address]) -> dict[Address, bytes]:
        return {who: self.approve(capsule, binding, who) for who in whose}


def setting_of(kind: CeremonyKind, threshold: int, parties: Sequence[int], old: Made | None = None) -> Setting:
    receivers = tuple(receiver(account(number)) for number in parties)
    return Setting(os.urandom(32), kind, threshold, receivers, old.committee if old else None)


def dealt(setting: Setting, dealers: Sequence[Address], old: Made | None = None) -> dict[Address, Dealing]:
    return {who: deal(setting, who, old.shares[who] if old else None) for who in dealers}


def vectors(setting: Setting, dealings: Mapping[Address, Dealing]) -> dict[Address, Commitments]:
    return {who: verify_dealing(setting, who, each.commitments, each.proof) for who, each in dealings.items()}


def received(setting: Setting, who: Address, dealings: Mapping[Address, Dealing]) -> dict[Address, Share]:
    """Return a receiver's shares by dealer, opened and verified."""
    found = {}
    for dealer, vector in vectors(setting, dealings).items():
        target = parcel(setting, vector, who, dealings[dealer].bundle)
        [found[dealer]] = sealing.unseal(target, secret_of(who))
    return found


def finish(setting: Setting, dealings: Mapping[Address, Dealing], old: Made | None = None) -> Made:
    made = committee(setting, list(vectors(setting, dealings).values()))
    kept = old.shares if old and setting.kind == CeremonyKind.REFRESH else {}
    shares = {
        who: new_share(setting, made, who, received(setting, who, dealings), kept.get(who)) for who in made.accounts
    }
    return Made(made, shares)


@lru_cache
def generated(parties: int, threshold: int) -> Made:
    setting = setting_of(CeremonyKind.GENERATE, threshold, range(1, parties + 1))
    return finish(setting, dealt(setting, [each.account for each in setting.receivers]))


def refreshed(old: Made, dealers: int | None = None) -> Made:
    parties = [(int.from_bytes(who[-2:], "big") - 1000) // 7 for who in old.committee.accounts]
    setting = setting_of(CeremonyKind.REFRESH, old.committee.threshold, parties, old)
    return finish(setting, dealt(setting, old.committee.accounts[:dealers], old), old)


def reshared(old: Made, threshold: int, parties: Sequence[int], dealers: Sequence[Address]) -> Made:
    setting = setting_of(CeremonyKind.RESHARE, threshold, parties, old)
    return finish(setting, dealt(setting, dealers, old), old)


@dataclass(frozen=True)
class Record:
    """A sealed record, and a request to open it."""

    core: Core
    file: bytes
    capsule: Capsule
    binding: RequestBinding

    def opened(self, opening: CombinedDecryption, who: CommitteePublicKey) -> bytes:
        return open_with(self.file, Expected(self.core, sha256(self.file), CAP), who.key, opening.secret)

    def open_by(self, made: Made, answers: Mapping[Address, bytes]) -> bytes:
        return self.opened(combine(answers, made.committee, self.binding, self.capsule.ciphertext), made.committee)

    def asked_in(self, epoch: int) -> Record:
        return replace(self, binding=replace(self.binding, epoch=epoch))


def record_for(who: CommitteePublicKey, purpose: Purpose = Purpose.TREATMENT) -> Record:
    policy = RecordPolicy(os.urandom(16), Readers.TRUSTEES, frozenset({Purpose.TREATMENT, Purpose.RESEARCH}))
    core = policy.core(ANCHOR, HOSPITAL, 1, who.key)
    file = bytes(seal(core, [who.key], PLAINTEXT))
    capsule = Capsule.of(file, who.key, policy.to_bytes())
    return Record(core, file, capsule, RequestBinding(capsule.label, 7, KeyUse.RECORDS, 1, purpose))
