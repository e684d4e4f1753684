"""Held-back global models: the coordinator asks for their release, and everybody opens them after enough approvals.

Invariant: a held-back model is sealed to the coordinator, the auditors and K_MODEL. No hospital can open it before t
trustees approved its release. If K_MODEL is missing or expired, the coordinator waits and says why; it does not end.

Source: PROTOCOL.md 9, Requests and Models that are held back.
Not here: masked rounds; their hospitals sum the model themselves, so nothing can be held back from them.
"""

from __future__ import annotations

from functools import partial

from fl.crypto.capsule import Capsule
from fl.crypto.key_wrapping import CommitteeKey, CommitteeSecret
from fl.crypto.threshold import ThresholdKey
from fl.events import Event
from fl.protocol.codec import sha256
from fl.protocol.errors import KeyExpired, NotReleased, QuorumNotReached, RecipientNotFound, RequestInvalid
from fl.protocol.federation import Federation
from fl.protocol.keys.ceremony import Committee
from fl.protocol.keys.requests import DecryptionRequest, RequestPhase
from fl.protocol.names import NO_DIGEST, Digest, KeyUse, Purpose
from fl.protocol.ports import Ledger, Mark, Vault
from fl.protocol.rounds.round import Round
from fl.replay.decryption_requests import holder_of
from fl.replay.expected_files import model_files
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Keyring, LedgerView, Ports, grants_of
from fl.replay.round_documents import read_config, read_manifest
from fl.replay.vault_files import read_document
from fl.roles.requester.agent import Requester

RELEASED = (RequestPhase.APPROVED, RequestPhase.FULFILLED)


class Releases:
    """Opens released models for one member; called by FileReader."""

    def __init__(self, view: LedgerView, requester: Requester) -> None:
        self._view = view
        self._requester = requester

    def __call__(self, current: Round, file: bytes) -> tuple[CommitteeKey, CommitteeSecret]:
        """Return what opens the file of a round's model, or raise NotReleased."""
        federation = self._view.federation
        for request in requests_for(federation, capsule_of(federation, file)):
            if request.phase not in RELEASED:
                continue
            try:
                opened = self._requester.open(federation, request.number)
            except QuorumNotReached:  # some answers are wrong or still missing
                continue
            return opened.key, opened.secret
        raise NotReleased(current.number)


def model_reader(view: LedgerView, ledger: Ledger, vault: Vault, keyring: Keyring) -> FileReader:
    """Return what opens files for the member of `ledger`, also models that were released or granted to it."""
    release = Releases(view, Requester(ledger, vault, keyring))
    return FileReader(ledger.account, vault, keyring, release, partial(grants_of, view))


