"""What the hospitals of a round train: the `training` part of a round's configuration.

Invariant: a parsed recipe names a network that can be built and a training that can run.

Source: fl/protocol/rounds/config.py (the document that contains it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

from fl.protocol.branch import BRANCH, Branch
from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError, SettingInvalid
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task import Task
from fl.training.aggregation.choice import (
    ENTRY,
    FEDERATED_AVERAGING,
    QUALITY,
    SCAFFOLD,
    VOTED,
    WEIGHTS,
    Aggregation,
    by_quality,
)
from fl.training.aggregation.work import SumSpec, without_sum
from fl.training.calibration.rule import RULE
from fl.training.local.config import LocalConfig
from fl.training.model.spec import CLASSES, LABELS, OWN, ModelSpec
from fl.training.privacy.terms import PLAIN, Spend

_WHAT = "training recipe"


@dataclass(frozen=True)
class Recipe:
    """Network, local training and aggregation; the task gives the classes their meaning (fl/protocol/task.py)."""

    spec: ModelSpec
    local: LocalConfig
    seed: int
    aggregation: Aggregation = FEDERATED_AVERAGING
    """Without an entry in the document: fedavg."""
    quality: bool = False
    """Whether a hospital counts by images and validation score instead of by images alone."""
    branch: Branch | None = None
    """Where the branch begins to which the round belongs; None before any return to a model."""

    def __post_init__(self) -> None:
        """Raise SettingInvalid if training is private, and hospitals would also send what no noise covers."""
        covered = not (self.spec.several or self.spec.kind == OWN or self.judged or self.aggregation.rule == SCAFFOLD)
        if self.local.privacy.on and not covered:
            why = "noise cannot cover several labels, an own network, scaffold, voted or weights by quality"
            raise SettingInvalid("epsilon", why)

    def to_dict(self) -> dict[str, JsonValue]:
        plain: dict[str, object] = {
            "local": self.local.to_dict(),
            "model": self.spec.to_dict(),
            "seed": self.seed,
        }
        if self.aggregation != FEDERATED_AVERAGING:
            plain[ENTRY] = self.aggregation.to_dict()
        if self.quality:
            plain[WEIGHTS] = QUALITY
        if self.branch is not None:
            plain[BRANCH] = self.branch.to_dict()
        return cast("dict[str, JsonValue]", plain)

    @classmethod
    def from_dict(cls, raw: Mapping[str, JsonValue]) -> Recipe:
        """Parse what `to_dict` wrote, also where a round sums lanes beside it, or raise EncodingError."""
        fields = Fields(without_sum(raw), _WHAT)
        fields.only(BRANCH, ENTRY, WEIGHTS, "local", "model", "seed")
        try:
            local = LocalConfig.from_dict(fields.mapping("local"))
        except SettingInvalid as error:  # from another member's document, not a setting of this installation
            raise EncodingError(_WHAT, str(error)) from error
        spec, rule = ModelSpec.from_dict(fields.mapping("model")), Aggregation.of(fields.value)
        try:
            return cls(spec, local, fields.integer("seed"), rule, by_quality(fields.value), Branch.of(raw))
        except SettingInvalid as error:
            raise EncodingError(_WHAT, str(error)) from error

    @classmethod
    def of(cls, config: RoundConfig) -> Recipe:
        """Return what a round trains.

        Raises:
            EncodingError: there is no recipe, or its model does not have one output per class of the task, or the
                outputs are of another kind.
        """
        recipe = cls.from_dict(config.training)
        if recipe.spec.classes != len(config.task.classes):
            raise EncodingError(_WHAT, "the model does not have one output per class of the task")
        try:
            recipe.check_several(calibrated=sums_calibration(config))
        except SettingInvalid as error:
            raise EncodingError(_WHAT, error.why) from error
        if recipe.spec.several != config.task.several:
            raise EncodingError(_WHAT, "the model gives one class where the task has several labels, or the reverse")
        return recipe

    def check_several(self, *, calibrated: bool = False) -> None:
        """Raise SettingInvalid if images may have several labels, and hospitals should judge or calibrate by them."""
        if not self.spec.several:
            return
        if calibrated or (self.local.held_back and not self.judged):
            raise SettingInvalid("calibrate", "this version cannot calibrate a model of several labels")
        if self.judged:
            raise SettingInvalid("aggregation", "hospitals cannot judge several labels: neither voted nor quality")

    @property
    def judged(self) -> bool:
        """Return whether hospitals judge models on images that they hold back."""
        return self.quality or self.aggregation.rule == VOTED


def fitted_to(spec: ModelSpec, task: Task) -> ModelSpec:
    """Return the network with one output per class of the task, of the task's kind."""
    return replace(spec, classes=len(task.classes), outputs=LABELS if task.several else CLASSES)


def sums_calibration(config: RoundConfig) -> bool:
    """Return whether a round sums what calibrates a model."""
    spec = SumSpec.from_dict(config.training)
    return spec is not None and spec.rule == RULE


def private_spend(config: RoundConfig) -> Spend:
    """Return what a round of training costs a hospital's pictures; PLAIN where it has no noise, or no recipe."""
    try:
        local = Recipe.from_dict(config.training).local
    except EncodingError:
        return PLAIN
    return Spend.of(local.privacy, local.epochs)
