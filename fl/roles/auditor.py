"""The auditor during a federation: replays each proposal, evaluates it on held-out data, reports and attests.

Invariant: an attestation is signed only after the round was replayed bit for bit and the sealed model was opened and
compared; a proposal that fails is never attested, and the reason is kept in the journal.

Source: PROTOCOL.md 5S (phase Attest) and 7.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fl.events import Event
from fl.failures import reason_of
from fl.protocol.codec import JsonValue, write_document
from fl.protocol.errors import MalformedError, RefusedError, TamperedError, WrongPhase, WrongRound
from fl.protocol.federation import Federation
from fl.protocol.names import show
from fl.protocol.records import ModelAttested
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase, Round
from fl.replay.exclusions import excluded_updates
from fl.replay.expected_files import FileReader, digest_of, read_config, read_manifest
from fl.replay.ledger_view import LedgerView, Ports
from fl.replay.rejected_responses import RejectionReporter
from fl.replay.round_replay import ReplayedRound, Tools, replay_round
from fl.replay.round_sum import RoundSum
from fl.replay.round_task import check_kept
from fl.training.aggregation.quantise import Vector


@dataclass(frozen=True)
class Evaluation:
    """What an auditor says of a model."""

    metrics: dict[str, JsonValue] = field(default_factory=dict)
    """On held-out images; empty when it holds none."""
    data: dict[str, JsonValue] = field(default_factory=dict)
    """What these images are: name, number of images and persons, images per class code, origin."""
    alarm: str = ""
    """Why the model is far worse than chance (fl/training/evaluation/chance.py); empty when it is not."""


Evaluate = Callable[[Vector, RoundConfig], Evaluation]
"""(model float32 [d], its round's configuration) -> what it does on held-out data."""


class Auditor:
    """One auditor's agent."""

    def __init__(self, ports: Ports, evaluate: Evaluate) -> None:
        self.view = LedgerView(ports.ledger)
        self._ports = ports
        self._evaluate = evaluate
        self._account = ports.ledger.account
        self._reader = FileReader(self._account, ports.vault, ports.keyring)
        self._sums = RoundSum(self._reader, ports.vault)
        self._rejections = RejectionReporter(ports.notify)

    def step(self) -> bool:
        """Attest the proposal that waits for this auditor; False when there is none."""
        federation = self.view.current()
        current = federation.active_round
        if current is None or self._account not in current.keys or self._account in current.attestations:
            return False
        if current.phase != Phase.PROPOSED:
            return self._sums.step(current)
        if self._ports.journal.get(_refused(current)) is not None:
            return False
        try:
            replayed = self._replay(federation, current)
            config = read_config(current, self._ports.vault)
            found = self._evaluate(replayed.model, config)
        except (TamperedError, MalformedError, RefusedError) as error:
            reason = reason_of(error, current, federation.book)
            self._ports.journal.once(_refused(current), reason.encode())
            self._ports.notify(Event.MODEL_NOT_ATTESTED, {"round": current.number, "reason": reason})
            return True
        if found.alarm:
            self._ports.notify(Event.ALARM, {"round": current.number, "reason": found.alarm})
        self._attest(current, replayed, found)
        return True

    def finish(self) -> None:
        """Nothing is left to do: what counts is on the ledger."""

    def _replay(self, federation: Federation, current: Round) -> ReplayedRound:
        manifest = read_manifest(federation.opening, self._ports.vault)
        previous = self._reader.model(federation.source, manifest)
        tools = Tools(self._sums, *self._ports.replaying)
        check_kept(federation, current, self._ports.vault)
        replayed = replay_round(current, previous, manifest, tools)
        self._rejections.report(federation.book, current, replayed.rejected)
        self._reader.model(current, manifest, replayed.model)
        return replayed

    def _attest(self, current: Round, replayed: ReplayedRound, found: Evaluation) -> None:
        document = self._report(current, replayed, found)
        report = self._ports.vault.put(document)
        try:
            self._ports.append(ModelAttested(self._account, current.number, digest_of(current), report))
        except (WrongPhase, WrongRound) as error:
            self._ports.notify(Event.TOO_LATE, {"round": current.number, "reason": str(error)})
            return
        self._ports.notify(Event.MODEL_ATTESTED, {"round": current.number, **found.metrics})

    def _report(self, current: Round, replayed: ReplayedRound, found: Evaluation) -> bytes:
        left = excluded_updates(current, Tools(self._sums, *self._ports.replaying))
        return write_document(
            {
                "alarm": found.alarm,
                "auditor": show(self._account),
                "data": found.data,
                "left_out": {show(hospital): error.name if error else "" for hospital, error in left.items()},
                "metrics": found.metrics,
                "model": show(digest_of(current)),
                "round": current.number,
                "training": {**replayed.training},
            }
        )


def _refused(current: Round) -> str:
    return f"refused/{current.context.hex()}"
