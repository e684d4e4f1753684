"""The values chosen by measurement (scripts/bench/training.py)."""

from __future__ import annotations

from fl.training.config import LocalConfig
from fl.training.model import ModelSpec

DEFAULT_SPEC = ModelSpec()
DEFAULT_ROUNDS = 10
DEFAULT_LOCAL = LocalConfig(horizon=DEFAULT_ROUNDS)
