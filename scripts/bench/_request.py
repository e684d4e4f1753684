"""One request to open one record, with its committee, as a trustee's page, browser and terminal get it.

Invariant: everything is random; there is no ledger.

Source: PROTOCOL.md 9; the page's contract in webui/client/approve.js.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chain.transactions.keystore import AccountKey, generate
from chain.transactions.sender import FREE_GAS_LIMIT
from fl.crypto.capsule import Capsule, Readers, RecordPolicy, RequestBinding
from fl.crypto.curve import Point
from fl.crypto.encrypted_keystore import HeldShare, Kit, KitChain, Seat, lock
from fl.crypto.envelope import seal
from fl.crypto.group import base_mult, encode_point, random_scalar
from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.hybrid_kem import LongPrivateKey
from fl.crypto.key_wrapping import CommitteeKey
from fl.crypto.long_committee import LongCommittee
from fl.crypto.sharing import Polynomial, Share
from fl.crypto.threshold import CommitteePublicKey, ThresholdKey
from fl.protocol.codec import sha256
from fl.protocol.names import Address, KeyUse, Purpose
from fl.protocol.ports import Anchor

CHAIN = 31337
EPOCH = 3
KEY_EPOCH = 4
"""Of the trustee's member key."""
NUMBER = 41
RECORD = b"what a cell looked like"


@dataclass(frozen=True)
class Scene:
    """A sealed record, the request to open it, and the committee that answers."""

    anchor: Anchor
    committee: CommitteePublicKey
    shares: Sequence[Share]
    accounts: Sequence[AccountKey]
    """Of the trustees, ascending."""
    hospital: Address
    hospital_key: PrivateKey
    requester: Address
    requester_key: PrivateKey
    file: bytes
    """The record's envelope."""
    capsule: Capsule
    binding: RequestBinding
    long_keys: Sequence[LongPrivateKey] = ()
    """Of the trustees, if the record is sealed for decades."""
    requester_long: LongPrivateKey | None = None

    @classmethod
    def draw(cls, threshold: int = 2, trustees: int = 3, *, long: bool = False) -> Scene:
        """Return a new request; the patient consented to treatment and emergency. `long`: suite 2."""
        authority, contract = (Address(os.urandom(20)) for _ in range(2))
        anchor = Anchor(os.urandom(32), CHAIN, authority, contract)
        polynomial = Polynomial.draw(random_scalar(), threshold)
        key = ThresholdKey(base_mult(polynomial.coefficients[0]))
        shares = [polynomial.share(index) for index in range(1, trustees + 1)]
        accounts = sorted((generate() for _ in shares), key=lambda each: each.address)
        publics: tuple[Point, ...] = tuple(base_mult(each.value) for each in shares)
        committee = CommitteePublicKey(threshold, key, tuple(each.address for each in accounts), publics)
        hospital, requester = (Address(os.urandom(20)) for _ in range(2))
        policy = RecordPolicy(os.urandom(16), Readers.TRUSTEES, frozenset({Purpose.TREATMENT, Purpose.EMERGENCY}))
        long_keys = [LongPrivateKey.generate(1) for _ in shares] if long else []
        seats = LongCommittee(key, threshold, tuple(each.long_key for each in long_keys))
        name: CommitteeKey = seats.seats if long else key
        file = bytes(seal(policy.core(anchor, hospital, 1, name), [seats if long else key], RECORD))
        capsule = Capsule.of(file, name, policy.to_bytes())
        binding = RequestBinding(capsule.label, NUMBER, KeyUse.RECORDS, EPOCH, Purpose.TREATMENT, suite=capsule.suite)
        return cls(
            anchor=anchor,
            committee=committee,
            shares=shares,
            accounts=accounts,
            hospital=hospital,
            hospital_key=PrivateKey.generate(1),
            requester=requester,
            requester_key=PrivateKey.generate(2),
            file=file,
            capsule=capsule,
            binding=binding,
            long_keys=long_keys,
            requester_long=LongPrivateKey.generate(2) if long else None,
        )

    def kit(self, place: int, password: str) -> bytes:
        """Return a trustee's approval kit, by its index from 0."""
        share, account = self.shares[place], self.accounts[place]
        seat = Seat(account.address, KeyUse.RECORDS, EPOCH, share.index)
        site = KitChain(CHAIN, self.anchor.authority, self.anchor.consortium)
        own = tuple(each.to_raw() for each in self.long_keys[place : place + 1])
        return lock(Kit(HeldShare(seat, share.value), site, account.secret, own), password)

    def block(self, place: int, now: int) -> dict[str, Any]:
        """Return the JSON facts of the page of a trustee; `now` in seconds since 1970."""
        capsule = self.capsule.to_bytes()
        reader = self.requester_long.long_key if self.requester_long else self.requester_key.member_key
        return {
            "request": self.binding.number,
            "key_use": int(self.binding.use),
            "label": self.binding.label.hex(),
            "capsule": capsule.hex(),
            "capsule_digest": sha256(capsule).hex(),
            "model_context": "",
            "purpose": int(self.binding.purpose),
            "deadline": now + 3600,
            "expires_at": now + 24 * 3600,
            "requester": self.requester.hex(),
            "members": [each.hex() for each in (self.hospital, self.requester, *self.committee.accounts)],
            "epoch": self.binding.epoch,
            "index": self.shares[place].index,
            "public_share": encode_point(self.committee.shares[place]).hex(),
            "threshold_key": self.committee.key.to_bytes().hex(),
            "chain_id": self.anchor.chain_id,
            "authority": self.anchor.authority.hex(),
            "consortium": self.anchor.consortium.hex(),
            "trustee": self.accounts[place].address.hex(),
            "trustee_key_epoch": KEY_EPOCH,
            "nonce": 5,
            "fees": {"gas": FREE_GAS_LIMIT, "max_fee_per_gas": 0, "max_priority_fee_per_gas": 0},
            "recipients": [{"key_id": reader.key_id.hex(), "public_key": reader.public_key.hex()}],
            "long_ids": [each.key_id.hex() for each in self.long_keys[place : place + 1]],
            "submit_url": "/answer",
        }
