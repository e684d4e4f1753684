"""Global models that are held back: asked for by the coordinator, opened by everybody once enough trustees agreed.

Invariant: a model that its round's configuration holds back is sealed to the coordinator, the auditors and K_MODEL;
no hospital can open it before t trustees approved its release. Whatever happens to K_MODEL, the coordinator waits and
says for what; it does not end.

Source: PROTOCOL.md 9, Requests and Models that are held back.
Not here: masked rounds; their hospitals sum the model themselves, so nothing can be held back from them.
"""

from __future__ import annotations

from fl.crypto.capsule import Capsule
from fl.crypto.curve import Point
from fl.crypto.envelope import MAX_RECIPIENTS, sealed_size
from fl.crypto.threshold import ThresholdKey
from fl.events import Event
from fl.protocol.codec import sha256
from fl.protocol.errors import KeyExpired, NotReleased, QuorumNotReached, RecipientNotFound, RequestInvalid
from fl.protocol.federation import Federation
from fl.protocol.keys.ceremony import Committee
from fl.protocol.keys.requests import DecryptionRequest, RequestPhase
from fl.protocol.names import NO_DIGEST, Digest, KeyUse, Purpose
from fl.protocol.ports import Mark
from fl.protocol.rounds.round import Round
from fl.replay.decryption_requests import holder_of
from fl.replay.expected_files import read_config
from fl.replay.ledger_view import LedgerView, Ports
from fl.replay.vault_files import read_document
from fl.roles.requester.agent import Requester

RELEASED = (RequestPhase.APPROVED, RequestPhase.FULFILLED)


class Releases:
    """One member's view of released models; called by FileReader."""

    def __init__(self, view: LedgerView, requester: Requester) -> None:
        self._view = view
        self._requester = requester

    def __call__(self, current: Round, file: bytes) -> tuple[ThresholdKey, Point]:
        """Return what opens the file of a round's model, or raise NotReleased."""
        federation = self._view.federation
        for request in requests_for(federation, capsule_of(federation, file)):
            if request.phase not in RELEASED:
                continue
            try:
                opened = self._requester.open(federation, request.number)
            except QuorumNotReached:  # some answers are wrong or not there yet
                continue
            return opened.key, opened.secret
        raise NotReleased(current.number)


