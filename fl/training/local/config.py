"""How a hospital trains: settings that all hospitals of a round share.

Invariant: every configuration is usable; equal configurations have equal dictionaries.

Source: B. McMahan et al., "Communication-Efficient Learning", 2017 (local epochs); I. Loshchilov and F. Hutter,
"SGDR", 2017 and "Decoupled Weight Decay", 2019; C. Szegedy et al., 2016 (smoothing); T. Li et al., "Federated
Optimization in Heterogeneous Networks", 2020 (FedProx).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from fl.protocol.errors import EncodingError, SettingInvalid
from fl.training.plain import parse_fields
from fl.training.privacy.terms import OFF, Privacy

_RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1, 1000),
    "batch": (1, 4096),
    "lr": (0.0, 10.0),
    "lr_final": (0.0, 10.0),
    "horizon": (1, 100_000),
    "weight_decay": (0.0, 1.0),
    "augment": (0.0, 3.0),
    "class_balance": (0.0, 1.0),
    "smoothing": (0.0, 0.5),
    "clip_norm": (0.0, 1e6),
    "mu": (0.0, 100.0),
    "held_back": (0.0, 0.5),
}
_WHAT = "training configuration"
NOT_PRIVATE = ("class_balance", "clip_norm", "held_back")
"""Settings that let one picture change how others are used, or that noise makes useless: 0 in a private training."""


@dataclass(frozen=True)
class LocalConfig:
    """One hospital's training in one round.

    Attributes:
        epochs: Passes over the hospital's training images per round.
        batch: Images per step.
        lr: AdamW's learning rate in round 1.
        lr_final: Learning rate in round `horizon` and later; between them it follows half a cosine.
        horizon: Planned number of rounds.
        weight_decay: AdamW's decoupled decay.
        augment: Strength of augmentation, 0 for none (augment.py).
        class_balance: How far an epoch is drawn towards equal classes (sampling.py): 0 = each image once, 1 =
            each class equally often.
        smoothing: Share of each label that is spread over all classes.
        clip_norm: Largest L2 norm of a step's gradient; 0 = no limit.
        mu: FedProx: weight of half the squared distance to the global weights in the loss; 0 = plain training.
        held_back: Share of the training images that no training sees, to calibrate the model with (held_back.py).
        privacy: Noise that hides single images (DP-SGD); `OFF` for none. Its sampling rate replaces `batch`, which then
            only bounds memory.
    """

    epochs: int = 1
    batch: int = 32
    lr: float = 1e-3
    lr_final: float = 1e-4
    horizon: int = 10
    weight_decay: float = 0.02
    augment: float = 1.0
    class_balance: float = 0.5
    smoothing: float = 0.05
    clip_norm: float = 5.0
    mu: float = 0.0
    held_back: float = 0.0
    privacy: Privacy = OFF

    def __post_init__(self) -> None:
        """Raise SettingInvalid if a value is out of its range or not a number."""
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingInvalid(name, f"{value} is not in {low} to {high}")
        for name in NOT_PRIVATE if self.privacy.on else ():
            if getattr(self, name):
                raise SettingInvalid(name, f"{getattr(self, name)} does not go with privacy; it has to be 0")

    def lr_of_round(self, number: int) -> float:
        """Return the learning rate of round `number`, counted from 1."""
        place = min(max(number - 1, 0), self.horizon - 1) / max(1, self.horizon - 1)
        return self.lr_final + (self.lr - self.lr_final) * 0.5 * (1.0 + math.cos(math.pi * place))

    def at_rate(self, lr: float) -> LocalConfig:
        """Return this training with another first learning rate; the last one changes by as much."""
        return replace(self, lr=lr, lr_final=self.lr_final * (lr / self.lr) if self.lr else self.lr_final)

    def to_dict(self) -> dict[str, object]:
        """Return all settings; `mu` and `privacy` only where they are used, so that others stay as they were."""
        settings = asdict(self)
        if not self.mu:
            del settings["mu"]
        if not self.privacy.on:
            del settings["privacy"]
        return settings

    @classmethod
    def from_dict(cls, raw: Mapping[str, object]) -> LocalConfig:
        """Parse what `to_dict` wrote.

        Raises:
            EncodingError: a field is missing, unknown or of another type.
            SettingInvalid: a value is out of its range.
        """
        privacy = raw.get("privacy", {})
        if not isinstance(privacy, Mapping):
            raise EncodingError(_WHAT, "its privacy is not an object")
        terms = Privacy.from_dict(privacy) if privacy else OFF
        return parse_fields(cls, {"mu": 0.0, **raw, "privacy": terms}, _WHAT)
