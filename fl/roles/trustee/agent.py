"""The trustee: takes part in ceremonies automatically, and answers requests when a person decides.

Invariant: no share is used before the capsule, the policy and the ledger were checked. An answer is made once, stored
before it leaves, and sealed to the requester.

Source: PROTOCOL.md 9.
"""

from __future__ import annotations

from contextlib import suppress

from fl.crypto import long_partials
from fl.crypto import partial_decryption as partials
from fl.crypto.capsule import Capsule
from fl.crypto.encrypted_keystore import HeldShare
from fl.crypto.envelope import seal
from fl.crypto.hybrid_kem import LongPrivateKey
from fl.crypto.sharing import Share
from fl.events import Event
from fl.protocol.errors import (
    DeadlinePassed,
    DuplicateStep,
    KeyExpired,
    KeystoreUnreadable,
    MalformedError,
    NotInCommittee,
    PolicyNotApproved,
    RequestClosed,
    StaleCommittee,
    TamperedError,
    VaultMissing,
)
from fl.protocol.federation import Federation
from fl.protocol.keys.requests import DecryptionRequest
from fl.protocol.names import Blob, Digest, KeyUse, Refusal
from fl.protocol.records import DecryptionApproved, DecryptionRefused
from fl.replay.decryption_requests import (
    PARTIAL_CAP,
    answer_readers,
    binding_of,
    check_standing,
    key_of,
    read_capsule,
)
from fl.replay.ledger_view import LedgerView, Ports
from fl.replay.long_committees import stated_ids
from fl.roles.trustee.ceremonies import CeremonyPart
from fl.roles.trustee.member_keys import KeyKeeper
from fl.roles.trustee.stores import TrusteeStores

TOO_LATE = (DeadlinePassed, DuplicateStep, KeyExpired, RequestClosed, StaleCommittee)
"""Why the ledger may refuse an answer that was allowed a moment ago."""
REASONS = {"consent": Refusal.CONSENT, "purpose": Refusal.PURPOSE, "requester": Refusal.REQUESTER}


