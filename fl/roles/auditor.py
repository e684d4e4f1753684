"""The auditor during a federation: it replays each proposal, evaluates it on held-out data, reports and attests.

Invariant: it attests only after it replayed the round bit for bit, opened the sealed model and compared both. It never
attests a proposal that fails; the reason stays in the journal. A network that this process cannot build is no fault
of the proposal: the reason is reported, and after a restart with what was missing the auditor attests.

Source: PROTOCOL.md 5S (phase Attest) and 7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from fl.events import Event
from fl.failures import NOT_READY, reason_of
from fl.protocol.codec import JsonValue, write_document
from fl.protocol.errors import MalformedError, RefusedError, TamperedError, WrongPhase, WrongRound
from fl.protocol.federation import Federation
from fl.protocol.names import show
from fl.protocol.records import ModelAttested
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase, Round
from fl.replay.branches import check_branch
from fl.replay.check_verdicts import check_round, checked
from fl.replay.exclusions import excluded_updates
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import LedgerView, Ports, grants_of
from fl.replay.privacy import PrivacyStatement, privacy_of
from fl.replay.rejected_responses import RejectionReporter
from fl.replay.round_documents import digest_of, read_config, read_manifest
from fl.replay.round_groups import check_groups
from fl.replay.round_replay import ReplayedRound, Tools, replay_round
from fl.replay.round_sketches import map_if_checked
from fl.replay.round_sum import RoundSum
from fl.replay.round_task import check_kept
from fl.replay.table_design import TableDesigns
from fl.replay.trained_rounds import check_calibration, is_untrained
from fl.roles.update_checks import UpdateChecks
from fl.training.aggregation.quantise import Vector


@dataclass(frozen=True)
class Evaluation:
    """An auditor's judgement of a model."""

    metrics: dict[str, JsonValue] = field(default_factory=dict)
    """On held-out images; empty if the auditor has none."""
    data: dict[str, JsonValue] = field(default_factory=dict)
    """About these images: name, number of images and persons, images per class code, origin."""
    alarm: str = ""
    """Why the model is far worse than chance (fl/training/evaluation/chance.py); empty if it is not."""
    card: Callable[[Federation, Round, PrivacyStatement | None], bytes] | None = None
    """Writes the model card for the proposal of a round, without anything about single persons; None = no card."""


Evaluate = Callable[[Vector, RoundConfig], Evaluation]
"""(model float32 [d], its round's configuration) -> its results on held-out data."""


class Auditor:
    """One auditor's agent."""

    def __init__(self, ports: Ports, evaluate: Evaluate) -> None:
        self.view = LedgerView(ports.ledger)
        self._ports = ports
        self._evaluate = evaluate
        self._account = ports.ledger.account
        self._reader = FileReader(self._account, ports.vault, ports.keyring, grants=partial(grants_of, self.view))
        self._sums = RoundSum(self._reader, ports.vault, map_if_checked)
        self._designs = TableDesigns(self._account, self._reader, ports.vault, ports.endorser)
        self._rejections = RejectionReporter(ports.notify)
        self._checks = UpdateChecks(ports, self._reader, self._sums)
        self._unready = b""
        """The context of the round whose network this process cannot build."""

    def step(self) -> bool:
        """Check updates under their masks, and attest a proposal; False when there is nothing to do."""
        federation = self.view.current()
        if self._checks.step(federation):
            return True
        current = federation.active_round
        if current is None or self._account not in current.keys:
            return False
        current = self._ports.ahead(current, federation.book)
        if self._account in current.attestations:
            return False
        if current.phase != Phase.PROPOSED:
            return self._sums.step(current)
        return self._may_look(federation, current) and self._look(federation, current)

    def _may_look(self, federation: Federation, current: Round) -> bool:
        """Return whether this auditor can look at a proposal now; a verdict about its updates comes first."""
        if self._unready == current.context or self._ports.journal.get(_refused(current)) is not None:
            return False
        return checked(current, self._ports.vault) is None or self._checks.own(federation, current) is not None

    def _look(self, federation: Federation, current: Round) -> bool:
        """Attest a proposal, or keep and report why not."""
        try:
            self._checks.check(federation, current)
            replayed = self._replay(federation, current)
            evaluation = self._judged(federation, current, replayed)
        except (*NOT_READY, TamperedError, MalformedError, RefusedError) as error:
            reason = reason_of(error, current, federation.book)
            if isinstance(error, NOT_READY):
                self._unready = current.context
            else:
                self._ports.journal.once(_refused(current), reason.encode())
            self._ports.notify(Event.MODEL_NOT_ATTESTED, {"round": current.number, "reason": reason})
            return True
        replayed = replayed.without_weights()
        if evaluation.alarm:
            self._ports.notify(Event.ALARM, {"round": current.number, "reason": evaluation.alarm})
        self._attest(federation, current, replayed, evaluation)
        return True

    def finish(self) -> None:
        pass  # everything that counts is on the ledger

    def _judged(self, federation: Federation, current: Round, replayed: ReplayedRound) -> Evaluation:
        """Evaluate a model; an untrained one gets no metrics, no card and no alarm."""
        if is_untrained(federation, current, self._ports.vault):
            return Evaluation()
        return self._evaluate(replayed.weights, replayed.config)

    def _replay(self, federation: Federation, current: Round) -> ReplayedRound:
        manifest = read_manifest(federation.opening, self._ports.vault)
        previous = self._reader.model(federation.source, manifest)
        tools = Tools(self._sums, *self._ports.replaying)
        check_kept(federation, current, self._ports.vault)
        config = read_config(current, self._ports.vault)
        check_round(current, config, federation.book)
        self._designs.check(federation, current, config)
        check_branch(federation, current, config, self._ports.vault)
        check_groups(federation, current, config, self._ports.vault)
        check_calibration(federation, current, config, self._ports.vault)
        replayed = replay_round(current, previous, manifest, tools)
        self._rejections.report(federation.book, current, replayed.rejected)
        self._reader.model(current, manifest, replayed.model)
        return replayed

    def _attest(self, federation: Federation, current: Round, replayed: ReplayedRound, evaluation: Evaluation) -> None:
        privacy = privacy_of(federation, current, self._ports.vault)
        extra: dict[str, JsonValue] = {"privacy": privacy.to_dict()} if privacy else {}
        if evaluation.card is not None:
            extra["card"] = show(self._ports.vault.put(evaluation.card(federation, current, privacy)))
        report = self._ports.vault.put(self._report(current, replayed, evaluation, extra))
        try:
            self._ports.append(ModelAttested(self._account, current.number, digest_of(current), report))
        except (WrongPhase, WrongRound) as error:
            self._ports.notify(Event.TOO_LATE, {"round": current.number, "reason": str(error)})
            return
        self._ports.notify(Event.MODEL_ATTESTED, {"round": current.number, **evaluation.metrics})

    def _report(
        self, current: Round, replayed: ReplayedRound, evaluation: Evaluation, extra: dict[str, JsonValue]
    ) -> bytes:
        missing = excluded_updates(current, Tools(self._sums, *self._ports.replaying))
        totals = replayed.document
        return write_document(
            {
                "alarm": evaluation.alarm,
                "auditor": show(self._account),
                "data": evaluation.data,
                "left_out": {show(hospital): error.name if error else "" for hospital, error in missing.items()},
                "metrics": evaluation.metrics,
                "model": show(digest_of(current)),
                "round": current.number,
                "training": {**replayed.training},
                **({"totals": totals} if totals else {}),
                **extra,
            }
        )


def _refused(current: Round) -> str:
    return f"refused/{current.context.hex()}"
