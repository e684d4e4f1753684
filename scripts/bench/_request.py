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

    @classmethod
    def draw(cls, threshold: int = 2, trustees: int = 3) -> Scene:
        """Return a new request; the patient consented to treatment and emergency."""
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
        file = bytes(seal(policy.core(anchor, hospital, 1, key), [key], RECORD))
        capsule = Capsule.of(file, key, policy.to_bytes())
        binding = RequestBinding(capsule.label, NUMBER, KeyUse.RECORDS, EPOCH, Purpose.TREATMENT)
        keys = PrivateKey.generate(1), PrivateKey.generate(2)
        return cls(anchor, committee, shares, accounts, hospital, keys[0], requester, keys[1], file, capsule, binding)

    def kit(self, place: int, password: str) -> bytes:
        """Return a trustee's approval kit, by its index from 0."""
        share, account = self.shares[place], self.accounts[place]
        seat = Seat(account.address, KeyUse.RECORDS, EPOCH, share.index)
        site = KitChain(CHAIN, self.anchor.authority, self.anchor.consortium)
        return lock(Kit(HeldShare(seat, share.value), site, account.secret), password)

    def block(self, place: int, now: int) -> dict[str, Any]:
        """Return the JSON facts of the page of a trustee; `now` in seconds since 1970."""
        capsule, reader = self.capsule.to_bytes(), self.requester_key.member_key
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
            "submit_url": "/answer",
        }
