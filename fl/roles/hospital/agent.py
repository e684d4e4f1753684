"""The hospital: takes part in every round whose roster names it, and gives up a round that others spoilt.

Invariant: faults of others end this hospital's part in one round, never its process.

Source: PROTOCOL.md 5 (What stops a hospital) and 13.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fl.events import Event
from fl.failures import ALREADY_RECORDED, FATAL, MISSED_DEADLINE, NOT_READY, ROUND_ONLY, reason_of
from fl.protocol.errors import DeadlineNotPassed
from fl.protocol.federation import Federation
from fl.protocol.records import RoundAborted
from fl.protocol.rounds.round import Round
from fl.protocol.task import Task
from fl.replay.branches import check_branch, withdrawn
from fl.replay.check_verdicts import check_round
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import LedgerView, Ports, grants_of
from fl.replay.long_keys import reader_keys
from fl.replay.round_aggregation import check_aggregation
from fl.replay.round_documents import read_config
from fl.replay.round_groups import check_groups
from fl.replay.round_task import check_labels, check_suite
from fl.replay.table_design import TableDesigns
from fl.replay.trained_rounds import check_calibration
from fl.roles.granting import Granting
from fl.roles.hospital.background_training import Background, Train
from fl.roles.hospital.masked_rounds import MaskedHospital
from fl.roles.hospital.omissions import Omissions
from fl.roles.hospital.outbox import RoundOutbox
from fl.roles.hospital.policy_statements import PolicyStatements
from fl.roles.hospital.privacy_limit import NO_LIMIT, PrivacyLimit
from fl.roles.hospital.sealed_rounds import SealedHospital
from fl.roles.hospital.site_policy import no_policy
from fl.roles.hospital.trusted_peers import NO_TRUST, TrustedPeers
from fl.roles.hospital.uploads import MakeUploads, Sealer, no_uploads
from fl.roles.requester.agent import Requester
from fl.roles.requester.model_release import Releases

ABORT_AFTER_S = 600
"""Hospitals abort a round this long after its close deadline: a restarted coordinator may still make it final."""
ABANDONED = "RoundStalled: the coordinator did not end the round in time"


class Hospital:
    """One hospital's agent."""

    def __init__(
        self,
        ports: Ports,
        train: Train,
        trust: TrustedPeers = NO_TRUST,
        task: Task | None = None,
        limit: PrivacyLimit = NO_LIMIT,
        uploads: MakeUploads = no_uploads,
        policy: Callable[[], bytes | None] = no_policy,
    ) -> None:
        """Take part with `train`, or an upload; `task` is what the images are labelled for, None if unknown.

        `policy` returns the bytes of the hospital's site policy as they are now.
        """
        self.view = LedgerView(ports.ledger)
        self._ports = ports
        self._task = task
        self._limit = limit
        handed = uploads(Sealer(ports.ledger.anchor, ports.ledger.account, ports.keyring), ports.journal, ports.notify)
        train = limit.charging(handed.instead_of(train))
        self._checked = b""
        """The context of the round whose task was compared with this hospital's."""
        self._unready = b""
        """The context of the round whose network this process cannot build."""
        self._account = ports.ledger.account
        release = Releases(self.view, Requester(ports.ledger, ports.vault, ports.keyring))
        reader = FileReader(self._account, ports.vault, ports.keyring, release, partial(grants_of, self.view))
        self._granting = Granting(ports, reader)
        self._designs = TableDesigns(self._account, reader, ports.vault, ports.endorser)
        self._training = Background(train, handed.ready)
        self._promises = RoundOutbox(ports)
        self._omissions = Omissions(ports, self._promises)
        self._policy = PolicyStatements(ports, self._promises, policy)
        self._sealed = SealedHospital(ports, reader, self._promises, train, handed)
        self._masked = MaskedHospital(ports, reader, self._promises, self._training, trust)

    def step(self) -> bool:
        """Do the next thing the ledger asks of this hospital; False when there is none.

        Raises:
            HemaledgerError: this account, disk or chain contradicts itself (failures.FATAL); nothing was sent.
            VaultMissing: a file is missing, and may still come.
        """
        federation = self.view.current()
        self._promises.settle_ended(federation, self._masked.checks.needs_keys)
        current = federation.rounds[-1] if federation.rounds else None
        if federation.openings and federation.active_round is None and self._granting.step(federation):
            return True
        if current is None or self._account not in current.roster or self._account in withdrawn(federation):
            return False
        recorded, current = current, self._ports.ahead(current, federation.book)
        if not current.ended:
            self._promises.check_own(current, self._account)
        if self._abandoned(federation, current):
            return self._abort(current)
        if self._omissions.step(recorded) or (not current.ended and self._policy.step(federation, current)):
            return True
        if self._unready == current.context:
            return self._promises.deliver_recorded(current, self._account)
        return self._go_on(federation, current)

    def _go_on(self, federation: Federation, current: Round) -> bool:
        try:
            self._check_config(federation, current)
            part = self._masked if current.masked else self._sealed
            return part.step(federation, current)
        except MISSED_DEADLINE as error:
            self._ports.notify(Event.TOO_LATE, {"round": current.number, "reason": str(error)})
            return False
        except ALREADY_RECORDED:
            return False
        except NOT_READY as error:
            self._unready = current.context
            reason = reason_of(error, current, federation.book)
            self._ports.notify(Event.ROUND_REFUSED, {"round": current.number, "reason": reason})
            return True
        except FATAL:
            raise
        except ROUND_ONLY as error:
            return self._policy.refuse(current, error, reason_of(error, current, federation.book))

    def finish(self) -> None:
        """Erase the secrets of rounds that have ended."""
        self._promises.settle_ended(self.view.refresh(), self._masked.checks.needs_keys)

    def finish_training(self) -> None:
        """Wait for the background training of a masked round, if one runs."""
        self._training.wait()

    def _abandoned(self, federation: Federation, current: Round) -> bool:
        """Return whether a round should have ended long ago and this hospital may abort it."""
        late = self._ports.now() > current.terms.close_deadline + ABORT_AFTER_S
        return late and not current.ended and not federation.book.members[self._account].revoked

    def _abort(self, current: Round) -> bool:
        """Abort a round that its coordinator did not end; the first hospital's record counts."""
        try:
            self._ports.append(RoundAborted(self._account, current.number, ABANDONED))
        except (DeadlineNotPassed, *MISSED_DEADLINE):
            return False
        self._ports.notify(Event.ROUND_ABORTED, {"round": current.number, "reason": ABANDONED})
        return True

    def _check_config(self, federation: Federation, current: Round) -> None:
        """Compare a round's task with this hospital's labels, its rule with terms and roster, and more, once.

        Raises:
            TaskMismatch: task and labels differ.
            AggregationUnusable: the rule of aggregation cannot work in this round, or with this roster.
            CheckUnusable: the updates of this round cannot be checked under their masks.
            BranchWrong: the round does not go on as a branch from the model to which the coordinator returned.
            DesignMismatch: the design of a table does not follow from the statistics on the ledger.
            NoiseMissing, EpsilonExceeded: the round would cost more than this hospital allows.
            PolicyRefused: the round breaks a rule of the site policy.
            SuiteLowered: it is sealed by an older suite than the model from which it starts.
            LongKeyMissing: it is sealed for decades, and a reader has no long key.
        """
        if current.ended or self._checked == current.context or self._promises.refused(current):
            return
        config = read_config(current, self._ports.vault)
        self._policy.check(current, config)
        check_labels(current, config.task, self._task)
        check_suite(federation, current, self._ports.vault)
        reader_keys(federation, current, self._ports.vault)
        check_aggregation(current, config)
        check_round(current, config, federation.book)
        self._designs.check(federation, current, config)
        check_branch(federation, current, config, self._ports.vault)
        check_groups(federation, current, config, self._ports.vault)
        check_calibration(federation, current, config, self._ports.vault)
        self._limit.check(current, config)
        self._checked = current.context
