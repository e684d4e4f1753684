"""Predictions with the current model of the real federation.

Invariant: adapters only translate; fl/roles/serving makes every check.

Source: webui/ports/federation.py (the port).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fl.protocol.errors import EncodingError, ModelUnusable, NonFinite
from fl.protocol.federation import Federation
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
from webui.ports.federation import GoneBack, Prediction, ReportedModel, Route, ServedModel


class FederationPredictions:
    """Implements PredictionService."""

    def __init__(self, reader: VerifiedModelCache, vault: Vault) -> None:
        self._reader = reader
        self._vault = vault

    def predict(self, pixels: Pixels, frame: Frame | None = None, server: str = "") -> Prediction:  # noqa: ARG002
        served = self._reader.current()
        return _judged(served, _prepared(served, pixels, frame))

    def look(self, picture: Pixels) -> Prediction:
        """Judge a picture that another site has prepared, uint8 [S, S, 3].

        Raises:
            EncodingError: the model takes pictures of another size.
            As `predict`.
        """
        served = self._reader.current()
        side = served.predictor.spec.size_px
        if picture.shape != (side, side, 3):
            raise EncodingError("question", f"the model takes pictures of {side} px")
        return _judged(served, picture)

    def prepared(self, pixels: Pixels, frame: Frame | None = None) -> Pixels:
        """Return what the present model looks at, uint8 [S, S, 3]; raises as `predict`."""
        return _prepared(self._reader.current(), pixels, frame)

    def servers(self) -> Sequence[Route]:
        return ()

    def model(self) -> ServedModel:
        return _of_pictures(self._reader.current())

    def reported(self) -> ReportedModel:
        served = self._reader.current()
        return ReportedModel(_of_pictures(served), report_on(served.round, self._vault))

    def gone_back(self) -> GoneBack | None:
        return gone_back_of(self._reader.known())

    def again(self, model: ServedModel) -> Verification:
        return self._reader.again(model.round, model.model_digest, model.envelope_digest)


def gone_back_of(federation: Federation) -> GoneBack | None:
    """Return what the newest return on a ledger means; None without one."""
    if not federation.reverted:
        return None
    back = federation.reverted[-1]
    gone, at = federation.superseded, back.opened.timestamp
    new = gone - replace(federation, reverted=federation.reverted[:-1]).superseded
    ends = (each.last.timestamp for each in federation.rounds if each.number in new and each.last)
    return GoneBack(gone, back.record.round, min(ends, default=at), at, back.opened.transaction.hex())


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


def _prepared(served: CurrentModel, pixels: Pixels, frame: Frame | None) -> Pixels:
    stained = served.task.domain == Domain.STAINED_CELL
    return prepare(pixels, served.predictor.spec.size_px, stained=stained, frame=frame)


def _judged(served: CurrentModel, picture: Pixels) -> Prediction:
    try:
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
