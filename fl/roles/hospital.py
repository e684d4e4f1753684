"""The hospital: trains when a round asks for it, seals what it learned, commits, uploads, and checks its part.

Invariant: the sealed file and its digest are durable in the outbox and the journal before anybody hears of them; a
retry after any crash re-sends the same bytes. What others made of a round ends this round here, and no process.

Source: PROTOCOL.md 5S and 13.
"""

from __future__ import annotations

from fl.crypto.envelope import seal
from fl.protocol.config import RoundConfig
from fl.protocol.errors import DeadlineNotPassed, HashMismatch, NotReleased, SetMismatch, VaultMissing
from fl.protocol.federation import Federation
from fl.protocol.names import NO_DIGEST, Digest
from fl.protocol.records import RoundAborted, UpdateCommitted
from fl.protocol.round import Phase, Round
from fl.protocol.task import Task
from fl.roles.artefacts import Reader, read_config, read_manifest, update_core, update_recipients
from fl.roles.events import Event
from fl.roles.masked_hospital import MaskedHospital
from fl.roles.promises import Promises, key_of
from fl.roles.release import Releases
from fl.roles.requester import Requester
from fl.roles.stops import CONTENT, LATE, OWN_FAULT, TAKEN, reason_of
from fl.roles.tasks import check_labels
from fl.roles.training_thread import Background, Train
from fl.roles.training_thread import Task as Work
from fl.roles.trust import NO_TRUST, Trust
from fl.roles.view import LedgerView, Ports
from fl.training.quantise import LocalMetrics, Vector, quantise, to_bytes

ABORT_AFTER_S = 600
"""From a round's close deadline until hospitals end it: a coordinator that is started again may still make it final."""
ABANDONED = "RoundStalled: the coordinator did not end the round in time"


