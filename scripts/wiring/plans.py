"""What a coordinator's command line turns into: presets with changes, protection, rules and the first model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from fl.protocol.names import Protection
from fl.protocol.rounds.rules import MIN_MASKED
from scripts.wiring.options import AggregationOptions, PrivacyOptions

if TYPE_CHECKING:
    from fl.roles.coordinator.plan import Initial
    from fl.training.aggregation.choice import Aggregation
    from fl.training.presets import Preset
    from fl.training.recipe import Recipe

CLIP = 0.5
"""c: the largest change of one weight in one round."""
L2_BOUND = 50.0
"""C: the largest L2 norm of an update."""
ADAPTIVE_LR = 0.01
"""Default step of fedadam and fedyogi: tau and the step are of the size that Reddi et al. found best on images."""
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


def aggregation_of(given: AggregationOptions) -> Aggregation:
    """Return the rule of the command line; a setting of another rule raises SettingInvalid."""
    from fl.training.aggregation.choice import FEDADAM, FEDYOGI, Aggregation

    adaptive = {"lr": ADAPTIVE_LR} if given.aggregation in (FEDADAM, FEDYOGI) else {}
    named = {"lr": given.server_lr, "attackers": given.attackers, "bound": given.shorten_to}
    settings: dict[str, Any] = {**adaptive, **{name: value for name, value in named.items() if value is not None}}
    return Aggregation(given.aggregation, **settings)


def held_back(recipe: Recipe, *, calibrate: bool) -> Recipe:
    """Return the recipe with the usual share of images held back if the model is to be calibrated."""
    from fl.training.data.held_back import CALIBRATION_SHARE

    return replace(recipe, local=replace(recipe.local, held_back=CALIBRATION_SHARE)) if calibrate else recipe


def made_private(preset: Preset, given: PrivacyOptions, rounds: int | None = None, epochs: int | None = None) -> Preset:
    """Return the preset with the noise that gives the wanted epsilon after all its rounds; without one, as it is.

    Args:
        preset: What would be trained without noise.
        given: The options.
        rounds: Replaces the usual number of rounds.
        epochs: Replaces the usual number of epochs of a private round.

    Raises:
        SettingInvalid: no noise is enough.
    """
    from fl.training.presets import private
    from fl.training.privacy.accounting import noise_for
    from fl.training.privacy.terms import Privacy

    if given.epsilon is None:
        spec = replace(preset.spec, trained=given.trained or preset.spec.trained)
        return replace(preset, spec=spec, rounds=rounds or preset.rounds)
    terms = Privacy(1.0, given.record_clip, given.sample_rate, given.delta)
    chosen = private(preset, terms, given.trained)
    local, wanted = replace(chosen.local, epochs=epochs or chosen.local.epochs), rounds or chosen.rounds
    noise = noise_for(given.epsilon, given.delta, given.sample_rate, wanted * local.epochs * terms.steps_of_epoch)
    return replace(chosen, local=replace(local, privacy=replace(terms, noise=noise)), rounds=wanted)


def calibrates(wanted: bool, epsilon: float | None) -> bool:
    """Return whether to calibrate; never after private training, because the sums would have no noise."""
    if wanted and epsilon is not None:
        click.echo("Private training: the model is not calibrated, because the sums for it would have no noise.")
    return wanted and epsilon is None


def first_model(recipe: Recipe) -> Initial:
    from fl.roles.coordinator.plan import Initial
    from fl.training.initial import initial_model

    return Initial(*initial_model(recipe))
