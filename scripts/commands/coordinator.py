"""`hemaledger coordinator`: open rounds until the plan is done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import Protection, Role
from fl.protocol.rounds.config import WORD_BITS, RoundConfig
from fl.protocol.rounds.rules import MIN_MASKED
from fl.protocol.steps import MAX_STEP_TIMEOUT_S
from scripts.wiring.exit import guarded
from scripts.wiring.membership import add_init, add_keys
from scripts.wiring.options import (
    AggregationOptions,
    TaskOptions,
    aggregation_options,
    calibrate_option,
    chain_options,
    despite_alarm_option,
    name_option,
    protection_option,
    seed_option,
    task_options,
)

if TYPE_CHECKING:
    from fl.roles.coordinator.plan import Initial
    from fl.training.aggregation.choice import Aggregation
    from fl.training.presets import Preset
    from fl.training.recipe import Recipe
    from scripts.wiring.home import Home

CLIP = 0.5
"""c: the largest change of one weight in one round."""
L2_BOUND = 50.0
ADAPTIVE_LR = 0.01
"""Default step of fedadam and fedyogi: tau and the step are of the size that Reddi et al. found best on images."""
"""C: the largest L2 norm of an update."""
WORDS = "Bits of a number in an update. 64 gives far finer steps, and files of twice the size."
SUM_W_MAX = 2**21
"""In a round of lanes the weight only counts rows."""
SUMS = ("data-card",)
"""The names in scripts/wiring/sums.py."""
PRESET_NAMES = ("real", "small", "synthetic")
SECONDS = click.IntRange(1, MAX_STEP_TIMEOUT_S)


@click.group()
def coordinator() -> None:
    """Coordinator: open rounds and sum the updates."""


add_init(coordinator, Role.COORDINATOR, "coordinator")
add_keys(coordinator, Role.COORDINATOR, "coordinator")


@coordinator.command()
@chain_options
@name_option("coordinator")
@click.option("--rounds", type=click.IntRange(1), help="How many final rounds to reach in all. Default: as --preset.")
@click.option("--hospitals", type=click.IntRange(1), default=3, show_default=True, help="How many to wait for.")
@click.option(
    "--min-commitments",
    type=click.IntRange(1),
    help="A round with fewer updates is aborted. Default: all hospitals, or the threshold of a masked round.",
)
@click.option("--attestations", type=click.IntRange(1), default=1, show_default=True, help="Needed from auditors.")
@protection_option
@click.option("--hold-back", is_flag=True, help="Trustees must release each new model. For sealed rounds only.")
@click.option("--step-timeout", type=SECONDS, default=600, show_default=True, help="Seconds for each masked step.")
@click.option("--w-max", type=click.IntRange(1, 2**21), default=4096, show_default=True, help="Largest sample count.")
@click.option(
    "--word-bits", type=click.Choice([str(bits) for bits in WORD_BITS]), default="32", show_default=True, help=WORDS
)
@click.option("--commit-timeout", type=SECONDS, default=3600, show_default=True, help="Seconds for training.")
@click.option("--close-timeout", type=SECONDS, default=3600, show_default=True, help="Seconds after training.")
@despite_alarm_option
@task_options
@aggregation_options
@click.option("--preset", type=click.Choice(PRESET_NAMES), default="real", show_default=True, help="Kind of images.")
@click.option("--width", type=click.IntRange(8, 512), help="Network channels, a multiple of 8. Default: as --preset.")
@click.option("--image-size", type=click.IntRange(16, 1024), help="Side of an image in pixels. Default: as --preset.")
@calibrate_option
@click.option("--epochs", type=click.IntRange(1, 1000), help="Passes over the images per round. Default: as --preset.")
@click.option(
    "--preparation", metavar="NAME", help="What happens to an image first (see docs/data.md). Default: as --preset."
)
@seed_option
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
    preparation: str | None,
    calibrate: bool,
    seed: int,
    task: TaskOptions,
    joining: AggregationOptions,
) -> None:
    """Open rounds, sum updates, propose models and finalise them, until all rounds are done.

    Run only one coordinator per consortium. --task and --classes replace the task of consortium.json. The task cannot
    change between rounds.
    """
    from fl.roles.coordinator.agent import Coordinator
    from fl.roles.coordinator.plan import Plan
    from fl.storage.lock import only_one
    from fl.training.calibrating import closing_rounds
    from fl.training.presets import PRESETS
    from fl.training.recipe import Recipe
    from scripts.wiring.agent import announce, serve_agent
    from scripts.wiring.roles import open_ports
    from scripts.wiring.task import FLAGS, task_of

    member = home.member(name).as_a(Role.COORDINATOR)
    notify = announce(name)
    trained = task_of(home, task)
    if trained is None:
        raise SettingInvalid("task", f"consortium.json names no task; give {FLAGS}")
    chosen = _adjusted(PRESETS[preset], width=width, size_px=image_size, epochs=epochs, preparation=preparation)
    wanted = rounds or chosen.rounds
    spec = replace(chosen.spec, classes=len(trained.classes))
    local = replace(chosen.local, horizon=wanted, mu=joining.prox)
    recipe = held_back(Recipe(spec, local, seed, aggregation_of(joining)), calibrate=calibrate)
    w_max = 1 if joining.weights == "equal" else w_max
    protected = protection_of(protection, hospitals)
    if hold_back and protected == Protection.MASKED:
        raise SettingInvalid(
            "hold-back", "the hospitals of a masked round compute the model themselves; use --protection sealed"
        )
    config = RoundConfig(CLIP, L2_BOUND, w_max, recipe.to_dict(), trained, hold_back, int(word_bits))
    closing = closing_rounds(config) if calibrate else ()
    plan = Plan(
        rounds=wanted + len(closing),
        closing=closing,
        min_commitments=min_commitments or fewest(protected, hospitals),
        attestations=attestations,
        config=config,
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


@coordinator.command("sum")
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
@click.option("--preset", type=click.Choice(PRESET_NAMES), default="real", show_default=True, help="Kind of images.")
@click.option("--width", type=click.IntRange(8, 512), help="As for `run`.")
@click.option("--image-size", type=click.IntRange(16, 1024), help="As for `run`.")
@seed_option
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
    preset: str,
    width: int | None,
    image_size: int | None,
    seed: int,
    task: TaskOptions,
) -> None:
    """Open one round that sums numbers of the hospitals and keeps the model. Everybody gets the same totals.

    The totals are in the auditor's report and in `hemaledger audit`. --preset, --width, --image-size and --seed name
    the model with which the federation opens, if it was not opened before; give `coordinator run` the same ones
    afterwards. In a masked round, a hospital whose numbers are still those of an earlier round withholds them.
    """
    from fl.roles.coordinator.agent import Coordinator
    from fl.roles.coordinator.plan import Plan
    from fl.storage.lock import only_one
    from fl.training.presets import PRESETS
    from fl.training.recipe import Recipe
    from scripts.wiring.agent import announce, serve_agent
    from scripts.wiring.roles import open_ports
    from scripts.wiring.sums import next_sum, sum_config
    from scripts.wiring.task import FLAGS, task_of

    member = home.member(name).as_a(Role.COORDINATOR)
    notify, summed = announce(name), task_of(home, task)
    if summed is None:
        raise SettingInvalid("task", f"consortium.json names no task; give {FLAGS}")
    chosen = _adjusted(PRESETS[preset], width=width, size_px=image_size, epochs=None, preparation=None)
    recipe = Recipe(replace(chosen.spec, classes=len(summed.classes)), chosen.local, seed)
    protected = protection_of(protection, hospitals)
    plan = Plan(
        rounds=0,
        min_commitments=fewest(protected, hospitals),
        attestations=attestations,
        config=sum_config(purpose, recipe.to_dict(), RoundConfig(CLIP, L2_BOUND, SUM_W_MAX, {}, summed)),
        commit_timeout_s=commit_timeout,
        close_timeout_s=close_timeout,
        min_hospitals=hospitals,
        protection=protected,
        step_timeout_s=step_timeout,
    )
    plans: list[Plan] = []  # made once, also if the ledger is handed over

    def make() -> Coordinator:
        ports = open_ports(home, member, notify)
        if not plans:
            plans.append(next_sum(plan, ports))
        return Coordinator(ports, plans[0], initial)

    with only_one(member.folder):
        initial = first_model(recipe)
        serve_agent(make, notify, lambda agent: agent.done)


@coordinator.command("table")
@chain_options
@name_option("coordinator")
@click.option("--schema", required=True, help="The meaning of the columns: a name or a JSON file (see `tables`).")
@click.option("--ridge", type=click.FloatRange(1e-6, 1e6), default=1.0, show_default=True, help="Penalty.")
@click.option("--indicators/--no-indicators", default=True, help="Whether a missing value is an input of its own.")
@click.option("--splines/--no-splines", default=False, help="Whether numbers may have curved effects.")
@click.option("--most-rows", type=click.IntRange(1, 2**20), default=4096, show_default=True, help="At one hospital.")
@click.option("--steps", type=click.IntRange(1, 50), default=8, show_default=True, help="Newton rounds at most.")
@click.option("--hospitals", type=click.IntRange(1), default=3, show_default=True, help="How many to wait for.")
@click.option("--attestations", type=click.IntRange(1), default=1, show_default=True, help="Needed from auditors.")
@protection_option
@click.option("--step-timeout", type=SECONDS, default=600, show_default=True, help="Seconds for each masked step.")
@click.option("--commit-timeout", type=SECONDS, default=3600, show_default=True, help="Seconds for counting.")
@click.option("--close-timeout", type=SECONDS, default=3600, show_default=True, help="Seconds after counting.")
@click.option("--model", "model_file", type=click.Path(path_type=Path), help="Write the regression here.")
@guarded
def train_table(  # noqa: PLR0913  # one parameter per option
    home: Home,
    name: str,
    *,
    schema: str,
    ridge: float,
    indicators: bool,
    splines: bool,
    most_rows: int,
    steps: int,
    hospitals: int,
    attestations: int,
    protection: str | None,
    step_timeout: int,
    commit_timeout: int,
    close_timeout: int,
    model_file: Path | None,
) -> None:
    """Train a logistic regression on the hospitals' tables: a round of statistics, then Newton steps.

    Everybody gets the same sums, and nobody sees one hospital's. The result is that of training on all rows together.
    """
    from fl.roles.coordinator.plan import Plan
    from fl.storage.lock import only_one
    from fl.training.tables.design import Options
    from fl.training.tables.federation import task_of as task_of_table
    from fl.training.tables.saved import save_model
    from fl.training.tables.schema import load_schema
    from scripts.wiring.agent import announce, serve_agent
    from scripts.wiring.roles import open_ports
    from scripts.wiring.tables import TableCoordinator, TablePlan

    member = home.member(name).as_a(Role.COORDINATOR)
    notify, bits = announce(name), (most_rows - 1).bit_length()
    table = TablePlan(load_schema(schema), Options(indicators, splines), ridge, bits, steps)
    protected = protection_of(protection, hospitals)
    plan = Plan(
        rounds=0,
        min_commitments=fewest(protected, hospitals),
        attestations=attestations,
        config=RoundConfig(CLIP, L2_BOUND, SUM_W_MAX, {}, task_of_table(table.schema)),
        commit_timeout_s=commit_timeout,
        close_timeout_s=close_timeout,
        min_hospitals=hospitals,
        protection=protected,
        step_timeout_s=step_timeout,
    )
    agents: list[TableCoordinator] = []

    def make() -> TableCoordinator:
        agents.append(TableCoordinator(open_ports(home, member, notify), plan, table))
        return agents[-1]

    with only_one(member.folder):
        serve_agent(make, notify, lambda agent: agent.done)
    if model_file and agents[-1].model:
        save_model(agents[-1].model, model_file)
        click.echo(f"The regression {agents[-1].model.digest.hex()[:16]} is in {model_file}.")


def _adjusted(
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


def first_model(recipe: Recipe) -> Initial:
    from fl.roles.coordinator.plan import Initial
    from fl.training.initial import initial_model

    return Initial(*initial_model(recipe))