class Hospital:
    """One hospital's agent."""

    def __init__(self, ports: Ports, train: Train, trust: Trust = NO_TRUST, task: Task | None = None) -> None:
        """Take part with `train`; `task` is the one that its images are labelled for, None where nothing is known."""
        self.view = LedgerView(ports.ledger)
        self._ports = ports
        self._train = train
        self._task = task
        self._checked = b""
        """The context of the round whose task was compared with the own."""
        self._account = ports.ledger.account
        release = Releases(self.view, Requester(ports.ledger, ports.vault, ports.keyring))
        self._reader = Reader(self._account, ports.vault, ports.keyring, release)
        self._training = Background(train)
        self._promises = Promises(ports)
        self._masked = MaskedHospital(ports, self._reader, self._promises, self._training, trust)

    def step(self) -> bool:
        """Do the next thing the ledger asks of this hospital; False when there is none.

        Raises:
            HemaledgerError: this account, disk or chain contradicts itself (stops.OWN_FAULT); nothing was sent.
            VaultMissing: a file is not there that may come.
        """
        federation = self.view.current()
        self._promises.settle_ended(federation)
        current = federation.rounds[-1] if federation.rounds else None
        if current is None or self._account not in current.roster:
            return False
        if self._abandoned(federation, current):
            return self._abort(current)
        try:
            self._check_task(current)
            part = self._masked.step if current.masked else self._step_sealed
            return part(federation, current)
        except LATE as error:
            self._ports.notify(Event.TOO_LATE, {"round": current.number, "reason": str(error)})
            return False
        except TAKEN:
            return False
        except OWN_FAULT:
            raise
        except CONTENT as error:
            return self._promises.refuse(current, reason_of(error, current, federation.book))

    def finish(self) -> None:
        """Erase the secrets of rounds that have ended; call it before the process ends."""
        self._promises.settle_ended(self.view.refresh())

    def finish_training(self) -> None:
        """Wait for a training that runs beside a masked round; without one, return at once."""
        self._training.wait()

    def _abandoned(self, federation: Federation, current: Round) -> bool:
        """Return whether a round should have ended long ago, and this hospital may end it."""
        late = self._ports.now() > current.terms.close_deadline + ABORT_AFTER_S
        return late and not current.ended and not federation.book.members[self._account].revoked

    def _abort(self, current: Round) -> bool:
        """End a round whose coordinator does not; the first of all hospitals that try counts."""
        try:
            self._ports.append(RoundAborted(self._account, current.number, ABANDONED))
        except (DeadlineNotPassed, *LATE):
            return False
        self._ports.notify(Event.ROUND_ABORTED, {"round": current.number, "reason": ABANDONED})
        return True

    def _check_task(self, current: Round) -> None:
        """Compare the task of a round that may be trained here with the own labels, once, before anything is done.

        Raises:
            TaskMismatch: they differ.
        """
        if self._task is None or current.ended or self._checked == current.context or self._promises.refused(current):
            return
        check_labels(current, read_config(current, self._ports.vault).task, self._task)
        self._checked = current.context

    def _step_sealed(self, federation: Federation, current: Round) -> bool:
        """Do the next thing a sealed round asks for; the own file is delivered again where somebody touched it."""
        awaited = current.phase == Phase.OPEN or (not current.ended and self._account in current.hospitals)
        if awaited and self._account in current.commitments and self._upload(current):
            return True
        if self._promises.refused(current):
            return False
        if current.phase == Phase.OPEN and self._account not in current.commitments:
            return self._take_part(federation, current)
        if current.phase in (Phase.PROPOSED, Phase.FINAL):
            return self._check(federation, current)
        return False

    def _take_part(self, federation: Federation, current: Round) -> bool:
        """Train, seal, remember, commit, upload; in this order. Who is too late waits for the next round."""
        late = key_of("late", current)
        if self._ports.now() > current.terms.commit_deadline or self._ports.journal.get(late) is not None:
            return False
        if self._ports.journal.get(key_of("update", current)) is None:
            self._prepare(federation, current)
        digest = self._promised(current)
        if not self._ports.outbox.has(digest):
            raise VaultMissing(digest)
        try:
            self._ports.append(UpdateCommitted(self._account, current.number, digest))
        except LATE as error:
            self._ports.journal.once(late, error.name.encode())
            raise
        self._ports.notify(Event.UPDATE_COMMITTED, {"round": current.number})
        self._upload(current)
        return True

    def _prepare(self, federation: Federation, current: Round) -> None:
        config = read_config(current, self._ports.vault)
        source = federation.source
        previous = self._reader.model(source, read_manifest(federation.opening, self._ports.vault))
        self._ports.notify(Event.TRAINING, {"round": current.number})
        trained, metrics = self._train(Work(current.number, previous, config))
        self._ports.notify(
            Event.TRAINED, {"round": current.number, "samples": metrics.samples, "loss": round(metrics.loss, 4)}
        )
        file = self._seal(federation, current, config, (previous, trained, metrics))
        digest = self._ports.outbox.put(file)
        self._ports.journal.once(key_of("update", current), digest)

    def _seal(
        self,
        federation: Federation,
        current: Round,
        config: RoundConfig,
        learned: tuple[Vector, Vector, LocalMetrics],
    ) -> bytearray:
        body = to_bytes(quantise(*learned, config))
        return seal(update_core(current, self._account), update_recipients(current, federation.book), body)

    def _upload(self, current: Round) -> bool:
        """Put the promised file into the vault unless it is there; False when there was nothing to do."""
        if not self._promises.deliver("update", current):
            return False
        self._ports.journal.once(key_of("uploaded", current), str(self._ports.now()).encode())
        self._ports.notify(Event.UPDATE_UPLOADED, {"round": current.number})
        return True

    def _check(self, federation: Federation, current: Round) -> bool:
        """Check that the own commitment is in the set and that the model opened has the proposed digest."""
        key = key_of("checked", current)
        if self._ports.journal.get(key) is not None:
            return False
        if self._account in current.commitments:
            self._check_own(current)
        try:
            self._reader.model(current, read_manifest(federation.opening, self._ports.vault))
        except NotReleased:
            return False
        self._ports.journal.once(key, b"ok")
        self._ports.notify(Event.MODEL_CHECKED, {"round": current.number})
        return True

    def _check_own(self, current: Round) -> None:
        """Raise HashMismatch for a commitment that is not the own, SetMismatch for a file left out that is there."""
        recorded, promised = current.commitments[self._account], self._promised(current)
        if promised != recorded:
            raise HashMismatch(recorded, promised)
        uploaded = self._ports.journal.get(key_of("uploaded", current))
        if self._account not in current.hospitals:
            in_time = uploaded is not None and int(uploaded) < current.terms.commit_deadline
            if in_time and self._promises.delivered("update", current):
                raise SetMismatch(self._account)
            self._ports.notify(Event.MISSING_IN_SET, {"round": current.number})

    def _promised(self, current: Round) -> Digest:
        return Digest(self._ports.journal.get(key_of("update", current)) or NO_DIGEST)
