"""`hemaledger coordinator`: open rounds until the plan is done."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import Protection, Role
from fl.protocol.rounds.config import WORD_BITS, RoundConfig
from fl.protocol.rounds.rules import MIN_MASKED
from fl.protocol.steps import MAX_STEP_TIMEOUT_S
from scripts.wiring.exit import guarded
from scripts.wiring.membership import add_init, add_keys
from scripts.wiring.options import chain_options, name_option, task_options

if TYPE_CHECKING:
    from fl.roles.coordinator.plan import Initial
    from fl.training.presets import Preset
    from fl.training.recipe import Recipe
    from scripts.wiring.home import Home

CLIP = 0.5
"""c: no single weight moves further than this in one round."""
L2_BOUND = 50.0
"""C: no update is longer than this."""
WORDS = "Bits of a number in an update: 64 for steps far finer than a weight's, and files of twice the size."
PRESET_NAMES = ("real", "synthetic")
SECONDS = click.IntRange(1, MAX_STEP_TIMEOUT_S)


@click.group()
def coordinator() -> None:
    """Coordinator: open rounds and sum sealed updates."""


add_init(coordinator, Role.COORDINATOR, "coordinator")
add_keys(coordinator, Role.COORDINATOR, "coordinator")


@coordinator.command()
@chain_options
@name_option("coordinator")
@click.option("--rounds", type=click.IntRange(1), help="Final rounds wanted in all; chosen by --preset by default.")
@click.option("--hospitals", type=click.IntRange(1), default=3, show_default=True, help="Wait for so many.")
@click.option(
    "--min-commitments",
    type=click.IntRange(1),
    help="Fewer abort a round; else all, or t if masked.",
)
@click.option("--attestations", type=click.IntRange(1), default=1, show_default=True, help="By auditors.")
@click.option(
    "--protection",
    type=click.Choice([protection.name.lower() for protection in Protection]),
    help="masked: nobody sees one hospital's update (3 hospitals or more); sealed: coordinator and auditors do.",
)
@click.option("--hold-back", is_flag=True, help="Trustees must release each new model first; sealed rounds only.")
@click.option("--step-timeout", type=SECONDS, default=600, show_default=True, help="Seconds per masked step.")
@click.option("--w-max", type=click.IntRange(1, 2**21), default=4096, show_default=True, help="Largest sample count.")
@click.option(
    "--word-bits", type=click.Choice([str(bits) for bits in WORD_BITS]), default="32", show_default=True, help=WORDS
)
@click.option("--commit-timeout", type=SECONDS, default=3600, show_default=True, help="Seconds to train.")
@click.option("--close-timeout", type=SECONDS, default=3600, show_default=True, help="Seconds after that.")
@click.option("--despite-alarm", is_flag=True, help="Go on after a model far worse than chance.")
@task_options
@click.option(
    "--preset", type=click.Choice(["real", "synthetic"]), default="real", show_default=True, help="What is trained."
)
@click.option("--width", type=click.IntRange(8, 512), help="Channels of the network, a multiple of 8; else as preset.")
@click.option("--image-size", type=click.IntRange(16, 1024), help="Side of an image in pixels; else as preset.")
@click.option("--epochs", type=click.IntRange(1, 1000), help="Passes over the images per round; else as preset.")
@click.option("--seed", type=int, default=2026, show_default=True)
@guarded
def run(  # noqa: PLR0913  # one parameter per option
    home: Home,
    name: str,
    *,
    rounds: int | None,
    hospitals: int,
    min_commitments: int | None,
    attestations: int,
    protection: str | None,
    hold_back: bool,
    step_timeout: int,
    w_max: int,
    word_bits: str,
    commit_timeout: int,
    close_timeout: int,
    despite_alarm: bool,
    preset: str,
    width: int | None,
    image_size: int | None,
    epochs: int | None,
    seed: int,
    **task_given: Any,  # noqa: ANN401 - the options of a task
) -> None:
    """Open rounds, sum, propose and finalise until the plan is done. Only one may run per consortium.

    The task is that of consortium.json unless --task or --classes say another. It cannot change between rounds.
    """
    from fl.roles.coordinator.agent import Coordinator
    from fl.roles.coordinator.plan import Plan
    from fl.storage.lock import only_one
    from fl.training.presets import PRESETS
    from fl.training.recipe import Recipe
    from scripts.wiring.agent import announce, serve_agent
    from scripts.wiring.roles import open_ports
    from scripts.wiring.task import FLAGS, task_of

    member = home.member(name).as_a(Role.COORDINATOR)
    notify = announce(name)
    task = task_of(home, task_given)
    if task is None:
        raise SettingInvalid("task", f"consortium.json names none; give {FLAGS}")
    chosen = _adjusted(PRESETS[preset], width=width, size_px=image_size, epochs=epochs)
    wanted = rounds or chosen.rounds
    spec, local = replace(chosen.spec, classes=len(task.classes)), replace(chosen.local, horizon=wanted)
    recipe = Recipe(spec, local, seed)
    protected = protection_of(protection, hospitals)
    if hold_back and protected == Protection.MASKED:
        raise SettingInvalid(
            "hold-back", "hospitals of a masked round sum the model themselves; use --protection sealed"
        )
    plan = Plan(
        rounds=wanted,
        min_commitments=min_commitments or fewest(protected, hospitals),
        attestations=attestations,
        config=RoundConfig(CLIP, L2_BOUND, w_max, recipe.to_dict(), task, hold_back, int(word_bits)),
        commit_timeout_s=commit_timeout,
        close_timeout_s=close_timeout,
        min_hospitals=hospitals,
        protection=protected,
        despite_alarm=despite_alarm,
        step_timeout_s=step_timeout,
    )
    with only_one(member.folder):
        initial = first_model(recipe)
        serve_agent(
            lambda: Coordinator(open_ports(home, member, notify), plan, initial), notify, lambda agent: agent.done
        )


def _adjusted(preset: Preset, *, width: int | None, size_px: int | None, epochs: int | None) -> Preset:
    """Return the preset with what was given on the command line, or raise WeightsMismatch or SettingInvalid."""
    spec = replace(preset.spec, width=width or preset.spec.width, size_px=size_px or preset.spec.size_px)
    return replace(preset, spec=spec, local=replace(preset.local, epochs=epochs or preset.local.epochs))


def protection_of(name: str | None, hospitals: int) -> Protection:
    """Return the protection of that name; by default masked, where there are enough hospitals to hide among."""
    if name:
        return Protection[name.upper()]
    return Protection.MASKED if hospitals >= MIN_MASKED else Protection.SEALED


def fewest(protection: Protection, hospitals: int) -> int:
    """Return how many hospitals a round needs by default: all in a sealed one; a masked one has its threshold."""
    return 1 if protection == Protection.MASKED else hospitals


def first_model(recipe: Recipe) -> Initial:
    from fl.roles.coordinator.plan import Initial
    from fl.training.model.network import build_model
    from fl.training.model.tensors import manifest_of, to_vector

    model = build_model(recipe.spec, recipe.seed)
    return Initial(manifest_of(model), to_vector(model))
