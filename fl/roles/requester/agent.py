"""Asks a committee to open one ciphertext, and opens it with the answers of enough trustees.

Invariant: only answers whose proofs fit the trustees' public shares are used; the others are rejected by name. A
request is recorded as fulfilled after its file was opened, never before.

Source: PROTOCOL.md 9, Requests.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fl.crypto import long_partials
from fl.crypto import partial_decryption as partials
from fl.crypto.capsule import Capsule
from fl.crypto.key_wrapping import CommitteeKey, CommitteeSecret
from fl.protocol.errors import MalformedError, RecipientNotFound, TamperedError, VaultMissing
from fl.protocol.federation import Federation
from fl.protocol.keys.requests import DecryptionRequest, RequestPhase
from fl.protocol.names import Address, KeyUse, Purpose, Suite
from fl.protocol.ports import Ledger, Vault
from fl.protocol.records import DecryptionFulfilled, DecryptionRequested
from fl.replay.committees import committee_keys
from fl.replay.decryption_requests import PARTIAL_CAP, binding_of, holder_of, open_partial, read_capsule
from fl.replay.ledger_view import Keyring
from fl.replay.long_keys import long_keys_of


@dataclass(frozen=True)
class Opened:
    """The result of enough valid answers."""

    key: CommitteeKey
    secret: CommitteeSecret = field(repr=False)
    """For envelope.open_with."""
    wrong: tuple[Address, ...]
    """Trustees whose answers were wrong or missing."""


class Requester:
    """One member's requests."""

    def __init__(self, ledger: Ledger, vault: Vault, keyring: Keyring) -> None:
        self._ledger = ledger
        self._vault = vault
        self._keyring = keyring

    @property
    def account(self) -> Address:
        return self._ledger.account

    def ask(self, federation: Federation, capsule: Capsule, purpose: Purpose, deadline: int) -> int:
        """Put the capsule into the vault, ask the committee that holds its key now, and return the request's number.

        `deadline` is in seconds since 1970.

        Raises:
            NoCommittee: no committee ever held the key that the file is sealed to.
            LongKeyMissing: the record has suite 2, and this member has no long key, so nobody could answer.
            RefusedError: the rules forbid it (PROTOCOL.md 9).
            UnavailableError: the chain or the vault does not answer.
        """
        use = KeyUse.RECORDS if capsule.policy is not None else KeyUse.MODEL
        epoch = holder_of(federation, use, capsule).epoch
        if capsule.suite == Suite.HYBRID:
            me = federation.book.active(self.account)
            if me.key is not None:
                long_keys_of(federation, {me.account: me.key}, self._vault)
        digest = self._vault.put(capsule.to_bytes())
        record = DecryptionRequested(self._ledger.account, 0, use, epoch, capsule.label, digest, purpose, deadline)
        made = self._ledger.append(record).entry.record
        if not isinstance(made, DecryptionRequested):
            raise TypeError("a receipt holds the record that was appended")
        return made.request

    def open(self, federation: Federation, number: int) -> Opened:
        """Collect the answers to a request and combine them.

        Raises:
            WrongRequest: no request has this number.
            QuorumNotReached: fewer valid answers than the threshold; in suite 2 also, fewer shares than were needed.
            CiphertextInvalid, HashMismatch, VaultMissing: the capsule cannot be used.
        """
        request = federation.threshold.request(number)
        capsule = read_capsule(request, self._vault)
        binding = binding_of(federation, request, capsule)
        committee = committee_keys(federation.threshold, request.key_use, request.epoch)
        answers: dict[Address, bytes] = {}
        unread = []
        for trustee in request.approvals:
            try:
                file = self._vault.get(request.approvals[trustee].digest, PARTIAL_CAP)
                answers[trustee] = open_partial(file, federation, binding, trustee, self._keyring)
            except (MalformedError, TamperedError, RecipientNotFound, VaultMissing):
                unread.append(trustee)
        if capsule.half is None:
            combined = partials.combine(answers, committee, binding, capsule.ciphertext)
            return Opened(committee.key, combined.secret, (*unread, *combined.wrong))
        halves = long_partials.combine(answers, committee, binding, capsule)
        return Opened(capsule.half.seats(committee.key), halves.secret, (*unread, *halves.wrong))

    def fulfil(self, request: DecryptionRequest) -> None:
        """Record once that this member opened the answer to its request."""
        if request.requester == self._ledger.account and request.phase != RequestPhase.FULFILLED:
            self._ledger.append(DecryptionFulfilled(self._ledger.account, request.number))
