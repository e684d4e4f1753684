"""`hemaledger coordinator`: open rounds until the plan is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import Protection, Role, show
from fl.protocol.rounds.config import WORD_BITS, RoundConfig
from fl.protocol.rounds.rules import MIN_MASKED
from fl.protocol.steps import MAX_STEP_TIMEOUT_S
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Initial, Plan
from fl.storage.lock import only_one
from fl.training.local.config import LocalConfig
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import manifest_of, to_vector
from fl.training.presets import PRESETS, Preset
from fl.training.recipe import Recipe
from scripts.wiring.agent import announce, serve_agent
from scripts.wiring.exit import guarded
from scripts.wiring.home import Home
from scripts.wiring.options import chain_options, home_option, name_option
from scripts.wiring.roles import create_member, open_ports, register_key, rotate_key
from scripts.wiring.task import FLAGS, task_of, task_options

CLIP = 0.5
"""c: no single weight moves further than this in one round."""
L2_BOUND = 50.0
"""C: no update is longer than this."""
WORDS = "Bits of a number in an update: 64 for steps far finer than a weight's, and files of twice the size."
SECONDS = click.IntRange(1, MAX_STEP_TIMEOUT_S)


@click.group()
def coordinator() -> None:
    """Coordinator: open rounds and sum sealed updates."""


@coordinator.command()
@home_option
@name_option("coordinator")
@guarded
def init(home: Path, name: str) -> None:
    """Create the coordinator's account and key."""
    click.echo(f"Account of {name}: {show(create_member(Home(home), name, Role.COORDINATOR))}")


@coordinator.command()
@chain_options
@name_option("coordinator")
@guarded
def join(home: Home, name: str) -> None:
    """Register the coordinator's key on the ledger, after the operator admitted its account."""
    register_key(home, name)
    click.echo(f"The key of {name} is on the ledger.")


@coordinator.command()
@chain_options
@name_option("coordinator")
@guarded
def rotate(home: Home, name: str) -> None:
    """Replace the coordinator's key from the next round on; restart its other processes afterwards."""
    epoch = rotate_key(home, name)
    click.echo(f"The key of {name} is now that of epoch {epoch}. Keep the old key files: they open old files.")


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
@click.option("--preset", type=click.Choice(list(PRESETS)), default="real", show_default=True, help="What is trained.")
@click.option("--width", type=click.IntRange(8, 512), help="Channels of the network, a multiple of 8; else as preset.")
@click.option("--image-size", type=click.IntRange(16, 1024), help="Side of an image in pixels; else as preset.")
@click.option("--epochs", type=click.IntRange(1, 1000), help="Passes over the images per round; else as preset.")
@click.option("--seed", type=int, default=2026, show_default=True)
@guarded
def run(home: Home, name: str, preset: str, **given: Any) -> None:  # noqa: ANN401 - options
    """Open rounds, sum, propose and finalise until the plan is done. Only one may run per consortium.

    The task is that of consortium.json unless --task or --classes say another. It cannot change between rounds.
    """
    member = home.member(name).as_a(Role.COORDINATOR)
    notify = announce(name)
    task = task_of(home, given)
    if task is None:
        raise SettingInvalid("task", f"consortium.json names none; give {FLAGS}")
    chosen = _adjusted(PRESETS[preset], given)
    rounds, hospitals = chosen.rounds, int(given["hospitals"] or 0)
    spec, local = replace(chosen.spec, classes=len(task.classes)), replace(chosen.local, horizon=rounds)
    recipe = Recipe(spec, local, int(given["seed"] or 0))
    protection = protection_of(given["protection"], hospitals)
    if given["hold_back"] and protection == Protection.MASKED:
        raise SettingInvalid(
            "hold-back", "hospitals of a masked round sum the model themselves; use --protection sealed"
        )
    held_back, bits = bool(given["hold_back"]), int(given["word_bits"] or WORD_BITS[0])
    plan = Plan(
        rounds=rounds,
        min_commitments=given["min_commitments"] or fewest(protection, hospitals),
        attestations=int(given["attestations"] or 1),
        config=RoundConfig(CLIP, L2_BOUND, int(given["w_max"] or 1), recipe.to_dict(), task, held_back, bits),
        commit_timeout_s=int(given["commit_timeout"] or 1),
        close_timeout_s=int(given["close_timeout"] or 1),
        min_hospitals=hospitals,
        protection=protection,
        despite_alarm=bool(given["despite_alarm"]),
        step_timeout_s=int(given["step_timeout"] or 1),
    )
    with only_one(member.folder):
        initial = first_model(recipe)
        serve_agent(
            lambda: Coordinator(open_ports(home, member, notify), plan, initial), notify, lambda agent: agent.done
        )


def _adjusted(preset: Preset, given: Mapping[str, int | None]) -> Preset:
    """Return the preset with what was given on the command line, or raise WeightsMismatch or SettingInvalid."""
    spec = {name: given[option] for name, option in (("width", "width"), ("size_px", "image_size")) if given[option]}
    local = {"epochs": given["epochs"]} if given["epochs"] else {}
    return Preset(
        ModelSpec.from_dict({**preset.spec.to_dict(), **spec}),
        LocalConfig.from_dict({**preset.local.to_dict(), **local}),
        given["rounds"] or preset.rounds,
    )


def protection_of(name: object, hospitals: int) -> Protection:
    """Return the protection of that name; by default masked, where there are enough hospitals to hide among."""
    if isinstance(name, str):
        return Protection[name.upper()]
    return Protection.MASKED if hospitals >= MIN_MASKED else Protection.SEALED


def fewest(protection: Protection, hospitals: int) -> int:
    """Return how many hospitals a round needs by default: all in a sealed one; a masked one has its threshold."""
    return 1 if protection == Protection.MASKED else hospitals


def first_model(recipe: Recipe) -> Initial:
    """Return the seeded initial model of a recipe."""
    model = build_model(recipe.spec, recipe.seed)
    return Initial(manifest_of(model), to_vector(model))
