"""The hospital: takes part in each round that has it in its roster, and gives up a round that others spoilt.

Invariant: what others made of a round ends this round here, and no process.

Source: PROTOCOL.md 5 (What stops a hospital) and 13.
Not here: the steps of a round (sealed_rounds.py, masked_rounds.py).
"""

from __future__ import annotations

from fl.events import Event
from fl.failures import ALREADY_RECORDED, FATAL, MISSED_DEADLINE, ROUND_ONLY, reason_of
from fl.protocol.errors import DeadlineNotPassed
from fl.protocol.federation import Federation
from fl.protocol.records import RoundAborted
from fl.protocol.rounds.round import Round
from fl.protocol.task import Task
from fl.replay.expected_files import FileReader, read_config
from fl.replay.ledger_view import LedgerView, Ports
from fl.replay.round_task import check_labels
from fl.roles.hospital.background_training import Background, Train
from fl.roles.hospital.masked_rounds import MaskedHospital
from fl.roles.hospital.outbox import RoundOutbox
from fl.roles.hospital.sealed_rounds import SealedHospital
from fl.roles.hospital.trusted_peers import NO_TRUST, TrustedPeers
from fl.roles.requester.agent import Requester
from fl.roles.requester.model_release import Releases

ABORT_AFTER_S = 600
"""From a round's close deadline until hospitals end it: a coordinator that is started again may still make it final."""
ABANDONED = "RoundStalled: the coordinator did not end the round in time"


class Hospital:
    """One hospital's agent."""

    def __init__(self, ports: Ports, train: Train, trust: TrustedPeers = NO_TRUST, task: Task | None = None) -> None:
        """Take part with `train`; `task` is the one that its images are labelled for, None where nothing is known."""
        self.view = LedgerView(ports.ledger)
        self._ports = ports
        self._task = task
        self._checked = b""
        """The context of the round whose task was compared with the own."""
        self._account = ports.ledger.account
        release = Releases(self.view, Requester(ports.ledger, ports.vault, ports.keyring))
        reader = FileReader(self._account, ports.vault, ports.keyring, release)
        self._training = Background(train)
        self._promises = RoundOutbox(ports)
        self._sealed = SealedHospital(ports, reader, self._promises, train)
        self._masked = MaskedHospital(ports, reader, self._promises, self._training, trust)

    def step(self) -> bool:
        """Do the next thing the ledger asks of this hospital; False when there is none.

        Raises:
            HemaledgerError: this account, disk or chain contradicts itself (failures.FATAL); nothing was sent.
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
            part = self._masked if current.masked else self._sealed
            return part.step(federation, current)
        except MISSED_DEADLINE as error:
            self._ports.notify(Event.TOO_LATE, {"round": current.number, "reason": str(error)})
            return False
        except ALREADY_RECORDED:
            return False
        except FATAL:
            raise
        except ROUND_ONLY as error:
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
        except (DeadlineNotPassed, *MISSED_DEADLINE):
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
