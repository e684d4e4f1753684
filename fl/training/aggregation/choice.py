"""How the hospitals' updates become the next model: the `aggregation` entry in the training part of a configuration.

Invariant: a parsed entry names a rule and exactly that rule's settings, each in its range. Without an entry the rule
is `fedavg`. Equal entries have equal dictionaries.

Source: PROTOCOL.md 5 (Update); Hsu et al., 2019 (FedAvgM); Reddi et al., "Adaptive Federated Optimization", 2021
(FedAdam, FedYogi); Karimireddy et al., 2020 (SCAFFOLD); Yin et al., 2018 (median, trimmed mean); Blanchard et al., 2017
(Multi-Krum).
Not here: equal weights, which are w_max = 1 of the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError, SettingInvalid

ENTRY = "aggregation"
WEIGHTS, QUALITY = "weights", "quality"
"""The entry for how much a hospital counts, and its only value; without it, a hospital counts by its images."""
FEDAVG, FEDAVGM, FEDADAM, FEDYOGI = "fedavg", "fedavgm", "fedadam", "fedyogi"
SCAFFOLD, VOTED = "scaffold", "voted"
MEDIAN, TRIMMED, KRUM, CLIPPED = "median", "trimmed-mean", "krum", "clipped"
STATE: dict[str, tuple[str, ...]] = {
    FEDAVGM: ("server.momentum",),
    FEDADAM: ("server.mean", "server.square"),
    FEDYOGI: ("server.mean", "server.square"),
    SCAFFOLD: ("server.control",),
}
"""The vectors that a rule keeps behind the weights, each as long as the weights; `voted` has one for each group."""
VISIBLE = (MEDIAN, TRIMMED, KRUM, CLIPPED)
"""These rules look at each hospital's update."""
_OPTIMISER = {"lr": (1e-6, 10.0), "beta1": (0.0, 0.999)}
_ADAPTIVE = {**_OPTIMISER, "beta2": (0.0, 0.9999), "tau": (1e-8, 1.0)}
SETTINGS: dict[str, dict[str, tuple[float, float]]] = {
    FEDAVG: {},
    FEDAVGM: _OPTIMISER,
    FEDADAM: _ADAPTIVE,
    FEDYOGI: _ADAPTIVE,
    SCAFFOLD: {"hospitals": (1, 16_384), "control_clip": (1e-9, 1e6), "control_bound": (1e-9, 1e9)},
    VOTED: {"groups": (2, 64)},
    MEDIAN: {},
    TRIMMED: {"attackers": (1, 511)},
    KRUM: {"attackers": (1, 511)},
    CLIPPED: {"bound": (1e-9, 1e9)},
}
"""Rule -> its settings and their ranges."""
Vector = npt.NDArray[np.float32]
_WHOLE = ("attackers", "hospitals", "groups")
"""Settings that are whole numbers."""
_WHAT = "aggregation"


