"""`hemaledger coordinator sum` and `table`: rounds in which hospitals sum named numbers instead of weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import Role
from fl.protocol.rounds.config import RoundConfig
from scripts.wiring.exit import guarded
from scripts.wiring.options import (
    SECONDS,
    AggregationOptions,
    TaskOptions,
    chain_options,
    name_option,
    protection_option,
    seed_option,
    task_options,
)
from scripts.wiring.plans import (
    CLIP,
    L2_BOUND,
    PRESET_NAMES,
    PRESETS_HELP,
    adjusted,
    chosen_training,
    fewest,
    first_model,
    held_back,
    protection_of,
)
from scripts.wiring.watch.options import WatchOptions, watch_options

if TYPE_CHECKING:
    from scripts.wiring.home import Home

SUM_W_MAX = 2**21
"""In a round of lanes the weight only counts rows."""
SUMS = ("data-card",)
"""The purposes of scripts/wiring/sums.py that need no training first."""
KINDS = ("regression", "network")


@click.command("sum")
@chain_options
@name_option("coordinator")
@click.option("--purpose", type=click.Choice(SUMS), required=True, help="What to sum. data-card: counts of images.")
@click.option("--hospitals", type=click.IntRange(1), default=3, show_default=True, help="How many to wait for.")
@click.option("--attestations", type=click.IntRange(1), default=1, show_default=True, help="Needed from auditors.")
@protection_option
@click.option("--step-timeout", type=SECONDS, default=600, show_default=True, help="Seconds for each masked step.")
@click.option("--commit-timeout", type=SECONDS, default=3600, show_default=True, help="Seconds for counting.")
@click.option("--close-timeout", type=SECONDS, default=3600, show_default=True, help="Seconds after counting.")
@task_options
@click.option("--preset", type=click.Choice(PRESET_NAMES), help=PRESETS_HELP)
@click.option("--width", type=click.IntRange(8, 512), help="As for `run`.")
@click.option("--image-size", type=click.IntRange(16, 1024), help="As for `run`.")
@seed_option
@watch_options
@guarded
def sum_lanes(  # noqa: PLR0913  # one parameter per option
    home: Home,
    name: str,
    *,
    purpose: str,
    hospitals: int,
    attestations: int,
    protection: str | None,
    step_timeout: int,
    commit_timeout: int,
    close_timeout: int,
    preset: str | None,
    width: int | None,
    image_size: int | None,
    seed: int,
    task: TaskOptions,
    watch: WatchOptions,
) -> None:
    """Open one round that sums numbers of the hospitals and keeps the model. Everybody gets the same totals.

    The totals are in the auditor's report and in `hemaledger audit`. --preset, --width, --image-size and --seed name
    the model with which the federation opens, if it was not opened before; give `coordinator run` the same ones
    afterwards. In a masked round, a hospital whose numbers are still those of an earlier round withholds them.
    """
    from fl.roles.coordinator.agent import Coordinator
    from fl.roles.coordinator.plan import Plan
    from fl.storage.lock import only_one
    from fl.training.recipe import Recipe, fitted_to
    from scripts.wiring.agent import serve_agent
    from scripts.wiring.roles import open_ports
    from scripts.wiring.sums import next_sum, sum_config
    from scripts.wiring.task import FLAGS, task_of
    from scripts.wiring.watch.watching import Watching

    member = home.member(name).as_a(Role.COORDINATOR)
    watching, summed = Watching.of(home, member, watch), task_of(home, task)
    if summed is None:
        raise SettingInvalid("task", f"consortium.json names no task; give {FLAGS}")
    chosen, rule = chosen_training(task, preset, AggregationOptions(), hospitals)
    chosen = adjusted(chosen, width=width, size_px=image_size, epochs=None, preparation=None)
    spec = fitted_to(chosen.spec, summed)
    recipe = held_back(Recipe(spec, chosen.local, seed, rule), calibrate=not spec.several)
    protected = protection_of(protection, hospitals)
    plan = Plan(
        rounds=0,
        min_commitments=fewest(protected, hospitals),
        attestations=attestations,
        config=sum_config(purpose, recipe.to_dict(), RoundConfig(CLIP, L2_BOUND, SUM_W_MAX, {}, summed), hospitals),
        commit_timeout_s=commit_timeout,
        close_timeout_s=close_timeout,
        min_hospitals=hospitals,
        protection=protected,
        step_timeout_s=step_timeout,
    )
    plans: list[Plan] = []  # made once, also if the ledger is handed over

    def make() -> Coordinator:
        ports = open_ports(home, member, watching.notify)
        if not plans:
            plans.append(next_sum(plan, ports))
        return Coordinator(ports, plans[0], initial)

    with only_one(member.folder):
        initial = first_model(recipe)
        serve_agent(make, watching, lambda agent: agent.done)


@click.command("table")
@chain_options
@name_option("coordinator")
@click.option("--schema", required=True, help="The meaning of the columns: a name or a JSON file (see `tables`).")
@click.option("--kind", type=click.Choice(KINDS), default=KINDS[0], show_default=True, help="What to train.")
@click.option("--ridge", type=click.FloatRange(1e-6, 1e6), default=1.0, show_default=True, help="Regression: penalty.")
@click.option("--rounds", type=click.IntRange(1, 1000), help="Rounds that train the network. Default: 12.")
@click.option("--epochs", type=click.IntRange(1, 1000), help="Passes over the rows per such round. Default: 1.")
@click.option("--indicators/--no-indicators", default=True, help="Whether a missing value is an input of its own.")
@click.option("--splines/--no-splines", default=False, help="Whether numbers may have curved effects.")
@click.option("--most-rows", type=click.IntRange(1, 2**20), default=4096, show_default=True, help="At one hospital.")
@click.option("--steps", type=click.IntRange(1, 50), default=8, show_default=True, help="Newton rounds at most.")
@seed_option
@click.option("--hospitals", type=click.IntRange(1), default=3, show_default=True, help="How many to wait for.")
@click.option("--attestations", type=click.IntRange(1), default=1, show_default=True, help="Needed from auditors.")
@protection_option
@click.option("--step-timeout", type=SECONDS, default=600, show_default=True, help="Seconds for each masked step.")
@click.option("--commit-timeout", type=SECONDS, default=3600, show_default=True, help="Seconds for counting.")
@click.option("--close-timeout", type=SECONDS, default=3600, show_default=True, help="Seconds after counting.")
@click.option("--model", "model_file", type=click.Path(path_type=Path), help="The file for the trained model.")
@watch_options
@guarded
def train_table(  # noqa: PLR0913  # one parameter per option
    home: Home,
    name: str,
    *,
    schema: str,
    kind: str,
    ridge: float,
    rounds: int | None,
    epochs: int | None,
    indicators: bool,
    splines: bool,
    most_rows: int,
    steps: int,
    seed: int,
    hospitals: int,
    attestations: int,
    protection: str | None,
    step_timeout: int,
    commit_timeout: int,
    close_timeout: int,
    model_file: Path | None,
    watch: WatchOptions,
) -> None:
    """Train on the hospitals' tables: a logistic regression, or a network.

    A round of statistics comes first. A regression then has Newton steps, and is that of all rows together. A network
    has rounds in which each hospital trains, and a last one for intervals and explanations. Everybody gets the same
    sums, and nobody sees one hospital's.
    """
    from fl.roles.coordinator.plan import Plan
    from fl.storage.lock import only_one
    from fl.training.tables.design import Options
    from fl.training.tables.federation import task_of as task_of_table
    from fl.training.tables.plans import TablePlan, network_plan
    from fl.training.tables.saved import save_model
    from fl.training.tables.schema import load_schema
    from scripts.wiring.agent import serve_agent
    from scripts.wiring.roles import open_ports
    from scripts.wiring.tables import TableCoordinator
    from scripts.wiring.watch.watching import Watching

    member = home.member(name).as_a(Role.COORDINATOR)
    watching, bits = Watching.of(home, member, watch), (most_rows - 1).bit_length()
    meaning, options = load_schema(schema), Options(indicators, splines)
    regression = TablePlan(meaning, options, ridge, bits, steps)
    table = regression if kind == KINDS[0] else network_plan(regression, rounds, epochs, seed)
    protected = protection_of(protection, hospitals)
    plan = Plan(
        rounds=0,
        min_commitments=fewest(protected, hospitals),
        attestations=attestations,
        config=RoundConfig(CLIP, L2_BOUND, SUM_W_MAX, {}, task_of_table(meaning)),
        commit_timeout_s=commit_timeout,
        close_timeout_s=close_timeout,
        min_hospitals=hospitals,
        protection=protected,
        step_timeout_s=step_timeout,
    )
    agents: list[TableCoordinator] = []

    def make() -> TableCoordinator:
        agents.append(TableCoordinator(open_ports(home, member, watching.notify), plan, table))
        return agents[-1]

    with only_one(member.folder):
        serve_agent(make, watching, lambda agent: agent.done)
    if model_file and agents[-1].model:
        save_model(agents[-1].model, model_file)
        click.echo(f"The {kind} {agents[-1].model.digest.hex()[:16]} is in {model_file}.")
