"""What the hospitals of a round train: the `training` part of a round's configuration.

Invariant: a recipe that was parsed names a network that can be built and a training that can be run.

Source: fl/protocol/config.py (where it travels).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError, SettingInvalid
from fl.training.config import LocalConfig
from fl.training.model import ModelSpec

_WHAT = "training recipe"


@dataclass(frozen=True)
class Recipe:
    """Network, local training and the meaning of the classes."""

    spec: ModelSpec
    local: LocalConfig
    seed: int
    class_names: tuple[str, ...]

    @property
    def positive_class(self) -> str:
        """Return the class that means disease: the last one."""
        return self.class_names[-1]

    def to_dict(self) -> dict[str, JsonValue]:
        """Return the recipe as plain JSON values."""
        plain: dict[str, object] = {
            "classes": list(self.class_names),
            "local": self.local.to_dict(),
            "model": self.spec.to_dict(),
            "seed": self.seed,
        }
        return cast("dict[str, JsonValue]", plain)

    @classmethod
    def from_dict(cls, raw: Mapping[str, JsonValue]) -> Recipe:
        """Parse what `to_dict` wrote, or raise EncodingError."""
        fields = Fields(dict(raw), _WHAT)
        fields.only("classes", "local", "model", "seed")
        names = raw.get("classes")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise EncodingError(_WHAT, "classes is not a list of names")
        try:
            local = LocalConfig.from_dict(fields.mapping("local"))
        except SettingInvalid as error:  # somebody else's document, not a setting of this installation
            raise EncodingError(_WHAT, str(error)) from error
        spec, seed = ModelSpec.from_dict(fields.mapping("model")), fields.integer("seed")
        recipe = cls(spec, local, seed, tuple(str(name) for name in names))
        if len(recipe.class_names) != recipe.spec.classes:
            raise EncodingError(_WHAT, "the classes and the model's outputs differ in number")
        return recipe
