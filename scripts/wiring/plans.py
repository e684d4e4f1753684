"""What a coordinator's command line turns into: presets with changes, protection, rules and the first model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import Protection, Suite
from fl.protocol.rounds.rules import MIN_MASKED
from scripts.wiring.options import AggregationOptions, TaskOptions
from scripts.wiring.training_options import NetworkOptions, PrivacyOptions

if TYPE_CHECKING:
    from fl.replay.plan_document import PlanDocument
    from fl.roles.coordinator.plan import Initial, Plan
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
PRESET_NAMES = ("real", "small", "synthetic")
PRESETS_HELP = (
    "real: cells, from published weights. small: cells, a small network. synthetic: drawn cells. Default: the training "
    "of the file of settings, else real."
)


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


def with_network(preset: Preset, given: NetworkOptions) -> Preset:
    """Return the preset with the network of the command line; what the coordinator names, its process may use.

    Raises:
        SettingInvalid: the name is unknown, or the file cannot be read.
        WeightsMismatch: the options do not fit together.
    """
    from fl.training.model.consent import Source, allow, offer
    from fl.training.model.spec import OWN

    kind, own = given.backbone or preset.spec.kind, None
    if ":" in kind and not kind.startswith(("torchvision:", "timm:")):
        kind, own = OWN, Source.parse(kind)
        allow((own,))
    if given.start_from:
        offer((given.start_from,))
    same = kind == preset.spec.kind
    spec = replace(
        preset.spec,
        kind=_known(kind, named=own is not None),
        source=str(own or ""),
        weights=_origin(given.start_from) if given.start_from else preset.spec.weights if same else "",
        trained=given.trained or (preset.spec.trained if same else "all"),
    )
    return replace(preset, spec=spec)


def _known(kind: str, *, named: bool) -> str:
    from fl.training.model.spec import KINDS, OWN

    known = [name for name in KINDS if name != OWN]
    if kind not in known and not named:
        why = f"{kind[:100]!r} is not reviewed; choose one of {', '.join(known)}, or MODULE:BUILD@SHA256 of your own"
        raise SettingInvalid("backbone", why)
    return kind


def _origin(file: Path) -> str:
    from fl.training.model.backbones import from_file
    from fl.training.model.published import digest_of_file

    try:
        return from_file(file.name, digest_of_file(file))
    except OSError as error:
        raise SettingInvalid("start-from", f"{file} cannot be read") from error


def chosen_training(
    task: TaskOptions, preset: str | None, joining: AggregationOptions, hospitals: int
) -> tuple[Preset, Aggregation]:
    """Return what to train and how updates are joined: from the options, else from the file of settings.

    Raises:
        SettingInvalid, EncodingError: an option or the file cannot be used.
    """
    from fl.training.aggregation.choice import FEDAVG
    from fl.training.presets import PRESETS
    from scripts.wiring.task import given_training

    training = None if preset else given_training(task)
    if training is None:
        return PRESETS[preset or "real"], aggregation_of(joining, hospitals)
    given = joining.aggregation != FEDAVG
    rule = aggregation_of(joining, hospitals) if given else training.aggregation
    return training.preset_for(rule), rule


def protection_of(name: str | None, hospitals: int) -> Protection:
    """Return the protection of that name. The default is masked if there are enough hospitals."""
    if name:
        return Protection[name.upper()]
    return Protection.MASKED if hospitals >= MIN_MASKED else Protection.SEALED


def suite_of(*, long_lived: bool) -> Suite:
    """Return how the files of rounds are sealed."""
    return Suite.HYBRID if long_lived else Suite.P256


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
    from fl.training.presets import SGD_LR

    lr = given.local_lr or (SGD_LR if given.aggregation == SCAFFOLD else local.lr)
    return replace(local, horizon=rounds, mu=given.prox or local.mu).at_rate(lr)


def rounds_of(given: Aggregation, cycles: int) -> int:
    """Return how many rounds this number of new models takes: under `voted`, one a group and one for the vote."""
    from fl.training.aggregation.choice import VOTED

    return cycles * (given.groups + 1) if given.rule == VOTED else cycles


def calibrates(*, given: bool | None, several: bool, private: PrivacyOptions) -> bool:
    """Return whether a model is calibrated: as the option says, else wherever it can be.

    Raises:
        SettingInvalid: somebody wants to calibrate a model that is trained privately.
    """
    noisy = private.epsilon is not None
    if given and noisy:
        why = "the sums that calibrate a model have no noise, so it does not go with --epsilon"
        raise SettingInvalid("calibrate", why)
    if noisy and given is None:
        click.echo("Private training: the model is not calibrated, because the sums for it would have no noise.")
    return not (several or noisy) if given is None else given


def held_back(recipe: Recipe, *, calibrate: bool) -> Recipe:
    """Return the recipe with the usual share of images held back if the model is calibrated, or judged by hospitals.

    Raises:
        SettingInvalid: an image may have several labels, for which this version has neither.
    """
    from fl.training.data.held_back import CALIBRATION_SHARE

    if not calibrate and not recipe.judged:
        return recipe
    recipe.check_several(calibrated=calibrate)
    return replace(recipe, local=replace(recipe.local, held_back=CALIBRATION_SHARE))


def made_private(
    preset: Preset,
    given: PrivacyOptions,
    rounds: int | None = None,
    epochs: int | None = None,
    part: str | None = None,
) -> Preset:
    """Return the preset with the noise that gives the wanted epsilon after all its rounds; without one, as it is.

    Args:
        preset: What would be trained without noise.
        given: The options.
        rounds: Replaces the usual number of rounds.
        epochs: Replaces the usual number of epochs of a private round.
        part: Which weights are trained.

    Raises:
        SettingInvalid: no noise is enough.
    """
    from fl.training.presets import private
    from fl.training.privacy.accounting import noise_for
    from fl.training.privacy.terms import Privacy

    if given.epsilon is None:
        return replace(preset, rounds=rounds or preset.rounds)
    terms = Privacy(1.0, given.record_clip, given.sample_rate, given.delta)
    chosen = private(preset, terms, part)
    local, wanted = replace(chosen.local, epochs=epochs or chosen.local.epochs), rounds or chosen.rounds
    noise = noise_for(given.epsilon, given.delta, given.sample_rate, wanted * local.epochs * terms.steps_of_epoch)
    return replace(chosen, local=replace(local, privacy=replace(terms, noise=noise)), rounds=wanted)


def first_model(recipe: Recipe) -> Initial:
    from fl.roles.coordinator.plan import Initial
    from fl.training.initial import initial_model

    return Initial(*initial_model(recipe))


def document_of(plan: Plan, initial: Initial) -> PlanDocument:
    """Return what hospitals can review of a plan."""
    from fl.replay.plan_document import PlanDocument
    from fl.replay.round_work import in_parts, words_of

    configs = tuple(in_parts(config, plan.part_bytes, initial.manifest) for config in (plan.config, *plan.closing))
    sizes = tuple(words_of(config, initial.manifest) for config in configs)
    return PlanDocument(plan.protection, plan.min_hospitals, plan.rounds, sizes, configs)
