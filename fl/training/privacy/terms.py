"""The terms of a private training (DP-SGD): public, in a round's configuration, and equal for all hospitals.

Invariant: noise, sampling rate and number of steps are stated, not the number of pictures. So epsilon follows from the
configuration on the ledger alone, and is the same for a hospital with many pictures and for one with few.

Source: M. Abadi et al., "Deep Learning with Differential Privacy", CCS 2016, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from fl.protocol.errors import SettingInvalid
from fl.training.plain import parse_fields

DELTA = 1e-5
"""The usual delta."""
_RANGES: dict[str, tuple[float, float]] = {
    "noise": (0.01, 1000.0),
    "clip": (1e-6, 1e6),
    "rate": (0.001, 1.0),
    "delta": (1e-12, 0.01),
}


@dataclass(frozen=True)
class Privacy:
    """How much noise a hospital's training adds; all zeros: none.

    Attributes:
        noise: Standard deviation of the noise on a step's sum of gradients, in units of `clip`.
        clip: Largest L2 norm of one picture's gradient; longer ones are shortened.
        rate: Probability with which a step uses a picture, independent of all others (Poisson sampling).
        delta: The delta at which epsilon is stated.
    """

    noise: float = 0.0
    clip: float = 0.0
    rate: float = 0.0
    delta: float = 0.0

    def __post_init__(self) -> None:
        """Raise SettingInvalid if a value is out of its range."""
        if (self.noise, self.clip, self.rate, self.delta) == (0.0, 0.0, 0.0, 0.0):
            return
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingInvalid(f"privacy {name}", f"{value} is not in {low} to {high}")

    @property
    def on(self) -> bool:
        """Return whether the training is private."""
        return self.noise > 0.0

    @property
    def steps_of_epoch(self) -> int:
        """Return the steps after which each picture was used once on average."""
        return max(1, round(1.0 / self.rate)) if self.on else 0

    def to_dict(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, object]) -> Privacy:
        """Parse what `to_dict` wrote.

        Raises:
            EncodingError: a field is missing, unknown or of another type.
            SettingInvalid: a value is out of its range.
        """
        return parse_fields(cls, raw, "privacy")


OFF = Privacy()
"""Training without noise."""


@dataclass(frozen=True)
class Spend:
    """One training as the accountant sees it: `steps` steps of the sampled Gaussian mechanism."""

    noise: float
    rate: float
    steps: int

    @classmethod
    def of(cls, privacy: Privacy, epochs: int) -> Spend:
        """Return what `epochs` epochs spend."""
        return cls(privacy.noise, privacy.rate, epochs * privacy.steps_of_epoch)


PLAIN = Spend(0.0, 0.0, 0)
"""A training without noise: no epsilon bounds what it tells."""
