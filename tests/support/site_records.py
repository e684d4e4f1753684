"""The site's sealed records without hospital, envelope or chain: one secret key, one list of roots.

Invariant: what is stored tells nothing without the key; a changed file, salt or policy does not open. The same suite
holds it and the real one to that (tests/memory/test_webui_record_services.py).

Not here: requests to the committee (site_decryption_requests.py).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fl.crypto.capsule import NO_KEY, Readers, RecordPolicy
from fl.crypto.envelope_form import CORE_BYTES
from fl.crypto.long_committee import FIRST_BYTES
from fl.protocol.errors import AuthFailure, ChainUnavailable, HashMismatch, NoCommittee, RecipientNotFound, WrongBatch
from fl.protocol.names import Address, Digest, KeyUse
from webui.ports.records import Anchored, CommitteeFacts, SealedRecord, Sealer

HOSPITAL = Address(bytes.fromhex("a1") * 20)
TRUSTEES = ("Dr Ada", "Dr Ben", "Dr Cleo")


@dataclass
class FakeRecords:
    """Seals with AES-GCM under a key of its own; `hold_key` puts a committee in force."""

    now: Callable[[], int]
    up: Callable[[], bool]
    keys: dict[bytes, CommitteeFacts] = field(default_factory=dict)
    """The newest committee of each key, by its id; the last one is in force."""
    made: list[Anchored] = field(default_factory=list)
    dealt: frozenset[bytes] = frozenset()
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def hold_key(self, *, dealer_made: bool = False) -> None:
        """From now on a new committee holds a new K_REC."""
        epoch, key_id = self.facts.epoch + 1 if self.facts else 1, secrets.token_bytes(16)
        self.keys[key_id] = CommitteeFacts(epoch, 2, TRUSTEES, dealer_made, self.now() + 365 * 86400, key_id)
        self.dealt |= {key_id[:FIRST_BYTES]} if dealer_made else set()

    def refresh(self) -> None:
        """From now on a new committee holds the same K_REC."""
        assert self.facts is not None
        self.keys[self.facts.key_id] = replace(self.facts, epoch=self.facts.epoch + 1)

    @property
    def facts(self) -> CommitteeFacts | None:
        """Return the committee in force."""
        return next(iter(reversed(self.keys.values())), None)

    def sealer(self) -> Sealer:
        return Sealer(HOSPITAL, "alpha", bytes(32), 7357, Address(bytes.fromhex("b2") * 20))

    def dealt_keys(self) -> frozenset[bytes]:
        self._ask()
        return self.dealt

    def committee(self) -> CommitteeFacts | None:
        return self.facts

    def seal(self, policy: RecordPolicy, body: bytes) -> SealedRecord:
        if self.facts is None and policy.readers == Readers.TRUSTEES:
            raise NoCommittee(KeyUse.RECORDS)
        key_id = self.facts.key_id if self.facts else NO_KEY
        nonce = secrets.token_bytes(12)
        bound = policy.to_bytes() + key_id
        file = bound.ljust(CORE_BYTES, b".") + nonce + AESGCM(self._key).encrypt(nonce, body, bound)
        return SealedRecord(file, secrets.token_bytes(32), policy, key_id, 1)

    def open(self, sealed: SealedRecord, leaf: Digest) -> bytes:
        if sealed.policy.readers == Readers.TRUSTEES:
            raise RecipientNotFound
        return self.open_with_quorum(sealed, leaf)

    def open_with_quorum(self, sealed: SealedRecord, leaf: Digest) -> bytes:
        if sealed.leaf != leaf:
            raise HashMismatch(leaf, sealed.leaf)
        try:
            bound = sealed.policy.to_bytes() + sealed.key_id
            sealed_body = sealed.file[CORE_BYTES:]
            return AESGCM(self._key).decrypt(sealed_body[:12], sealed_body[12:], bound)
        except InvalidTag as error:
            raise AuthFailure("body") from error

    def roots(self) -> list[Anchored]:
        self._ask()
        return list(self.made)

    def anchor(self, batch: int, root: Digest) -> Anchored:
        self._ask()
        if batch != len(self.made) + 1:
            raise WrongBatch(len(self.made) + 1, batch)
        transaction = sha256(root).digest()
        self.made.append(Anchored(batch, root, 100 + batch, transaction, self.now()))
        return self.made[-1]

    def expire(self) -> None:
        """The committee's shares are not good any more."""
        assert self.facts is not None
        self.keys[self.facts.key_id] = replace(self.facts, expires_at=self.now() - 1)

    def _ask(self) -> None:
        if not self.up():
            raise ChainUnavailable("http://ledger.example", "connection refused")