@dataclass(frozen=True)
class Aggregation:
    """One rule with its settings; a setting that the rule does not have keeps its default.

    Attributes:
        rule: A name in SETTINGS.
        lr: The server's learning rate, eta in the papers.
        beta1: Share of the old momentum that stays.
        beta2: Share of the old mean of squares that stays.
        tau: Added to the root of the mean of squares, in units of weights.
        attackers: How many hospitals may lie without harm: so many values at each end of a weight are dropped
            (trimmed-mean), or so many updates (krum).
        hospitals: scaffold: N of the paper, how many hospitals take part in all.
        control_clip: scaffold: the largest change of one entry of a hospital's control variate in one round.
        control_bound: scaffold: the largest L2 norm of that change.
        groups: voted: into how many groups the hospitals are dealt.
        bound: An update with a longer L2 norm is shortened to it, in units of weights.
    """

    rule: str = FEDAVG
    lr: float = 1.0
    beta1: float = 0.9
    beta2: float = 0.99
    tau: float = 1e-3
    attackers: int = 1
    hospitals: int = 3
    control_clip: float = 0.5
    control_bound: float = 50.0
    groups: int = 2
    bound: float = 1.0

    def __post_init__(self) -> None:
        """Raise SettingInvalid for an unknown rule, a value out of its range, or a setting of another rule."""
        if self.rule not in SETTINGS:
            raise SettingInvalid(_WHAT, f"{self.rule!r} is unknown; there are {', '.join(SETTINGS)}")
        for name, default in _DEFAULTS.items():
            value = getattr(self, name)
            if name not in SETTINGS[self.rule]:
                if value != default:
                    raise SettingInvalid(name, f"the rule {self.rule} has no such setting")
                continue
            low, high = SETTINGS[self.rule][name]
            if not low <= value <= high:
                raise SettingInvalid(name, f"{value} is not in {low} to {high}")

    @property
    def state(self) -> tuple[str, ...]:
        """Return the names of the vectors that the rule keeps behind the weights."""
        if self.rule == VOTED:
            return tuple(f"server.group-{number}" for number in range(1, self.groups + 1))
        return STATE.get(self.rule, ())

    @property
    def visible(self) -> bool:
        """Return whether the rule must see each hospital's update."""
        return self.rule in VISIBLE

    @property
    def fewest(self) -> int:
        """Return the smallest number of hospitals with which the rule can be computed."""
        robust = {TRIMMED: 2 * self.attackers + 1, KRUM: 2 * self.attackers + 3}
        return {**robust, VOTED: MIN_GROUP * self.groups}.get(self.rule, 1)

    def first_state(self, weights: int) -> Vector:
        """Return the state before the first round, float32 [len(state) * weights]: means 0, squares tau^2."""
        first = {"server.square": self.tau * self.tau}
        parts = [np.full(weights, first.get(name, 0.0), np.float32) for name in self.state]
        return np.concatenate([np.empty(0, np.float32), *parts])

    def to_dict(self) -> dict[str, JsonValue]:
        return {"rule": self.rule, **{name: getattr(self, name) for name in SETTINGS[self.rule]}}

    @classmethod
    def from_dict(cls, raw: Mapping[str, JsonValue]) -> Aggregation:
        """Parse what `to_dict` wrote, or raise EncodingError."""
        given = Fields(dict(raw), _WHAT)
        rule = given.text("rule")
        if rule not in SETTINGS:
            raise EncodingError(_WHAT, f"the rule {rule[:80]!r} is unknown")
        given.only("rule", *SETTINGS[rule])
        values = {n: given.integer(n) if n in _WHOLE else given.number(n) for n in SETTINGS[rule]}
        try:
            return cls(rule, **values)  # type: ignore[arg-type]  # the whole ones are ints
        except SettingInvalid as error:  # from another member's document, not a setting of this installation
            raise EncodingError(_WHAT, str(error)) from error

    @classmethod
    def of(cls, training: Mapping[str, JsonValue]) -> Aggregation:
        """Return the rule of a configuration's training part, fedavg without an entry; raise EncodingError."""
        if ENTRY not in training:
            return FEDERATED_AVERAGING
        return cls.from_dict(Fields(dict(training), _WHAT).mapping(ENTRY))


MIN_GROUP = 3
"""Hospitals in a group of `voted`: a masked round has no fewer."""


def by_quality(training: Mapping[str, JsonValue]) -> bool:
    """Return whether a hospital counts by images and validation score; raise EncodingError for an unknown entry."""
    if training.get(WEIGHTS, QUALITY) != QUALITY:
        raise EncodingError(_WHAT, f"the weights can only be by {QUALITY}")
    return WEIGHTS in training


_DEFAULTS: dict[str, float] = {
    field.name: getattr(Aggregation, field.name) for field in fields(Aggregation) if field.name != "rule"
}
FEDERATED_AVERAGING = Aggregation()
"""The rule of a configuration without an entry."""
