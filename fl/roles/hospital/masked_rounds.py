"""The hospital's part of a masked round: keys, shares, mask, agreement, unmasking response, attestation.

Invariant: every secret, file and promise is durable in the journal and the outbox before anything derived from it
leaves. A retry after any crash sends the same bytes again. A hospital reveals shares for one set only, ever.

Source: PROTOCOL.md 5, phases 0 to 8, and 13.
"""

from __future__ import annotations

from collections.abc import Callable

from fl.events import Event
from fl.protocol.federation import Federation
from fl.protocol.rounds.round import Phase, Round
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Ports
from fl.replay.round_sum import RoundSum
from fl.roles.graph_promise import check_graph
from fl.roles.hospital.background_training import Background
from fl.roles.hospital.checked_rounds import CheckedRounds
from fl.roles.hospital.jobs import training_job
from fl.roles.hospital.masked_update import MaskedUpdate
from fl.roles.hospital.model_check import ModelCheck
from fl.roles.hospital.opened_shares import OpenedShares
from fl.roles.hospital.outbox import RoundOutbox, key_of
from fl.roles.hospital.share_dealing import ShareDealing
from fl.roles.hospital.trusted_peers import TrustedPeers
from fl.roles.hospital.unmasking_answer import UnmaskingAnswer


class MaskedHospital:
    """One hospital's steps in masked rounds."""

    def __init__(
        self, ports: Ports, reader: FileReader, promises: RoundOutbox, training: Background, trust: TrustedPeers
    ) -> None:
        self._ports = ports
        self._reader = reader
        self._sums = RoundSum(reader, ports.vault)
        self._training = training
        self._trust = trust
        self._promises = promises
        self.checks = CheckedRounds(ports, reader, promises)
        opened = OpenedShares()
        self._dealing = ShareDealing(ports, promises, opened)
        self._update = MaskedUpdate(ports, reader, promises, training, trust)
        self._answer = UnmaskingAnswer(ports, promises, trust, opened, self.checks)
        self._model = ModelCheck(ports, reader, self._sums, self.checks)
        self._account = ports.ledger.account

    def step(self, federation: Federation, current: Round) -> bool:
        """Do the next thing the round asks of this hospital; False when there is none.

        Raises:
            MalformedError, RefusedError, TamperedError: see failures.py; this step sent nothing.
        """
        me = self._account
        if self._promises.deliver_recorded(current, me):
            return True
        if self._promises.refused(current):
            return False
        if current.phase in (Phase.PROPOSED, Phase.FINAL, Phase.ABORTED):
            return self._model.step(federation, current)
        withheld = self._ports.journal.get(key_of("withheld", current)) is not None
        if withheld or me not in current.sharers or self._is_over(current):
            return False
        check_graph(current, self._ports.journal)
        if current.phase in (Phase.AGREE, Phase.UNMASK):
            return self._agree_and_answer(federation, current) if me in current.hospitals else self._missing(current)
        self._begin_training(federation, current)
        duties: dict[Phase, tuple[bool, Callable[[], bool]]] = {
            Phase.ADVERTISE: (me in current.advertised, lambda: self._dealing.advertise(current)),
            Phase.SHARE: (me in current.dealt, lambda: self._dealing.deal(current)),
            Phase.COMPLAIN: (me in current.checked, lambda: self._dealing.check_shares(current)),
            Phase.MASK: (me in current.commitments, lambda: self._update.step(federation, current)),
        }
        done, duty = duties[current.phase]
        return not done and duty()

    def _begin_training(self, federation: Federation, current: Round) -> None:
        """Phase 0: accept the round, and train during the set-up."""
        self._trust.check_round(current)
        self._reader.check_group(current)
        if self._ports.journal.get(key_of("update", current)) is None:
            self._train(federation, current)

    def _train(self, federation: Federation, current: Round) -> None:
        failure = self._training.failed(current.context, self._ports.now())
        if failure is not None:
            error, pause_s = failure
            facts = {"round": current.number, "reason": str(error), "pause in seconds": pause_s}
            self._ports.notify(Event.TRAINING_FAILED, facts)
        if self._training.begun(current.context) or self._training.pauses(current.context, self._ports.now()):
            return
        job = training_job(self._ports, self._reader, federation, current)
        if not self._training.ready(job):
            self._promises.await_upload(current)
            return
        self._ports.notify(Event.TRAINING, {"round": current.number})
        self._training.begin(current.context, job)

    def _agree_and_answer(self, federation: Federation, current: Round) -> bool:
        if self._account not in current.endorsed:
            return self._answer.endorse(current)
        if current.phase == Phase.UNMASK and self._account not in current.revealed:
            return self._answer.reveal(federation, current) or self._add_early(current)
        return self.checks.step(federation, current) or self._add_early(current)

    def _add_early(self, current: Round) -> bool:
        """Add one more file to the sum while others act, if this hospital surely sums the round again."""
        surely = current.viewer is None and (current.wide is None or not current.wide.replayers)
        return surely and self._sums.step(current)

    def _missing(self, current: Round) -> bool:
        """Report once that the frozen set does not contain this hospital although it committed."""
        reason = "the frozen set does not contain this hospital: its file came too late, or somebody withheld it"
        if self._account in current.commitments and self._promises.note_once("left out", current, reason):
            self._ports.notify(Event.MISSING_IN_SET, {"round": current.number, "reason": reason})
        return False

    def _is_over(self, current: Round) -> bool:
        """Return whether the phase's deadline has passed, so that the ledger would refuse a record."""
        deadline = current.terms.commit_deadline if current.phase == Phase.MASK else current.step_deadline
        return self._ports.now() > deadline
