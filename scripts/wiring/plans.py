"""What a coordinator's command line turns into: presets with changes, protection, rules and the first model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fl.protocol.names import Protection
from fl.protocol.rounds.rules import MIN_MASKED
from scripts.wiring.options import AggregationOptions

if TYPE_CHECKING:
    from fl.roles.coordinator.plan import Initial
    from fl.training.aggregation.choice import Aggregation
    from fl.training.local.config import LocalConfig
    from fl.training.presets import Preset
    from fl.training.recipe import Recipe

CLIP = 0.5
"""c: the largest change of one weight in one round."""
L2_BOUND = 50.0
"""C: the largest L2 norm of an update."""
ADAPTIVE_LR = 0.01
"""Default step of fedadam and fedyogi: tau and the step are of the size that Reddi et al. found best on images."""
SGD_LR = 0.05
"""Default step of scaffold's plain gradient steps."""
PRESET_NAMES = ("real", "small", "synthetic")
PRESETS_HELP = "real: cells, from published weights. small: cells, a small network. synthetic: drawn cells."


def adjusted(
    preset: Preset, *, width: int | None, size_px: int | None, epochs: int | None, preparation: str | None
) -> Preset:
    """Return the preset with the values of the command line, or raise WeightsMismatch or SettingInvalid."""
    own = preset.spec
    spec = replace(
        own,
        width=width or own.width,
        size_px=size_px or own.size_px,
        preparation=own.preparation if preparation is None else preparation,
    )
    return replace(preset, spec=spec, local=replace(preset.local, epochs=epochs or preset.local.epochs))


def protection_of(name: str | None, hospitals: int) -> Protection:
    """Return the protection of that name. The default is masked if there are enough hospitals."""
    if name:
        return Protection[name.upper()]
    return Protection.MASKED if hospitals >= MIN_MASKED else Protection.SEALED


def fewest(protection: Protection, hospitals: int) -> int:
    """Return how many updates a round needs by default: all in a sealed round; a masked round has its threshold."""
    return 1 if protection == Protection.MASKED else hospitals


def aggregation_of(given: AggregationOptions, hospitals: int = 3) -> Aggregation:
    """Return the rule of the command line; a setting of another rule raises SettingInvalid."""
    from fl.training.aggregation.choice import FEDADAM, FEDYOGI, SCAFFOLD, Aggregation

    adaptive: dict[str, float] = {"lr": ADAPTIVE_LR} if given.aggregation in (FEDADAM, FEDYOGI) else {}
    if given.aggregation == SCAFFOLD:
        adaptive = {"hospitals": hospitals}
    named = {"lr": given.server_lr, "attackers": given.attackers, "bound": given.shorten_to, "groups": given.groups}
    settings: dict[str, Any] = {**adaptive, **{name: value for name, value in named.items() if value is not None}}
    return Aggregation(given.aggregation, **settings)


def local_of(local: LocalConfig, rounds: int, given: AggregationOptions) -> LocalConfig:
    """Return the hospitals' training for this number of rounds; the step falls as the preset's does."""
    from fl.training.aggregation.choice import SCAFFOLD

    lr = given.local_lr or (SGD_LR if given.aggregation == SCAFFOLD else local.lr)
    return replace(local, horizon=rounds, mu=given.prox, lr=lr, lr_final=local.lr_final * (lr / local.lr))


def rounds_of(given: Aggregation, cycles: int) -> int:
    """Return how many rounds this number of new models takes: under `voted`, one a group and one for the vote."""
    from fl.training.aggregation.choice import VOTED

    return cycles * (given.groups + 1) if given.rule == VOTED else cycles


def judges(given: AggregationOptions) -> bool:
    """Return whether hospitals judge the model on images that they hold back."""
    return given.weights == "quality" or given.aggregation == "voted"


def held_back(recipe: Recipe, *, calibrate: bool) -> Recipe:
    """Return the recipe with the usual share of images held back if the model is to be calibrated."""
    from fl.training.data.held_back import CALIBRATION_SHARE

    return replace(recipe, local=replace(recipe.local, held_back=CALIBRATION_SHARE)) if calibrate else recipe


def first_model(recipe: Recipe) -> Initial:
    from fl.roles.coordinator.plan import Initial
    from fl.training.initial import initial_model

    return Initial(*initial_model(recipe))
