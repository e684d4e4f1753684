"""The spec of a network: the values that determine its shape.

Invariant: the network of every spec can be built. This module does not import torch (200 MB), because processes that
only name a network do not need it.

Source: network.py, which builds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from fl.protocol.errors import SettingInvalid, WeightsMismatch
from fl.training.model.backbones import SIDES, TORCHVISION, TORCHVISION_NAMES, file_of
from fl.training.model.consent import Source
from fl.training.model.sources import LITE0_IMAGENET
from fl.training.pictures.preparation import PLAIN, check_name
from fl.training.plain import parse_fields

HEMANET, LITE0, OWN = "hemanet", "lite0", "own"
KINDS = (HEMANET, LITE0, OWN, *(TORCHVISION + name for name in TORCHVISION_NAMES))
TRAINED = ("all", "last", "head")
VIEWS = (1, 8)
MOST_WEIGHTS = 100_000_000
"""Of any network: a file of 400 MB. A spec comes from another member, so it is refused before memory is taken."""
CLASSES, LABELS = "classes", "labels"
GROUPS = 8
"""Groups of every GroupNorm; widths are multiples of it."""


@dataclass(frozen=True)
class ModelSpec:
    """The shape of a network.

    Attributes:
        kind: `hemanet`, a small network from random weights; `lite0` (lite0.py), which starts from published ones;
            `torchvision:` and a name (backbones.py); or `own`, a consortium's own code (own_network.py).
        in_channels: Channels of the input (3 for RGB).
        size_px: Height and width of the input in pixels.
        classes: Number of outputs (logits), at least 2.
        width: Channels of hemanet after the stem; a multiple of 8. Later stages have 2 and 4 times as many.
        depth: Residual blocks of hemanet per stage.
        preparation: What happens to a picture first (fl/training/pictures/preparation.py).
        trained: Which weights are trained and travel: `all`, the `head`, or, of lite0, the `last` stage and what
            follows.
        weights: Where the first weights come from: lite0's package, or a file; empty if they are drawn.
        views: 1, or 8: an answer is the mean over four turns of a picture and of its mirror image.
        source: `package.module:build@SHA256` of `own`, else empty. Documents without it have no such field.
        outputs: `classes`, of which a picture has exactly one (softmax), or `labels`, each of which it has or not
            (a sigmoid per label).
    """

    kind: str = "hemanet"
    in_channels: int = 3
    size_px: int = 128
    classes: int = 2
    width: int = 40
    depth: int = 1
    preparation: str = PLAIN
    trained: str = "all"
    views: int = 1
    weights: str = ""
    source: str = ""
    outputs: str = CLASSES

    def __post_init__(self) -> None:
        """Raise WeightsMismatch if a field is out of its range."""
        ranges = {
            "in_channels": (1, 16),
            "size_px": (16, 1024),
            "classes": (2, 1000),
            "width": (GROUPS, 512),
            "depth": (1, 8),
        }
        if self.kind not in KINDS:
            raise WeightsMismatch(f"the kind of network {self.kind!r} is unknown")
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise WeightsMismatch(f"the model's {name} is {getattr(self, name)}, not in {low} to {high}")
        if self.width % GROUPS:
            raise WeightsMismatch(f"the model's width {self.width} is not a multiple of {GROUPS}")
        if self.kind == HEMANET and self.width**2 * (378 * self.depth - 80) > MOST_WEIGHTS:  # of its convolutions
            raise WeightsMismatch(f"a hemanet of width {self.width} and depth {self.depth} is too large")
        self._check_trained()
        self._check_pixels()
        self._check_source()
        self._check_weights()
        if self.outputs not in (CLASSES, LABELS):
            raise WeightsMismatch(f"the kind of outputs {self.outputs[:80]!r} is unknown")
        if self.views not in VIEWS:
            raise WeightsMismatch(f"the number of views is {self.views}, not 1 or 8")
        check_name(self.preparation)

    def _check_trained(self) -> None:
        parts = {HEMANET: ("all",), LITE0: TRAINED}.get(self.kind, ("all", "head"))
        if self.trained not in parts:
            raise WeightsMismatch(f"the trained part {self.trained!r} of a {self.kind} is unknown")
        if self.trained == "head" and self.kind.startswith(TORCHVISION) and not self.weights:
            raise WeightsMismatch("a head alone learns nothing from random features; give published weights, too")

    def _check_pixels(self) -> None:
        if self.kind != HEMANET and self.in_channels != 3:  # noqa: PLR2004  # red, green, blue
            raise WeightsMismatch(f"a {self.kind} has three input channels")
        if self.kind.startswith(TORCHVISION) and not SIDES[0] <= self.size_px <= SIDES[1]:
            raise WeightsMismatch(f"the model's size_px is {self.size_px}, not in {SIDES[0]} to {SIDES[1]}")

    def _check_source(self) -> None:
        if self.kind != OWN:
            if self.source:
                raise WeightsMismatch(f"a {self.kind} has no source of its own")
            return
        try:
            Source.parse(self.source)
        except SettingInvalid as error:
            raise WeightsMismatch("the source of an own network is not package.module:build@SHA256") from error

    def _check_weights(self) -> None:
        known = str(LITE0_IMAGENET) if self.kind == LITE0 else ""
        if self.kind.startswith(TORCHVISION) and file_of(self.weights):
            return
        if self.weights not in ("", known):
            raise WeightsMismatch(f"this version cannot begin a {self.kind} with the weights {self.weights[:200]!r}")
        object.__setattr__(self, "weights", known)

    @property
    def stem_stride(self) -> int:
        """Return the factor by which the stem shrinks the image, so that the first stage sees about 32 px."""
        return 4 if self.size_px >= 96 else 2 if self.size_px >= 48 else 1  # noqa: PLR2004  # the table is here only

    @property
    def several(self) -> bool:
        """Return whether a picture may have several labels."""
        return self.outputs == LABELS

    @property
    def public_network(self) -> bool:
        """Return whether everybody can build all but the last layer, because only that was trained."""
        return self.kind == LITE0 and self.trained == "head"

    def to_dict(self) -> dict[str, object]:
        """Return all fields; without a `source`, or with classes, not these: earlier documents stay as they were."""
        fields = asdict(self)
        if not self.source:
            del fields["source"]
        if not self.several:
            del fields["outputs"]
        return fields

    @classmethod
    def from_dict(cls, raw: Mapping[str, object]) -> ModelSpec:
        """Parse what `to_dict` wrote.

        Raises:
            EncodingError: a field is missing, unknown or of another type.
            WeightsMismatch: a field is out of its range.
        """
        return parse_fields(cls, {"source": "", "outputs": CLASSES, **raw}, "model spec")
