"""Sealed records over the real federation: the hospital's own key, K_REC, and roots on the ledger.

Invariant: a record is opened only after its leaf and every field of its header agree with what was stored.

Source: webui/ports/records.py (the port); PROTOCOL.md 4 and 9.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from fl.crypto.capsule import NO_KEY, Readers, RecordPolicy, key_anchor
from fl.crypto.envelope import receive, seal
from fl.crypto.envelope_form import Core, Expected, Kind
from fl.crypto.key_wrapping import Recipient
from fl.crypto.threshold import ThresholdKey
from fl.protocol.codec import sha256
from fl.protocol.errors import HashMismatch, KeyEpochMismatch, NoCommittee, UnavailableError
from fl.protocol.federation import Federation
from fl.protocol.keys.members import MemberKey
from fl.protocol.merkle import SALT_BYTES
from fl.protocol.names import CeremonyKind, Digest, KeyUse
from fl.protocol.ports import Ledger
from fl.protocol.records import Entry, RecordsAnchored
from fl.replay.ledger_view import Keyring
from webui.ports.records import Anchored, CommitteeFacts, SealedRecord, Sealer

RECORD_CAP = 32 * 2**20
"""Bytes of a sealed record; stored pictures have at most 1024 px a side."""


class LastKnown:
    """The folded ledger, now or when the chain last answered."""

    def __init__(self, federation: Callable[[], Federation]) -> None:
        self._ask = federation
        self._last: Federation | None = None

    def now(self) -> Federation:
        """Return the ledger folded up to now, or raise UnavailableError."""
        self._last = self._ask()
        return self._last

    def newest(self) -> Federation:
        """Return the newest known state, or raise UnavailableError if there is none."""
        try:
            return self.now()
        except UnavailableError:
            if self._last is None:
                raise
            return self._last


class FederationRecords:
    """Implements RecordService."""

    def __init__(self, ledger: Ledger, federation: Callable[[], Federation], keyring: Keyring) -> None:
        self._ledger = ledger
        self._known = LastKnown(federation)
        self._keyring = keyring

    def sealer(self) -> Sealer:
        anchor, account = self._ledger.anchor, self._ledger.account
        name = self._known.newest().book.name_of(account)
        return Sealer(account, name, anchor.consortium, anchor.chain_id, anchor.authority)

    def committee(self) -> CommitteeFacts | None:
        return committee_facts(self._known.newest())

    def dealt_keys(self) -> frozenset[bytes]:
        committees = self._known.newest().threshold.committees(KeyUse.RECORDS)
        dealt = {committee.public_key for committee in committees if committee.origin == CeremonyKind.DEALER}
        return frozenset(ThresholdKey.from_bytes(key).key_id for key in dealt)

    def seal(self, policy: RecordPolicy, body: bytes) -> SealedRecord:
        federation = self._known.newest()
        own, key = self._own_key(federation), threshold_key(federation)
        if key is None and policy.readers == Readers.TRUSTEES:
            raise NoCommittee(KeyUse.RECORDS)
        recipients: list[Recipient] = [own] if policy.readers == Readers.HOSPITAL_AND_TRUSTEES else []
        if key is not None:
            recipients.append(key)
        key_id = key.key_id if key else NO_KEY
        file = bytes(seal(self._core(policy, key_id, own.epoch), recipients, body))
        return SealedRecord(file, secrets.token_bytes(SALT_BYTES), policy, key_id, own.epoch)

    def open(self, sealed: SealedRecord, leaf: Digest) -> bytes:
        expected = self.expected(sealed, leaf)
        return receive(sealed.file, expected, self._keyring.of(sealed.key_epoch))

    def expected(self, sealed: SealedRecord, leaf: Digest) -> Expected:
        """Return what a stored file must contain, or raise HashMismatch if its leaf is not the stored one."""
        if sealed.leaf != leaf:
            raise HashMismatch(leaf, sealed.leaf)
        core = self._core(sealed.policy, sealed.key_id, sealed.key_epoch)
        return Expected(core, sha256(sealed.file), RECORD_CAP)

    def roots(self) -> list[Anchored]:
        roots = self._known.now().threshold.roots.get(self._ledger.account, ())
        return [_anchored(root.batch, root.root, root.entry) for root in roots]

    def anchor(self, batch: int, root: Digest) -> Anchored:
        receipt = self._ledger.append(RecordsAnchored(self._ledger.account, batch, root))
        return _anchored(batch, root, receipt.entry)

    def _core(self, policy: RecordPolicy, key_id: bytes, epoch: int) -> Core:
        anchor = key_anchor(self._ledger.anchor)
        return Core(Kind.RECORD, anchor, self._ledger.account, 0, epoch, policy.bound_to(key_id))

    def _own_key(self, federation: Federation) -> MemberKey:
        """Return the hospital's current key, after checking that this site has the private key."""
        key = federation.book.active(self._ledger.account).key
        if key is None:
            raise KeyEpochMismatch(1, 0)
        self._keyring.of(key.epoch)
        return key


def threshold_key(federation: Federation) -> ThresholdKey | None:
    """Return K_REC, or None if no committee has held it."""
    committee = federation.threshold.in_force(KeyUse.RECORDS)
    return ThresholdKey.from_bytes(committee.public_key) if committee else None


def committee_facts(federation: Federation) -> CommitteeFacts | None:
    """Return who holds K_REC now."""
    committee = federation.threshold.in_force(KeyUse.RECORDS)
    if committee is None:
        return None
    return CommitteeFacts(
        epoch=committee.epoch,
        threshold=committee.threshold,
        trustees=tuple(federation.book.name_of(account) for account in committee.members),
        dealer_made=committee.origin == CeremonyKind.DEALER,
        expires_at=committee.expires_at,
        key_id=ThresholdKey.from_bytes(committee.public_key).key_id,
        accounts=tuple(committee.members),
    )


def _anchored(batch: int, root: Digest, entry: Entry) -> Anchored:
    return Anchored(batch, root, entry.position.block, entry.transaction, entry.timestamp)
