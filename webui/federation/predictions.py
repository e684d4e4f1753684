"""Predictions with the current model of the real federation.

Invariant: adapters only translate; fl/roles/serving makes every check.

Source: webui/ports/federation.py (the port).
"""

from __future__ import annotations

from typing import Any

from fl.protocol.errors import ModelUnusable, NonFinite
from fl.protocol.names import NO_DIGEST
from fl.protocol.ports import Vault
from fl.protocol.task import Domain
from fl.roles.serving.current_model import Current, CurrentModel, VerifiedModelCache
from fl.roles.serving.model_facts import Verification
from fl.training.pictures.field import Frame
from fl.training.pictures.gate import prepare
from fl.training.pictures.images import Pixels
from fl.training.pictures.preparation import PLAIN
from webui.federation.audits import report_on
from webui.ports.federation import Prediction, ReportedModel, ServedModel


class FederationPredictions:
    """Implements PredictionService."""

    def __init__(self, reader: VerifiedModelCache, vault: Vault) -> None:
        self._reader = reader
        self._vault = vault

    def predict(self, pixels: Pixels, frame: Frame | None = None) -> Prediction:
        served = self._reader.current()
        try:
            stained = served.task.domain == Domain.STAINED_CELL
            picture = prepare(pixels, served.predictor.spec.size_px, stained=stained, frame=frame)
            answer, seen = served.predictor.see(picture)
            answer.check()
        except NonFinite as error:
            raise ModelUnusable(served.round.number, str(error)) from error
        row, task = [float(value) for value in answer.probabilities], served.task
        label = task.codes[int(answer.probabilities.argmax())]
        shares = dict(zip(task.codes, row, strict=True))
        kept = None
        if answer.kept is not None:
            kept = tuple(code for code, stays in zip(task.codes, answer.kept, strict=True) if stays)
        return Prediction(label, task.disease_probability(row), shares, _of_pictures(served), kept, seen)

    def model(self) -> ServedModel:
        return _of_pictures(self._reader.current())

    def reported(self) -> ReportedModel:
        served = self._reader.current()
        return ReportedModel(_of_pictures(served), report_on(served.round, self._vault))

    def again(self, model: ServedModel) -> Verification:
        return self._reader.again(model.round, model.model_digest, model.envelope_digest)


def _of_pictures(served: CurrentModel) -> ServedModel:
    return describe(served, served.predictor.spec.preparation)


def describe(served: Current[Any], preparation: str = PLAIN) -> ServedModel:
    """Return what is known about a current model, of pictures or of a table."""
    current, book = served.round, served.federation.book
    proposal = current.proposal
    return ServedModel(
        round=current.number,
        model_digest=proposal.model_digest if proposal else NO_DIGEST,
        envelope_digest=proposal.envelope_digest if proposal else NO_DIGEST,
        protection=current.terms.protection.name.lower(),
        coordinator_name=book.name_of(current.opener),
        final_at=current.last.timestamp if current.last else 0,
        attested_by=tuple(book.name_of(auditor) for auditor in current.attestations),
        verification=served.verification,
        task=served.task,
        preparation=preparation,
    )
