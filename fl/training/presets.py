"""Settings that were chosen by measurement.

Invariant: no test part influenced the choice. It was made on C-NMC's training persons: some of them were kept aside and
judged after every round (DECISIONS.md). The test part was measured afterwards.

Source: scripts/bench/training.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from fl.training.data.synthetic import SyntheticPlan
from fl.training.local.config import LocalConfig
from fl.training.model.spec import LITE0, ModelSpec
from fl.training.pictures.preparation import CELL_COLOURS
from fl.training.privacy.terms import Privacy


@dataclass(frozen=True)
class Preset:
    """A network, a way to train it, and for how many rounds."""

    spec: ModelSpec
    local: LocalConfig
    rounds: int


DEFAULT_SPEC = ModelSpec(kind=LITE0, preparation=CELL_COLOURS, views=8)
"""3.3 million weights."""
DEFAULT_ROUNDS = 2
"""Further rounds learn the persons of the training by heart: on others, answers got worse with every round."""
DEFAULT_LOCAL = LocalConfig(
    epochs=1, batch=32, lr=3e-4, lr_final=3e-5, horizon=DEFAULT_ROUNDS, augment=1.0, class_balance=1.0
)
DEFAULT_PRESET = Preset(DEFAULT_SPEC, DEFAULT_LOCAL, DEFAULT_ROUNDS)
"""For pictures of real cells, such as C-NMC."""

_SMALL_ROUNDS = 8
SMALL_PRESET = Preset(
    ModelSpec(width=56),
    replace(DEFAULT_LOCAL, epochs=2, lr=1e-3, lr_final=1e-4, horizon=_SMALL_ROUNDS),
    _SMALL_ROUNDS,
)
"""For the same without published weights: 945,338 weights from random ones."""

SYNTHETIC_PLAN = SyntheticPlan(subjects=36, cells=20)
_SYNTHETIC_ROUNDS = 5
SYNTHETIC_PRESET = Preset(
    ModelSpec(width=24),
    LocalConfig(epochs=2, batch=16, lr=2e-3, lr_final=2e-4, horizon=_SYNTHETIC_ROUNDS, class_balance=1.0),
    _SYNTHETIC_ROUNDS,
)
"""For the cells of `SYNTHETIC_PLAN`: a demonstration of about a minute."""

SGD_LR = 0.05
"""Default step of scaffold's plain gradient steps."""
PRIVATE_ROUNDS, PRIVATE_EPOCHS, PRIVATE_LR, PRIVATE_LR_FINAL = 8, 3, 5e-3, 5e-4
"""Rounds of a private head, epochs of each, and learning rates: noise asks for few weights and large steps."""


def head_alone(preset: Preset) -> Preset:
    """Return a preset that trains only the last layer of a lite0, as private predictions need it (PROTOCOL.md 9P).

    Augmentation is off, as in `private`, and there is one view: a hospital asks about one anyway.
    """
    spec = preset.spec if preset.spec.kind == LITE0 else ModelSpec(kind=LITE0, preparation=preset.spec.preparation)
    local = replace(
        preset.local, epochs=PRIVATE_EPOCHS, lr=PRIVATE_LR, lr_final=PRIVATE_LR_FINAL, augment=0.0, smoothing=0.0
    )
    return Preset(replace(spec, trained="head", views=1), local, preset.rounds)


def private(preset: Preset, privacy: Privacy, trained: str | None = None) -> Preset:
    """Return a preset that trains privately: of a lite0 only the head, unless `trained` names more of it.

    Augmentation is off where a part is fixed: then what that part makes of each picture is computed once.
    """
    part = trained or ("head" if preset.spec.kind == LITE0 else preset.spec.trained)
    augment = preset.local.augment if part == "all" else 0.0
    local = replace(
        preset.local,
        epochs=PRIVATE_EPOCHS,
        lr=PRIVATE_LR,
        lr_final=PRIVATE_LR_FINAL,
        augment=augment,
        class_balance=0.0,
        clip_norm=0.0,
        smoothing=0.0,
        privacy=privacy,
    )
    return Preset(replace(preset.spec, trained=part), local, PRIVATE_ROUNDS if part == "head" else preset.rounds)


PRESETS: dict[str, Preset] = {"real": DEFAULT_PRESET, "small": SMALL_PRESET, "synthetic": SYNTHETIC_PRESET}
