"""`hemaledger hospital`: set up a hospital, import its images, and run it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.names import Role, show
from scripts.commands.hospital_policy import policy
from scripts.commands.hospital_serve import serve_queries
from scripts.commands.hospital_withdraw import withdraw
from scripts.wiring.called import calls_for, socket_option
from scripts.wiring.exit import guarded
from scripts.wiring.membership import add_keys
from scripts.wiring.options import (
    DataOptions,
    chain_options,
    data_options,
    device_option,
    home_option,
    keep_models_option,
    name_option,
)
from scripts.wiring.training_options import delta_option, network_options
from scripts.wiring.watch.options import WatchOptions, watch_options

if TYPE_CHECKING:
    from fl.protocol.names import Digest
    from fl.roles.hospital.trusted_peers import TrustedPeers
    from fl.roles.kept_models import KeepingModels
    from fl.roles.runner import Agent
    from fl.training.local.checkpoint import Progress
    from scripts.wiring.home import Home
    from webui.ports.local_training import LocalTraining

MOST_PASSES = 100
"""The value of webui/ports/local_training.py."""


@click.group()
def hospital() -> None:
    """Hospital: set up, join, and take part in rounds."""


@hospital.command()
@home_option
@name_option()
@click.option(
    "--data", type=click.Path(path_type=Path), help="Folder with one subfolder of images per class, or an .npz file."
)
@click.option("--table", type=click.Path(path_type=Path), help="A CSV file of patients, instead of --data.")
@click.option("--schema", help="The meaning of the table's columns: a name or a JSON file (see `tables`).")
@data_options
@guarded
def init(
    home: Path, name: str, *, data: Path | None, table: Path | None, schema: str | None, options: DataOptions
) -> None:
    """Create the hospital's account and key, and import its images. Send the account to the operator.

    The command writes the meaning of the folders' names to labels.json beside the images. To change a meaning, edit
    that file and pass it with --labels.
    """
    from scripts.wiring.home import Home
    from scripts.wiring.roles import create_member

    run_home = Home(home)
    if data is not None:
        from scripts.wiring.training import import_images

        import_images(data, run_home, name, options).tell("images", run_home.member(name))
    if table is not None:
        from scripts.wiring.tables import import_rows

        import_rows(run_home.member(name), table, schema, data)
    account = create_member(run_home, name, Role.HOSPITAL)
    click.echo(f"Account of {name}: {show(account)}")


add_keys(hospital, Role.HOSPITAL)
hospital.add_command(serve_queries)
hospital.add_command(policy)
hospital.add_command(withdraw)


@hospital.command()
@chain_options
@name_option()
@device_option
@click.option("--threads", type=click.IntRange(1), help="CPU threads for training. Default: all.")
@click.option("--trust", multiple=True, help="Account of a hospital that this one trusts. Repeatable.")
@click.option(
    "--trust-at-least", type=click.IntRange(0), help="How many trusted hospitals a masked round needs. Default: all."
)
@click.option(
    "--collusion",
    type=click.FloatRange(0.0, 1.0, max_open=True),
    default=0.2,
    show_default=True,
    help="Refuse a round of many hospitals that does not protect an update if this part of them colludes.",
)
@click.option(
    "--control-from-zero", is_flag=True, help="scaffold: if the control variate is lost, begin again at zero."
)
@click.option(
    "--epsilon-limit",
    type=click.FloatRange(0.0, min_open=True),
    help="Refuse rounds after which epsilon of all rounds together would be larger. Default: no limit.",
)
@delta_option("The delta of --epsilon-limit. It must be far below 1 / images.")
@click.option(
    "--uploads-only", is_flag=True, help="Never train here: wait in each round for weights that staff upload."
)
@socket_option
@keep_models_option
@network_options
@watch_options
@guarded
def run(  # noqa: PLR0913  # one parameter per option
    home: Home,
    name: str,
    *,
    device: str,
    threads: int | None,
    trust: tuple[str, ...],
    trust_at_least: int | None,
    collusion: float,
    control_from_zero: bool,
    epsilon_limit: float | None,
    delta: float,
    uploads_only: bool,
    flower_socket: Path | None,
    keep_models: int,
    watch: WatchOptions,
) -> None:
    """Take part in every round until stopped. After a crash, run it again: it continues where it stopped.

    Weights that the hospital's staff upload on the site are sent in place of a training.
    """
    from fl.roles.hospital.agent import Hospital
    from fl.roles.kept_models import KeepingModels
    from fl.storage.lock import only_one
    from fl.training.model.device import use_threads
    from scripts.wiring.agent import serve_agent
    from scripts.wiring.handed_in import no_training, uploads_of, with_orders
    from scripts.wiring.models import kept_models
    from scripts.wiring.roles import open_ports, privacy_limit
    from scripts.wiring.site_policy import policy_of
    from scripts.wiring.tables import has_table, own_table, table_trainer
    from scripts.wiring.training import own_task, trainer
    from scripts.wiring.watch.watching import Watching

    member = home.member(name).as_a(Role.HOSPITAL)
    if threads:
        use_threads(threads)
    watching, peers = Watching.of(home, member, watch), _trust(trust, trust_at_least, collusion)
    with only_one(member.folder), calls_for(member, Role.HOSPITAL, flower_socket) as calls:
        watching.pass_through(calls.noting)
        if uploads_only:
            train, task = no_training(), own_task(member) if member.labels_file.exists() else None
        elif has_table(member):
            train, task = table_trainer(own_table(member), name)
        else:
            notify, passed = watching.notify, watching.passed
            train = trainer(member.data_file, name, device, notify, control_from_zero=control_from_zero, passed=passed)
            task = own_task(member)
        limit = privacy_limit(member, epsilon_limit, delta)
        uploads, rules = uploads_of(member, alone=uploads_only), policy_of(member)

        def make() -> KeepingModels[Agent]:
            ports = open_ports(home, member, watching.notify, own_cluster=not peers.at_least)
            agent = with_orders(member, ports, Hospital(ports, train, peers, task, limit, uploads, rules))
            return KeepingModels(calls.agent(agent), ports.vault, kept_models(member), keep_models)

        serve_agent(make, watching)


@hospital.command()
@chain_options
@name_option()
@click.option("--passes", type=click.IntRange(1, MOST_PASSES), default=1, show_default=True, help="Over the images.")
@device_option
@network_options
@guarded
def train(home: Home, name: str, *, passes: int, device: str) -> None:
    """Train from the current model outside any round. Upload the result on the site, so that a round can use it."""
    from dataclasses import replace

    from fl.protocol.errors import HemaledgerError
    from scripts.server.local_training import STATE, WEIGHTS, read_state, write_state
    from scripts.wiring.clock import now
    from scripts.wiring.local_training import train_here
    from scripts.wiring.parent import end_with_parent
    from webui.ports.local_training import LocalTraining, TrainingStep

    member = home.member(name).as_a(Role.HOSPITAL)
    folder = member.training
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    end_with_parent()
    began = read_state(folder).began_at if (folder / STATE).exists() else now()
    state = LocalTraining(TrainingStep.RUNNING, began, passes)
    write_state(folder, state)

    def tell(base: Digest, progress: Progress) -> None:
        click.echo(f"pass {progress.epoch} of {progress.epochs}: loss {progress.loss:.4f}")
        write_state(folder, _after(state, base, progress))

    try:
        done = train_here(home, member, folder / WEIGHTS, passes, device, tell)
    except HemaledgerError as error:
        write_state(folder, replace(state, step=TrainingStep.FAILED, why=str(error)))
        raise
    ended = replace(state, step=TrainingStep.DONE, done=passes, base=done.base.hex(), samples=done.samples)
    write_state(folder, replace(ended, correct=done.correct, loss=done.loss))
    click.echo(f"The weights are in {folder / WEIGHTS}. They learned from {done.samples} images.")


def _after(state: LocalTraining, base: Digest, progress: Progress) -> LocalTraining:
    from dataclasses import replace

    moved = replace(state, base=base.hex(), done=progress.epoch, passes=progress.epochs)
    return replace(moved, samples=progress.samples, correct=progress.correct, loss=progress.loss)


@hospital.command()
@home_option
@name_option()
@delta_option("Delta of that epsilon.")
@guarded
def privacy(home: Path, name: str, delta: float) -> None:
    """Print what the hospital's trainings have cost its pictures so far."""
    from fl.storage.privacy_account import FolderAccount
    from fl.training.privacy.accounting import epsilon_of, shown_epsilon
    from scripts.wiring.home import Home

    spends = FolderAccount(Home(home).member(name).as_a(Role.HOSPITAL).privacy_file).spends().values()
    private = sum(bool(spend.noise) for spend in spends)
    plain = "" if private == len(spends) else ", and at least one without noise"
    epsilon = shown_epsilon(epsilon_of(spends, delta))
    click.echo(f"Rounds with noise: {private}{plain}. Epsilon of one picture: {epsilon} at delta {delta:g}.")


def _trust(accounts: tuple[str, ...], at_least: int | None, collusion: float) -> TrustedPeers:
    """Return which hospitals must be in a masked round, `at_least` of `accounts` or all, and how many may collude."""
    from chain.transactions.addresses import parse_address
    from fl.roles.hospital.trusted_peers import TrustedPeers

    peers = frozenset(parse_address(account, "account") for account in accounts)
    return TrustedPeers(peers, len(peers) if at_least is None else at_least, collusion)
