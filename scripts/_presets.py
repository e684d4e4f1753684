"""What a demo trains by default, for real images and for drawn cells."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fl.training.config import LocalConfig
from fl.training.model import ModelSpec
from fl.training.presets import DEFAULT_LOCAL, DEFAULT_ROUNDS, DEFAULT_SPEC
from fl.training.synthetic import SyntheticPlan


@dataclass(frozen=True)
class Preset:
    """Network, local training, and how many rounds."""

    spec: ModelSpec
    local: LocalConfig
    rounds: int


REAL = Preset(DEFAULT_SPEC, DEFAULT_LOCAL, DEFAULT_ROUNDS)
DRAWN = Preset(DEFAULT_SPEC, replace(DEFAULT_LOCAL), 5)
DRAWN_PLAN = SyntheticPlan()
