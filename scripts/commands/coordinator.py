"""`hemaledger coordinator`: open rounds until the plan is done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import Protection, Role
from fl.protocol.rounds.config import BUCKETS, DIRECTION_ROUNDS, WORD_BITS, Check, RoundConfig
from scripts.commands.coordinator_holds import abort_round, go_on, held_by, hold
from scripts.commands.coordinator_plan import show_plan
from scripts.commands.coordinator_retain import retain_files
from scripts.commands.coordinator_returns import return_to
from scripts.commands.coordinator_sums import sum_lanes, train_table
from scripts.wiring.called import calls_for, socket_option
from scripts.wiring.exit import guarded
from scripts.wiring.membership import add_init, add_keys
from scripts.wiring.options import (
    SECONDS,
    AggregationOptions,
    TaskOptions,
    aggregation_options,
    calibrate_option,
    chain_options,
    despite_alarm_option,
    keep_models_option,
    long_lived_option,
    name_option,
    protection_option,
    seed_option,
    task_options,
)
from scripts.wiring.plan_file import PlannedCommand, change_plan_option
from scripts.wiring.plans import (
    CLIP,
    L2_BOUND,
    PRESET_NAMES,
    PRESETS_HELP,
    adjusted,
    calibrates,
    chosen_training,
    fewest,
    first_model,
    held_back,
    local_of,
    made_private,
    protection_of,
    rounds_of,
    suite_of,
    with_network,
)
from scripts.wiring.training_options import NetworkOptions, PrivacyOptions, backbone_options, privacy_options
from scripts.wiring.watch.options import WatchOptions, watch_options
from scripts.wiring.wide_options import WideOptions, wide_options

if TYPE_CHECKING:
    from fl.transport.flower.desk import CalledAgent
    from scripts.wiring.home import Home

ROUNDS = (
    "How many rounds of training to reach in all; with voted, how many votes. Data cards and calibration do not count. "
    "Default: as --preset; private head: 8."
)
CHECK = (
    "Masked rounds: so many auditors check the length of every update under its mask, and name a hospital whose update "
    "is too long. Default: no check."
)
DIRECTION = (
    "With --check-updates: also name a hospital whose updates point against those of all others on the mean of so many "
    "rounds. Only for hospitals that are alike (docs/poisoning.md). Default: lengths alone count."
)
SKETCH = "With --check-updates: the size of what auditors see of an update, 4 times so many sums."
WORDS = "Bits of a number in an update. 64 gives far finer steps, and files of twice the size."

part_option = click.option(
    "--part-mib",
    type=click.IntRange(0, 512),
    default=64,
    show_default=True,
    help="No file of a masked update or a model has more MiB: a longer one is in parts. 0: files of any length.",
)


def _check_together(protected: Protection, *, hold_back: bool, long_lived: bool, check: Check | None) -> None:
    """Raise SettingInvalid for options that exclude each other."""
    if hold_back and protected == Protection.MASKED:
        raise SettingInvalid(
            "hold-back", "the hospitals of a masked round compute the model themselves; use --protection sealed"
        )
    if hold_back and long_lived:
        raise SettingInvalid("hold-back", "trustees hold models back by a classical key, so not with --long-lived")
    if check is not None and long_lived:
        raise SettingInvalid(
            "check-updates", "sketches of updates are sealed to classical keys, so not with --long-lived"
        )


@click.group()
def coordinator() -> None:
    """Coordinator: open rounds and sum the updates."""


add_init(coordinator, Role.COORDINATOR, "coordinator")
add_keys(coordinator, Role.COORDINATOR, "coordinator")
coordinator.add_command(sum_lanes)
coordinator.add_command(train_table)
for _command in (hold, go_on, abort_round, show_plan, retain_files, return_to):
    coordinator.add_command(_command)


@coordinator.command(cls=PlannedCommand)
@chain_options
@name_option("coordinator")
@click.option(
    "--rounds",
    type=click.IntRange(1),
    help=ROUNDS,
)
@click.option("--hospitals", type=click.IntRange(1), default=3, show_default=True, help="How many to wait for.")
@click.option(
    "--min-commitments",
    type=click.IntRange(1),
    help="A round with fewer updates is aborted. Default: all hospitals, or the threshold of a masked round.",
)
@click.option("--attestations", type=click.IntRange(1), default=1, show_default=True, help="Needed from auditors.")
@protection_option
@wide_options
@click.option("--check-updates", type=click.IntRange(1, 1024), metavar="AUDITORS", help=CHECK)
@click.option(
    "--check-buckets",
    type=click.Choice([str(each) for each in BUCKETS]),
    default=str(max(BUCKETS)),
    show_default=True,
    help=SKETCH,
)
@click.option("--check-direction", type=click.IntRange(DIRECTION_ROUNDS[0], DIRECTION_ROUNDS[-1]), help=DIRECTION)
@long_lived_option
@click.option("--hold-back", is_flag=True, help="Trustees must release each new model. For sealed rounds only.")
@click.option("--step-timeout", type=SECONDS, default=600, show_default=True, help="Seconds for each masked step.")
@click.option("--w-max", type=click.IntRange(1, 2**21), default=4096, show_default=True, help="Largest sample count.")
@click.option(
    "--word-bits", type=click.Choice([str(bits) for bits in WORD_BITS]), default="32", show_default=True, help=WORDS
)
@click.option("--commit-timeout", type=SECONDS, default=3600, show_default=True, help="Seconds for training.")
@click.option("--close-timeout", type=SECONDS, default=3600, show_default=True, help="Seconds after training.")
@part_option
@despite_alarm_option
@task_options
@aggregation_options
@privacy_options
@click.option("--preset", type=click.Choice(PRESET_NAMES), help=PRESETS_HELP)
@backbone_options
@click.option("--width", type=click.IntRange(8, 512), help="Network channels, a multiple of 8. Default: as --preset.")
@click.option("--image-size", type=click.IntRange(16, 1024), help="Side of an image in pixels. Default: as --preset.")
@calibrate_option
@click.option("--epochs", type=click.IntRange(1, 1000), help="Passes over the images per round. Default: as --preset.")
@click.option(
    "--preparation", metavar="NAME", help="What happens to an image first (see docs/data.md). Default: as --preset."
)
@seed_option
@socket_option
@keep_models_option
@change_plan_option
@watch_options
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
    check_updates: int | None,
    check_buckets: str,
    check_direction: int | None,
    long_lived: bool,
    hold_back: bool,
    step_timeout: int,
    w_max: int,
    word_bits: str,
    commit_timeout: int,
    close_timeout: int,
    part_mib: int,
    despite_alarm: bool,
    preset: str | None,
    width: int | None,
    image_size: int | None,
    epochs: int | None,
    preparation: str | None,
    calibrate: bool | None,
    seed: int,
    flower_socket: Path | None,
    keep_models: int,
    change_plan: bool,  # noqa: ARG001 - PlannedCommand reads it
    task: TaskOptions,
    joining: AggregationOptions,
    network: NetworkOptions,
    private: PrivacyOptions,
    wide: WideOptions,
    watch: WatchOptions,
) -> None:
    """Open rounds, sum updates, propose models and finalise them, until all rounds are done.

    Run only one coordinator per consortium. The options are kept on disk, so that the next start needs none. --task
    and --classes replace the task of consortium.json. The task cannot change between rounds.
    """
    from fl.roles.coordinator.agent import Coordinator
    from fl.roles.coordinator.checks import check_plan
    from fl.roles.coordinator.plan import Plan, part_bytes_of
    from fl.roles.kept_models import KeepingModels
    from fl.storage.lock import only_one
    from fl.training.calibrating import closing_rounds
    from fl.training.recipe import Recipe, fitted_to
    from scripts.wiring.agent import serve_agent
    from scripts.wiring.models import kept_models
    from scripts.wiring.plan_file import save_plan
    from scripts.wiring.plans import document_of
    from scripts.wiring.roles import open_ports
    from scripts.wiring.task import FLAGS, task_of
    from scripts.wiring.watch.watching import Watching

    member = home.member(name).as_a(Role.COORDINATOR)
    watching = Watching.of(home, member, watch)
    trained = task_of(home, task)
    if trained is None:
        raise SettingInvalid("task", f"consortium.json names no task; give {FLAGS}")
    chosen, rule = chosen_training(task, preset, joining, hospitals)
    chosen = with_network(chosen, network)
    chosen = adjusted(chosen, width=width, size_px=image_size, epochs=epochs, preparation=preparation)
    chosen = made_private(chosen, private, rounds, epochs, part=network.trained)
    wanted = rounds_of(rule, chosen.rounds)
    spec = fitted_to(chosen.spec, trained)
    calibrated = calibrates(given=calibrate, several=spec.several, private=private)
    local = local_of(chosen.local, wanted, joining)
    recipe = Recipe(spec, local, seed, rule, joining.weights == "quality")
    recipe = held_back(recipe, calibrate=calibrated)
    w_max = 1 if joining.weights == "equal" else w_max
    protected = protection_of(protection, hospitals)
    if check_direction and not check_updates:
        raise SettingInvalid("check-direction", "directions are seen in sketches alone; add --check-updates")
    check = Check(check_updates, int(check_buckets), check_direction or 0) if check_updates else None
    _check_together(protected, hold_back=hold_back, long_lived=long_lived, check=check)
    suite = suite_of(long_lived=long_lived)
    config = RoundConfig(CLIP, L2_BOUND, w_max, recipe.to_dict(), trained, hold_back, int(word_bits), check, suite)
    closing = closing_rounds(replace(config, check=None), hospitals) if calibrated else ()
    plan = Plan(
        rounds=wanted,
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
        wide=wide.plan,
        part_bytes=part_bytes_of(part_mib),
    )
    with only_one(member.folder), calls_for(member, Role.COORDINATOR, flower_socket) as calls:
        initial, paused = first_model(recipe), held_by(member.folder)
        check_plan(plan, initial)
        watching.pass_through(calls.noting)
        save_plan(member, click.get_current_context(), document_of(plan, initial))

        def make() -> KeepingModels[Coordinator | CalledAgent]:
            ports = open_ports(home, member, watching.notify)
            inner = Coordinator(ports, plan, initial, lambda: paused() or calls.held())
            called = calls.agent(inner, lambda: inner.done)
            return KeepingModels(called, ports.vault, kept_models(member), keep_models)

        serve_agent(make, watching, lambda agent: agent.inner.done)