class Trustee:
    """One trustee's agent."""

    def __init__(self, ports: Ports, safe: TrusteeStores, *, release_models: bool = False) -> None:
        self.view = LedgerView(ports.ledger)
        self._ports = ports
        self._shares = safe.shares
        self._keys_here = safe.keys
        self._release_models = release_models
        self._account = ports.ledger.account
        self._ceremonies = CeremonyPart(ports, safe)
        self._keys = KeyKeeper(ports, safe)
        self._skipped: set[int] = set()
        """Releases that this trustee cannot answer; a restart tries again."""
        self.idle = False
        """Whether the last step found nothing to do."""

    def step(self) -> bool:
        """Do the next thing for a ceremony, for the member key, or (if configured) for a release."""
        federation = self.view.current()
        acted = (
            self._ceremonies.step(federation)
            or self._keys.step(federation)
            or (self._release_models and self._release(federation))
        )
        self.idle = not acted
        return acted

    def finish(self) -> None:
        """Replace and destroy the keys that the last ceremony used."""
        while self._keys.step(self.view.refresh()):
            pass

    def waiting(self) -> tuple[DecryptionRequest, ...]:
        """Return the requests that this trustee may answer now, oldest first."""
        return self._waiting(self.view.refresh())

    def held(self, use: KeyUse) -> HeldShare:
        """Return this trustee's share of the current committee.

        Raises:
            NoCommittee, NotInCommittee, KeystoreUnreadable: there is none here.
        """
        committee = self.view.refresh().threshold.committee(use)
        if committee.party(self._account) is None:
            raise NotInCommittee(self._account)
        return self._shares.get(use, committee.epoch)

    def approve(self, number: int) -> None:
        """Check a request, and seal this trustee's partial decryption to the requester.

        Raises:
            WrongRequest, StaleCommittee, NotInCommittee, DuplicateStep: this trustee cannot answer it.
            CiphertextInvalid, HashMismatch, PolicyNotApproved: nobody may approve it; nothing was computed.
            AuthFailure: the share for this trustee's long key is damaged.
            LongKeyMissing: the record is sealed for decades, and the requester has no long key for its newest key.
            KeystoreUnreadable: this trustee's share, or its long key, is not here.
            RefusedError, UnavailableError: as Ledger.append.
        """
        federation = self.view.refresh()
        request = federation.threshold.request(number)
        key = f"partial/{federation.anchor.consortium.hex()}/{number}/{request.record.label.hex()}"
        answer = self._ports.journal.get(key)
        if self._account not in request.approvals:
            self._answerable(federation, number)
            if answer is None:
                answer = self._ports.journal.once(key, self._ports.outbox.put(self._partial(federation, request)))
            self._deliver(Digest(answer))  # first, because readers of the approval look for the file at once
            self._ports.append(DecryptionApproved(self._account, number, Digest(answer)))
            self._ports.notify(Event.REQUEST_APPROVED, {"request": number})
        elif answer != request.approvals[self._account].digest or self._ports.vault.has(Digest(answer)):
            raise DuplicateStep(self._account)
        else:
            self._deliver(Digest(answer))

    def refuse(self, number: int, reason: Refusal) -> None:
        """Record a refusal."""
        self._answerable(self.view.refresh(), number)
        self._ports.append(DecryptionRefused(self._account, number, reason))
        self._ports.notify(Event.REQUEST_REFUSED, {"request": number, "reason": reason.name.lower()})

    def _deliver(self, digest: Digest) -> None:
        self._ports.vault.put(self._ports.outbox.get(digest, PARTIAL_CAP))

    def _partial(self, federation: Federation, request: DecryptionRequest) -> Blob:
        capsule = read_capsule(request, self._ports.vault)
        check_standing(federation, request, capsule)
        binding = binding_of(federation, request, capsule)
        key = key_of(request)
        capsule.check(binding, key)  # before the share is decrypted
        readers = answer_readers(federation, request, capsule, self._ports.vault)
        stored = self._shares.get(request.key_use, request.epoch)
        share = Share(stored.seat.index, stored.share)
        if capsule.half is None:
            body = partials.approve(capsule, binding, key, share)
        else:
            body = long_partials.approve(capsule, binding, key, share, self._seats(federation, capsule))
        own = federation.book.active(self._account).key
        core = partials.partial_core(federation.anchor, self._account, own.epoch if own else 0, binding, share.index)
        return seal(core, readers, body)

    def _seats(self, federation: Federation, capsule: Capsule) -> list[LongPrivateKey]:
        """Return the long keys to which shares of a record are sealed.

        Raises:
            KeystoreUnreadable: a long key that this trustee stated is not here, or cannot be opened.
        """
        wanted = set(capsule.half.long_ids if capsule.half else ())
        held = [key for key in self._keys_here.long_keys() if key.key_id in wanted]
        missing = (wanted & stated_ids(federation, self._account, self._ports.vault)) - {key.key_id for key in held}
        if missing:
            raise KeystoreUnreadable("long key", "this machine does not have the long key to which a share is sealed")
        return held

    def _answerable(self, federation: Federation, number: int) -> DecryptionRequest:
        """Return a request that this trustee may answer now, or raise the error the contract would return."""
        return federation.threshold.answerable(number, self._account, self._ports.now(), federation.book)

    def _waiting(self, federation: Federation) -> tuple[DecryptionRequest, ...]:
        return federation.threshold.waiting_for(self._account, self._ports.now(), federation.book)

    def _release(self, federation: Federation) -> bool:
        """Approve or refuse the oldest open release of a model; wait while its capsule is missing."""
        for request in self._waiting(federation):
            if request.key_use != KeyUse.MODEL or request.number in self._skipped:
                continue
            if not self._shares.has(request.key_use, request.epoch):
                self._skip(request, "this trustee has no share of the committee that the request names")
                continue
            with suppress(VaultMissing):
                self._release_one(request)
                return True
        return False

    def _release_one(self, request: DecryptionRequest) -> None:
        try:
            self._decide(request)
        except TOO_LATE as error:  # the chain's clock is ahead of ours, or somebody was faster
            self._skip(request, str(error))

    def _skip(self, request: DecryptionRequest, reason: str) -> None:
        """Leave a release to the other trustees, and report it once."""
        self._skipped.add(request.number)
        self._ports.notify(Event.REQUEST_NOT_ANSWERED, {"request": request.number, "reason": reason})

    def _decide(self, request: DecryptionRequest) -> None:
        try:
            self.approve(request.number)
        except PolicyNotApproved as error:
            self.refuse(request.number, REASONS.get(error.what, Refusal.JUDGEMENT))
        except (MalformedError, TamperedError):
            self.refuse(request.number, Refusal.CIPHERTEXT)
