"""Global models that are held back: asked for by the coordinator, opened by everybody once enough trustees agreed.

Invariant: a model that its round's configuration holds back is sealed to the coordinator, the auditors and K_MODEL;
no hospital can open it before t trustees approved its release.

Source: PROTOCOL.md 9, Requests.
Not here: masked rounds; their hospitals sum the model themselves, so nothing can be held back from them.
"""

from __future__ import annotations

from fl.crypto.capsule import Capsule
from fl.crypto.curve import Point
from fl.crypto.envelope import MAX_RECIPIENTS, Parts, sealed_size
from fl.crypto.threshold import ThresholdKey, label_of
from fl.protocol.errors import NotReleased, QuorumNotReached
from fl.protocol.federation import Federation
from fl.protocol.names import NO_DIGEST, KeyUse, Purpose
from fl.protocol.requests import Request, RequestPhase
from fl.protocol.round import Round
from fl.roles.artefacts import model_core, read_config
from fl.roles.disclosure import holder_of
from fl.roles.requester import Requester
from fl.roles.view import LedgerView, Ports

RELEASED = (RequestPhase.APPROVED, RequestPhase.FULFILLED)


class Releases:
    """One member's view of released models; called by artefacts.Reader."""

    def __init__(self, view: LedgerView, requester: Requester) -> None:
        self._view = view
        self._requester = requester

    def __call__(self, current: Round) -> tuple[ThresholdKey, Point]:
        """Return what opens the model of a round, or raise NotReleased."""
        federation = self._view.federation
        request = release_of(federation, current)
        if request is None or request.phase not in RELEASED:
            raise NotReleased(current.number)
        try:
            opened = self._requester.open(federation, request.number)
        except QuorumNotReached as error:
            raise NotReleased(current.number) from error
        return opened.key, opened.secret


class ReleaseDesk:
    """The coordinator's part: ask once per model and committee, and tell when it was released."""

    def __init__(self, ports: Ports, timeout_s: int) -> None:
        """Ask with deadlines of `timeout_s` from now."""
        self._ports = ports
        self._timeout_s = timeout_s
        self._requester = Requester(ports.ledger, ports.vault, ports.keyring)

    def waits(self, federation: Federation, current: Round) -> bool:
        """Return whether the model of a final round is still held back."""
        if not read_config(current, self._ports.vault).release:
            return False
        request = release_of(federation, current)
        return request is None or request.phase not in RELEASED

    def step(self, federation: Federation, current: Round) -> bool:
        """Ask for the release of a final model unless a request stands; note when it was granted."""
        if not read_config(current, self._ports.vault).release:
            return False
        request = release_of(federation, current)
        if request is None or self._lapsed(federation, request):
            self._ask(federation, current)
            return True
        if request.phase == RequestPhase.APPROVED and request.requester == self._ports.ledger.account:
            try:
                self._requester.open(federation, request.number)
            except QuorumNotReached:  # some answers are wrong or not there yet; others may follow
                return False
            self._requester.fulfil(request)
            self._ports.notify("released", {"round": current.number})
            return True
        return False

    def _lapsed(self, federation: Federation, request: Request) -> bool:
        """Return whether a request can be answered no more, without having been granted or refused."""
        if request.phase != RequestPhase.OPEN:
            return False
        holder = federation.threshold.holder(KeyUse.MODEL, request.epoch)
        return holder != request.committee or self._ports.now() > request.record.deadline

    def _ask(self, federation: Federation, current: Round) -> None:
        envelope = current.proposal.envelope_digest if current.proposal else NO_DIGEST
        file = self._ports.vault.get(envelope, sealed_size(4 * current.terms.parameters, MAX_RECIPIENTS, 1))
        deadline = self._ports.now() + self._timeout_s
        holder = holder_of(federation, KeyUse.MODEL, Parts.of(file).wraps)
        capsule = Capsule.of(file, ThresholdKey.from_bytes(holder.public_key), b"")
        number = self._requester.ask(federation, capsule, Purpose.RELEASE, deadline)
        self._ports.notify("asked for release", {"round": current.number, "request": number})


def held_by(federation: Federation) -> ThresholdKey:
    """Return K_MODEL, or raise NoCommittee."""
    return ThresholdKey.from_bytes(federation.threshold.committee(KeyUse.MODEL).public_key)


def release_of(federation: Federation, current: Round) -> Request | None:
    """Return the request that released the model of a round, else the newest of the coordinator, if any."""
    label = label_of(model_core(current).to_bytes())
    asked = [
        each for each in federation.threshold.requests if (each.key_use, each.record.label) == (KeyUse.MODEL, label)
    ]
    released = next((each for each in asked if each.phase in RELEASED), None)
    return released or next((each for each in reversed(asked) if each.requester == current.opener), None)
