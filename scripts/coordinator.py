"""`hemaledger coordinator`: open rounds until the plan is done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from fl.protocol.config import RoundConfig
from fl.protocol.names import Role, show
from fl.roles.coordinator import Coordinator, Initial, Plan
from fl.storage.lock import only_one
from fl.training.model import build_model
from fl.training.presets import DEFAULT_LOCAL, DEFAULT_ROUNDS, DEFAULT_SPEC
from fl.training.recipe import Recipe
from fl.training.weights import Manifest, to_vector
from scripts._agent import announce, serve_agent
from scripts._exit import guarded
from scripts._home import Home
from scripts._options import home_option, name_option
from scripts._wiring import create_member, open_ports, register_key

CLIP = 0.5
"""c: no single weight moves further than this in one round."""
L2_BOUND = 50.0
"""C: no update is longer than this."""


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
@home_option
@name_option("coordinator")
@guarded
def join(home: Path, name: str) -> None:
    """Register the coordinator's key on the ledger, after the operator admitted its account."""
    register_key(Home(home), name)
    click.echo(f"The key of {name} is on the ledger.")


@coordinator.command()
@home_option
@name_option("coordinator")
@click.option(
    "--rounds", type=click.IntRange(1), default=DEFAULT_ROUNDS, show_default=True, help="Final rounds wanted."
)
@click.option("--hospitals", type=click.IntRange(1), default=3, show_default=True, help="Wait for so many.")
@click.option("--min-commitments", type=click.IntRange(1), help="Fewer than this abort a round; all by default.")
@click.option("--attestations", type=click.IntRange(1), default=1, show_default=True)
@click.option("--w-max", type=click.IntRange(1, 2**21), default=4096, show_default=True, help="Largest sample count.")
@click.option("--commit-timeout", type=click.IntRange(1), default=3600, show_default=True, help="Seconds to train.")
@click.option("--close-timeout", type=click.IntRange(1), default=3600, show_default=True, help="Seconds after that.")
@click.option("--class", "classes", multiple=True, default=("healthy", "leukemia"), show_default=True)
@click.option("--seed", type=int, default=2026, show_default=True)
@guarded
def run(home: Path, name: str, **given: int | None) -> None:
    """Open rounds, sum, propose and finalise until the plan is done. Only one may run per consortium."""
    place = Home(home)
    member = place.member(name)
    notify = announce(name)
    rounds, hospitals = int(given["rounds"] or 0), int(given["hospitals"] or 0)
    classes: object = given["classes"]
    names = tuple(str(label) for label in classes) if isinstance(classes, tuple) else ()
    recipe = Recipe(
        replace(DEFAULT_SPEC, classes=len(names)),
        replace(DEFAULT_LOCAL, horizon=rounds),
        int(given["seed"] or 0),
        names,
    )
    plan = Plan(
        rounds=rounds,
        min_commitments=given["min_commitments"] or hospitals,
        attestations=int(given["attestations"] or 1),
        config=RoundConfig(CLIP, L2_BOUND, int(given["w_max"] or 1), recipe.to_dict()),
        commit_timeout_s=int(given["commit_timeout"] or 1),
        close_timeout_s=int(given["close_timeout"] or 1),
        min_hospitals=hospitals,
    )
    with only_one(member.folder):
        agent = Coordinator(open_ports(place, member, notify), plan, first_model(recipe))
        notify("ready", {})
        serve_agent(agent, notify, lambda: agent.done)


def first_model(recipe: Recipe) -> Initial:
    """Return the seeded initial model of a recipe."""
    model = build_model(recipe.spec, recipe.seed)
    return Initial(Manifest.of(model), to_vector(model))