class ReleaseDesk:
    """The coordinator's part: ask for each model, again where it must, and say once for what it waits."""

    def __init__(self, ports: Ports, timeout_s: int) -> None:
        """Ask with deadlines of `timeout_s` from now."""
        self._ports = ports
        self._timeout_s = timeout_s
        self._requester = Requester(ports.ledger, ports.vault, ports.keyring)
        self._capsule: tuple[Digest, Capsule] | None = None
        """Of the newest model, by the digest of its file."""
        self._tried: dict[int, tuple[tuple[Mark | None, ...], bool]] = {}
        """Request -> which answers' files were there when it was opened last, and whether enough of them were right."""
        self._told = ""

    def can_hold(self, federation: Federation) -> bool:
        """Return whether a committee holds K_MODEL, so that a new model can be held back; say so once if none does."""
        if federation.threshold.in_force(KeyUse.MODEL) is None:
            self._wait("no committee holds K_MODEL; the operator starts a ceremony for the use `model`")
            return False
        return True

    def waits(self, federation: Federation, current: Round) -> bool:
        """Return whether the model of a final round is still held back."""
        return read_config(current, self._ports.vault).release and self._released(federation, current) is None

    def step(self, federation: Federation, current: Round) -> bool:
        """Ask for the release of a final model unless a request stands; note when it was granted."""
        if not read_config(current, self._ports.vault).release:
            return False
        released = self._released(federation, current)
        if released is not None:
            return self._fulfil(current, released)
        reason = self._obstacle(federation, current) or self._standing(federation, current)
        if not reason:
            return self._ask(federation, current)
        return self._wait(f"round {current.number}: {reason}")

    def _released(self, federation: Federation, current: Round) -> DecryptionRequest | None:
        asked = requests_for(federation, self._capsule_of(federation, current))
        return next((each for each in asked if self._opens(federation, each)), None)

    def _opens(self, federation: Federation, request: DecryptionRequest) -> bool:
        """Return whether t right answers are there, whatever its requester says; looked at again when a file came."""
        if request.phase not in RELEASED:
            return False
        found = tuple(self._ports.vault.mark(each.digest) for each in request.approvals.values())
        before, opens = self._tried.get(request.number, ((), False))
        if not opens and found != before:
            try:
                self._requester.open(federation, request.number)
                opens = True
            except QuorumNotReached:
                pass
            self._tried[request.number] = (found, opens)
        return opens

    def _fulfil(self, current: Round, request: DecryptionRequest) -> bool:
        if request.phase != RequestPhase.APPROVED or request.requester != self._ports.ledger.account:
            return False
        self._requester.fulfil(request)
        self._ports.notify(Event.MODEL_RELEASED, {"round": current.number})
        return True

    def _obstacle(self, federation: Federation, current: Round) -> str:
        """Return why no trustee can answer now."""
        holder = self._holder(federation, current)
        return str(KeyExpired(KeyUse.MODEL, holder.expires_at)) if self._ports.now() > holder.expires_at else ""

    def _holder(self, federation: Federation, current: Round) -> Committee:
        """Return the newest committee of the key to which the model is sealed."""
        return holder_of(federation, KeyUse.MODEL, (self._capsule_of(federation, current).key_id,))

    def _standing(self, federation: Federation, current: Round) -> str:
        """Return what the newest own request waits for; nothing when it was overtaken, or there is none."""
        asked = requests_for(federation, self._capsule_of(federation, current))
        own = next((each for each in asked if each.requester == self._ports.ledger.account), None)
        committee = self._holder(federation, current)
        if own is None or own.epoch != committee.epoch:
            return ""
        if own.phase == RequestPhase.REFUSED:
            names = ", ".join(federation.book.name_of(account) for account in own.refusals)
            return f"request {own.number} was refused by {names}; only another committee is asked again"
        if self._ports.now() > own.record.deadline:
            return ""
        return f"request {own.number} waits for {committee.threshold} right answers of its trustees"

    def _ask(self, federation: Federation, current: Round) -> bool:
        capsule, deadline = self._capsule_of(federation, current), self._ports.now() + self._timeout_s
        try:
            number = self._requester.ask(federation, capsule, Purpose.RELEASE, deadline)
        except (KeyExpired, RequestInvalid) as error:  # the chain's clock is ahead of ours, and it counts
            return self._wait(f"round {current.number}: {error}")
        self._ports.notify(Event.RELEASE_REQUESTED, {"round": current.number, "request": number})
        return True

    def _wait(self, reason: str) -> bool:
        if reason != self._told:
            self._told = reason
            self._ports.notify(Event.RELEASE_AWAITED, {"reason": reason})
        return False

    def _capsule_of(self, federation: Federation, current: Round) -> Capsule:
        digest = current.proposal.envelope_digest if current.proposal else NO_DIGEST
        if self._capsule is None or self._capsule[0] != digest:
            cap = sealed_size(4 * current.terms.parameters, MAX_RECIPIENTS, 1)
            self._capsule = (digest, capsule_of(federation, read_document(self._ports.vault, digest, cap)))
        return self._capsule[1]


def held_by(federation: Federation) -> ThresholdKey:
    """Return K_MODEL, or raise NoCommittee."""
    return ThresholdKey.from_bytes(federation.threshold.committee(KeyUse.MODEL).public_key)


def capsule_of(federation: Federation, file: bytes) -> Capsule:
    """Return the capsule of a model's file, whichever K_MODEL it is sealed to, or raise RecipientNotFound."""
    keys = {each.public_key for each in federation.threshold.committees(KeyUse.MODEL)}
    for key in keys:
        try:
            return Capsule.of(file, ThresholdKey.from_bytes(key), b"")
        except RecipientNotFound:
            continue
    raise RecipientNotFound


def requests_for(federation: Federation, capsule: Capsule) -> list[DecryptionRequest]:
    """Return who asked for this very ciphertext, newest first; another one under the same label opens nothing here."""
    asked = (KeyUse.MODEL, capsule.label, sha256(capsule.to_bytes()))
    return [
        each
        for each in reversed(federation.threshold.requests)
        if (each.key_use, each.record.label, each.record.capsule_digest) == asked
    ]
