"""One picture's answer and its map, on the path of the site."""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import show
from fl.protocol.task import Domain
from fl.training.evaluation.explain import HeatMap, explain
from fl.training.pictures.field import Frame
from fl.training.pictures.gate import prepare
from fl.training.pictures.images import Pixels
from scripts.wiring.evaluation import OpenedModel


@dataclass(frozen=True, eq=False)
class Explained:
    """A picture's answer and its map."""

    model: OpenedModel
    probabilities: tuple[float, ...]
    map: HeatMap

    @property
    def explained(self) -> str:
        """Return the name of the class that the map is about."""
        return self.model.task.classes[self.map.target].name

    def lines(self) -> list[str]:
        """Return the answer and the model as lines of text."""
        task, current = self.model.task, self.model.current.round
        digest = show(current.proposal.model_digest) if current.proposal else ""
        found = [f"{one.name}: {value!r}" for one, value in zip(task.classes, self.probabilities, strict=True)]
        spec = self.model.recipe.spec
        return [*found, f"Model {digest} of round {current.number}, preparation {spec.preparation}"]


def explained(model: OpenedModel, pixels: Pixels, code: str | None = None, frame: Frame | None = None) -> Explained:
    """Answer for decoded pixels uint8 [H, W, 3], and explain a class; by default the one that the model says.

    Raises:
        NoAnswer: the picture does not show what the model judges.
        SettingInvalid: the task has no such class.
    """
    if code is not None and code not in model.task.codes:
        raise SettingInvalid("class", f"{code!r} is not one of {', '.join(model.task.codes)}")
    stained = model.task.domain == Domain.STAINED_CELL
    picture = prepare(pixels, model.predictor.spec.size_px, stained=stained, frame=frame)
    row = model.predictor.answer(picture).check().probabilities
    target = int(row.argmax()) if code is None else model.task.codes.index(code)
    return Explained(model, tuple(float(value) for value in row), explain(model.predictor, picture, target))
