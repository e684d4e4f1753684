"""Sums the updates of a round, and proposes the model that they give.

Invariant: only what a round's configuration says is computed; what a hospital did wrong ends the round with its name.

Source: PROTOCOL.md 5 and 5S.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fl.events import Event
from fl.failures import ROUND_ONLY, refusal_of
from fl.protocol.errors import BelowThreshold, SharesMissing, TooFewReveals, UpdateUnusable, VaultMissing
from fl.protocol.federation import Federation
from fl.protocol.records import ModelProposed
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.mask_graph import is_answered
from fl.protocol.rounds.round import Round
from fl.replay.branches import start_of
from fl.replay.expected_files import expected_model, model_core, model_recipients
from fl.replay.file_reader import FileReader
from fl.replay.group_key import with_group_key
from fl.replay.ledger_view import Ports
from fl.replay.long_keys import reader_keys
from fl.replay.round_documents import read_config, read_manifest
from fl.replay.round_sum import RoundSum
from fl.replay.round_work import checked_work
from fl.roles.coordinator.checks import Checks
from fl.roles.coordinator.masked_rounds import Unmasking
from fl.roles.coordinator.sealed_model import put_model
from fl.roles.coordinator.sealed_rounds import Opening
from fl.roles.requester.model_release import held_by
from fl.training.aggregation.claims import Claims
from fl.training.aggregation.sum import Sum
from fl.training.aggregation.work import Outcome, Work
from fl.training.model.weights import Manifest, Vector, model_digest
from fl.training.weak_calibration import weakness


class Proposing:
    """Proposes the models of one coordinator's rounds."""

    def __init__(
        self, ports: Ports, reader: FileReader, sums: RoundSum, checks: Checks, abort: Callable[[Round, str], bool]
    ) -> None:
        self._ports = ports
        self._account = ports.ledger.account
        self._reader = reader
        self._sums = sums
        self._checks = checks
        self._abort = abort
        self._opening = Opening(ports, sums)
        self._unmasking = Unmasking(ports, sums, abort)

    def step(self, federation: Federation, current: Round) -> bool:
        """Verify, open and sum the updates, then seal and propose the new model; a masked sum needs enough answers."""
        if current.masked and not is_answered(current):
            return self._unmasking.wait(federation, current)
        if current.masked and self._checks.waits_for_answers(current):
            return self._sums.step(current)
        manifest = read_manifest(federation.opening, self._ports.vault)
        config = read_config(current, self._ports.vault)
        previous = self._reader.model(federation.source, manifest)
        try:
            work = checked_work(current, config, manifest)
            total = self._total(federation, current, work)
            outcome = work.apply(total, start_of(config, manifest, previous))
        except UpdateUnusable as error:
            return self._abort(current, refusal_of(error, federation.book))
        except (TooFewReveals, BelowThreshold, SharesMissing, VaultMissing) as error:
            if not current.masked:
                raise
            return self._unmasking.wait_after(current, error)
        except ROUND_ONLY as error:
            return self._abort(current, f"{error.name}: {error}")
        self._ports.append(self._seal(federation, current, config, manifest, outcome.model))
        self._ports.notify(Event.MODEL_PROPOSED, {"round": current.number, **_figures(outcome, total.claims)})
        self._warn(current, config, manifest.weights_of(outcome.model))
        return True

    def _seal(
        self, federation: Federation, current: Round, config: RoundConfig, manifest: Manifest, model: Vector
    ) -> ModelProposed:
        """Put a new model into the vault, sealed to its readers; return its proposal."""
        digest = model_digest(manifest.digest, model)
        keys = reader_keys(federation, current, self._ports.vault)
        recipients = model_recipients(current, federation.book, held_by(federation) if config.release else None, keys)
        if not config.release:
            recipients = with_group_key(current, recipients, self._ports.vault)
        core = model_core(current, config.suite)
        envelope = put_model(core, recipients, model, config.part_words, self._ports.vault)
        expected = expected_model(current, manifest.length, config.suite)
        self._reader.remember(replace(expected, digest=envelope), digest, model)
        return ModelProposed(self._account, current.number, digest, envelope)

    def _warn(self, current: Round, config: RoundConfig, weights: Vector) -> None:
        """Say if a calibration had too few images for some class."""
        reason = weakness(config, weights)
        if reason:
            self._ports.notify(Event.CALIBRATION_WEAK, {"round": current.number, "reason": reason})

    def _total(self, federation: Federation, current: Round, work: Work) -> Sum:
        if current.masked:
            return self._unmasking.total(federation, current, work)
        return self._opening.total(current, work)


def _figures(outcome: Outcome, claims: Claims) -> dict[str, float]:
    """Return what a proposal's log says about its sum."""
    if outcome.plan is not None:
        return {"lanes": len(outcome.plan.lanes), "rows": claims.samples}
    return {"training_accuracy": claims.accuracy, "training_loss": claims.mean_loss, "samples": claims.samples}