class ReleaseDesk:
    """The coordinator's part: it requests the release of each model, and reports once why it waits."""

    def __init__(self, ports: Ports, timeout_s: int) -> None:
        """Give each request a deadline of `timeout_s` from now."""
        self._ports = ports
        self._timeout_s = timeout_s
        self._requester = Requester(ports.ledger, ports.vault, ports.keyring)
        self._capsule: tuple[Digest, Capsule] | None = None
        """Of the newest model, by the digest of its file."""
        self._tried: dict[int, tuple[Mark | None, ...]] = {}
        """Request -> which answers' files existed when too few of them were valid."""
        self._opened: set[int] = set()
        """Requests whose answers open the model."""
        self._reported = ""

    def can_hold(self, federation: Federation) -> bool:
        """Return whether a committee holds K_MODEL, so that a new model can be held back; report once if none does."""
        if federation.threshold.in_force(KeyUse.MODEL) is None:
            self._wait("no committee holds K_MODEL; the operator starts a ceremony for the use `model`")
            return False
        return True

    def waits(self, federation: Federation, current: Round) -> bool:
        """Return whether the model of a final round was still held back at the last `step`."""
        return read_config(current, self._ports.vault).release and self._released(federation, current) is None

    def step(self, federation: Federation, current: Round) -> bool:
        """Request the release of a final model unless a request is open; record when it was granted."""
        if not read_config(current, self._ports.vault).release:
            return False
        self._try_answers(federation, current)
        released = self._released(federation, current)
        if released is not None:
            return self._fulfil(current, released)
        reason = self._obstacle(federation, current) or self._standing(federation, current)
        if not reason:
            return self._ask(federation, current)
        return self._wait(f"round {current.number}: {reason}")

    def _try_answers(self, federation: Federation, current: Round) -> None:
        """Try the answers whose files are new, until one request opens the model, whatever its requester says."""
        for request in requests_for(federation, self._capsule_of(federation, current)):
            if request.number in self._opened:
                return
            if request.phase not in RELEASED:
                continue
            files = tuple(self._ports.vault.mark(each.digest) for each in request.approvals.values())
            if files == self._tried.get(request.number, ()):
                continue
            try:
                self._requester.open(federation, request.number)
            except QuorumNotReached:
                self._tried[request.number] = files
            else:
                self._opened.add(request.number)
                return

    def _released(self, federation: Federation, current: Round) -> DecryptionRequest | None:
        requests = requests_for(federation, self._capsule_of(federation, current))
        return next((each for each in requests if each.number in self._opened), None)

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
        """Return the newest committee of the key that the model is sealed to."""
        return holder_of(federation, KeyUse.MODEL, self._capsule_of(federation, current))

    def _standing(self, federation: Federation, current: Round) -> str:
        """Return what the coordinator's newest request waits for; empty if a new request is needed."""
        asked = requests_for(federation, self._capsule_of(federation, current))
        own = next((each for each in asked if each.requester == self._ports.ledger.account), None)
        committee = self._holder(federation, current)
        if own is None or own.epoch != committee.epoch:
            return ""
        if own.phase == RequestPhase.REFUSED:
            names = ", ".join(federation.book.name_of(account) for account in own.refusals)
            return f"{names} refused request {own.number}; the coordinator asks again only after a new ceremony"
        if self._ports.now() > own.record.deadline:
            return ""
        return f"request {own.number} waits for {committee.threshold} valid answers of its trustees"

    def _ask(self, federation: Federation, current: Round) -> bool:
        capsule, deadline = self._capsule_of(federation, current), self._ports.now() + self._timeout_s
        try:
            number = self._requester.ask(federation, capsule, Purpose.RELEASE, deadline)
        except (KeyExpired, RequestInvalid) as error:  # the chain's clock decides, and it is ahead of ours
            return self._wait(f"round {current.number}: {error}")
        self._ports.notify(Event.RELEASE_REQUESTED, {"round": current.number, "request": number})
        return True

    def _wait(self, reason: str) -> bool:
        if reason != self._reported:
            self._reported = reason
            self._ports.notify(Event.RELEASE_AWAITED, {"reason": reason})
        return False

    def _capsule_of(self, federation: Federation, current: Round) -> Capsule:
        digest = current.proposal.envelope_digest if current.proposal else NO_DIGEST
        if self._capsule is None or self._capsule[0] != digest:
            manifest = read_manifest(federation.opening, self._ports.vault)
            first = model_files(current, manifest.length, self._ports.vault)[0].expected
            file = read_document(self._ports.vault, first.digest, first.cap)
            self._capsule = (digest, capsule_of(federation, file))
        return self._capsule[1]


def held_by(federation: Federation) -> ThresholdKey:
    """Return K_MODEL, which the current committee holds, or raise NoCommittee."""
    return ThresholdKey.from_bytes(federation.threshold.committee(KeyUse.MODEL).public_key)


def capsule_of(federation: Federation, file: bytes) -> Capsule:
    """Return the capsule of a model's file, sealed to any K_MODEL so far, or raise RecipientNotFound."""
    keys = {each.public_key for each in federation.threshold.committees(KeyUse.MODEL)}
    for key in keys:
        try:
            return Capsule.of(file, ThresholdKey.from_bytes(key), b"")
        except RecipientNotFound:
            continue
    raise RecipientNotFound


def requests_for(federation: Federation, capsule: Capsule) -> list[DecryptionRequest]:
    """Return the requests for exactly this ciphertext, newest first."""
    wanted = (KeyUse.MODEL, capsule.label, sha256(capsule.to_bytes()))
    return [
        each
        for each in reversed(federation.threshold.requests)
        if (each.key_use, each.record.label, each.record.capsule_digest) == wanted
    ]
