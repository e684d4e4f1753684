"""Sealed records over the real federation: the hospital's own key, K_REC, and roots on the ledger.

Invariant: a record is opened only after its leaf and every field of its header agree with what was stored.

Source: webui/ports/records.py (the port); PROTOCOL.md 4 and 9.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

from fl.crypto.capsule import NO_KEY, Readers, RecordPolicy, key_anchor
from fl.crypto.envelope import receive, seal
from fl.crypto.envelope_form import CORE_BYTES, Core, Expected, Header, Kind
from fl.crypto.key_wrapping import Recipient
from fl.crypto.long_committee import FIRST_BYTES, LongCommittee
from fl.crypto.threshold import ThresholdKey
from fl.protocol.codec import sha256
from fl.protocol.errors import (
    HashMismatch,
    KeyEpochMismatch,
    LongKeyMissing,
    NoCommittee,
    UnavailableError,
    VaultMissing,
)
from fl.protocol.federation import Federation
from fl.protocol.keys.long_keys import LongKey
from fl.protocol.keys.members import MemberKey
from fl.protocol.merkle import SALT_BYTES
from fl.protocol.names import CeremonyKind, Digest, KeyUse, StatementKind, Suite
from fl.protocol.ports import Ledger, Vault
from fl.protocol.records import Entry, RecordsAnchored
from fl.replay.ledger_view import Keyring
from fl.replay.long_committees import long_committee
from webui.ports.records import Anchored, CommitteeFacts, SealedRecord, Sealer

RECORD_CAP = 32 * 2**20
"""Bytes of a sealed record; stored pictures have at most 1024 px a side."""
NOT_NOW = (LongKeyMissing, VaultMissing, UnavailableError)
"""Why the trustees' long keys are not known; until they are, a record is sealed to its hospital alone."""


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

    def __init__(
        self,
        ledger: Ledger,
        federation: Callable[[], Federation],
        keyring: Keyring,
        long_lived: Vault | None = None,
    ) -> None:
        """Seal and open as this hospital.

        Args:
            ledger: Where it anchors its roots.
            federation: Folds it up to now.
            keyring: This hospital's keys.
            long_lived: If records are sealed for decades (suite 2): the vault with the trustees' long keys.
        """
        self._ledger = ledger
        self._known = LastKnown(federation)
        self._keyring = keyring
        self._committees = LongCommittees(long_lived) if long_lived is not None else None

    def sealer(self) -> Sealer:
        anchor, account = self._ledger.anchor, self._ledger.account
        name = self._known.newest().book.name_of(account)
        return Sealer(account, name, anchor.consortium, anchor.chain_id, anchor.authority)

    def committee(self) -> CommitteeFacts | None:
        federation = self._known.newest()
        facts = committee_facts(federation)
        if facts is None or self._committees is None:
            return facts
        try:
            return replace(facts, key_id=self._committees.of(federation).key_id)
        except NOT_NOW:
            return replace(facts, key_id=NO_KEY, ready=False)

    def dealt_keys(self) -> frozenset[bytes]:
        committees = self._known.newest().threshold.committees(KeyUse.RECORDS)
        dealt = {committee.public_key for committee in committees if committee.origin == CeremonyKind.DEALER}
        return frozenset(ThresholdKey.from_bytes(key).key_id[:FIRST_BYTES] for key in dealt)

    def seal(self, policy: RecordPolicy, body: bytes) -> SealedRecord:
        federation, trustees_alone = self._known.newest(), policy.readers == Readers.TRUSTEES
        key = self._committee_key(federation, needed=trustees_alone)
        if key is None and trustees_alone:
            raise NoCommittee(KeyUse.RECORDS)
        own = self._own_key(federation)
        recipients: list[Recipient] = [] if trustees_alone else [own]
        if key is not None:
            recipients.append(key)
        key_id = key.key_id if key else NO_KEY
        core = self._core(policy, key_id, own.epoch, Suite.P256 if self._committees is None else Suite.HYBRID)
        return SealedRecord(
            bytes(seal(core, recipients, body)), secrets.token_bytes(SALT_BYTES), policy, key_id, own.epoch
        )

    def open(self, sealed: SealedRecord, leaf: Digest) -> bytes:
        expected, epoch = self.expected(sealed, leaf), sealed.key_epoch
        long = expected.core.suite == Suite.HYBRID
        return receive(sealed.file, expected, self._keyring.long_of(epoch) if long else self._keyring.of(epoch))

    def expected(self, sealed: SealedRecord, leaf: Digest) -> Expected:
        """Return what a stored file must contain, or raise HashMismatch if its leaf is not the stored one.

        The suite is that of the file: its leaf says that this hospital made exactly this file.
        """
        if sealed.leaf != leaf:
            raise HashMismatch(leaf, sealed.leaf)
        long = Header.from_bytes(sealed.file[:CORE_BYTES]).suite == Suite.HYBRID
        suite = Suite.HYBRID if long else Suite.P256
        core = self._core(sealed.policy, sealed.key_id, sealed.key_epoch, suite)
        return Expected(core, sha256(sealed.file), RECORD_CAP)

    def roots(self) -> list[Anchored]:
        roots = self._known.now().threshold.roots.get(self._ledger.account, ())
        return [_anchored(root.batch, root.root, root.entry) for root in roots]

    def anchor(self, batch: int, root: Digest) -> Anchored:
        receipt = self._ledger.append(RecordsAnchored(self._ledger.account, batch, root))
        return _anchored(batch, root, receipt.entry)

    def _core(self, policy: RecordPolicy, key_id: bytes, epoch: int, suite: Suite) -> Core:
        anchor = key_anchor(self._ledger.anchor)
        return Core(Kind.RECORD, anchor, self._ledger.account, 0, epoch, policy.bound_to(key_id), suite=suite)

    def _own_key(self, federation: Federation) -> MemberKey | LongKey:
        """Return the hospital's current key, after checking that this site has the private key.

        For decades: the newest long key here. It does not have to be on the ledger, because only this hospital uses it.
        """
        key = federation.book.active(self._ledger.account).key
        if key is None:
            raise KeyEpochMismatch(1, 0)
        if self._committees is None:
            self._keyring.of(key.epoch)
            return key
        made = [epoch for epoch in self._keyring.long_keys if epoch <= key.epoch]
        return self._keyring.long_of(max(made, default=key.epoch)).long_key

    def _committee_key(self, federation: Federation, *, needed: bool) -> ThresholdKey | LongCommittee | None:
        """Return to what the trustees' wrap is sealed; None if there is none (yet) and it is not `needed`.

        Raises:
            LongKeyMissing, VaultMissing, UnavailableError: it is needed, and a trustee's long key is not known.
        """
        if self._committees is None or federation.threshold.in_force(KeyUse.RECORDS) is None:
            return threshold_key(federation)
        try:
            return self._committees.of(federation)
        except NOT_NOW:
            if needed:
                raise
            return None


class LongCommittees:
    """The long keys of the trustees in force; it keeps the newest answer, for the time when the vault is away."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._last: tuple[tuple[int, int], LongCommittee] | None = None

    def of(self, federation: Federation) -> LongCommittee:
        """Return the trustees who hold K_REC; raises as `long_committee`, NoCommittee, or UnavailableError."""
        committee = federation.threshold.committee(KeyUse.RECORDS)
        now = committee.epoch, sum(1 for _ in federation.stated(StatementKind.LONG_KEY))
        if self._last is None or self._last[0] != now:
            self._last = now, long_committee(federation, committee, self._vault)
        return self._last[1]


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
