"""`hemaledger auditor`: set up an auditor, and attest rounds while they run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.names import Role, show
from scripts.wiring.exit import guarded
from scripts.wiring.membership import add_keys
from scripts.wiring.options import DataOptions, chain_options, data_options, home_option, name_option
from scripts.wiring.training_options import network_options
from scripts.wiring.watch.options import WatchOptions, watch_options

if TYPE_CHECKING:
    from scripts.wiring.home import Home


@click.group()
def auditor() -> None:
    """Auditor: replay and attest each round while it runs."""


@auditor.command()
@home_option
@name_option("auditor")
@click.option(
    "--holdout", type=click.Path(path_type=Path), help="Held-out images, on which the auditor evaluates every model."
)
@click.option("--table", type=click.Path(path_type=Path), help="Held-out rows of patients (CSV), instead of --holdout.")
@click.option("--schema", help="The meaning of the table's columns: a name or a JSON file (see `tables`).")
@click.option("--describe", help="Public name of these images in the reports. Default: none.")
@data_options
@guarded
def init(  # one parameter per option
    home: Path,
    name: str,
    *,
    holdout: Path | None,
    table: Path | None,
    schema: str | None,
    describe: str | None,
    options: DataOptions,
) -> None:
    """Create the auditor's account and key, and import its held-out images.

    The command writes the meaning of the folders' names to labels.json beside the images. To change a meaning, edit
    that file and pass it with --labels.
    """
    from scripts.wiring.home import Home
    from scripts.wiring.roles import create_member

    run_home = Home(home)
    if holdout is not None:
        from scripts.wiring.training import import_images

        images = import_images(holdout, run_home, name, options, held_out=True, described=describe or "")
        images.tell("held-out images", run_home.member(name))
    if table is not None:
        from scripts.wiring.tables import import_rows

        import_rows(run_home.member(name), table, schema, holdout)
    account = create_member(run_home, name, Role.AUDITOR)
    click.echo(f"Account of {name}: {show(account)}")


add_keys(auditor, Role.AUDITOR, "auditor")


@auditor.command()
@chain_options
@name_option("auditor")
@network_options
@watch_options
@guarded
def run(home: Home, name: str, watch: WatchOptions) -> None:
    """Replay, evaluate and attest every proposal until stopped."""
    from fl.roles.auditor import Auditor
    from fl.roles.kept_models import KeepingModels
    from fl.storage.lock import only_one
    from fl.training.model.device import use_threads
    from scripts.output.card import attested_card
    from scripts.wiring.agent import serve_agent
    from scripts.wiring.models import kept_models
    from scripts.wiring.roles import open_ports
    from scripts.wiring.tables import has_table, own_table, table_evaluator
    from scripts.wiring.training import evaluator
    from scripts.wiring.watch.watching import Watching

    member = home.member(name).as_a(Role.AUDITOR)
    watching = Watching.of(home, member, watch)
    with only_one(member.folder):
        use_threads(1)  # the site's number: so an answer has the site's digits
        pictures = evaluator(member.data_file, attested_card)
        evaluate = table_evaluator(own_table(member)) if has_table(member) else pictures

        def make() -> KeepingModels[Auditor]:
            ports = open_ports(home, member, watching.notify)
            return KeepingModels(Auditor(ports, evaluate), ports.vault, kept_models(member))

        serve_agent(make, watching)


@auditor.command()
@chain_options
@name_option("auditor")
@click.option("--keep-rounds", type=click.IntRange(1), required=True, help="The newest rounds that keep all files.")
@network_options
@guarded
def retain(home: Home, name: str, *, keep_rounds: int) -> None:
    """After a clean audit, record which old updates may be deleted. A coordinator deletes them with its own `retain`.

    The audit runs now, from the first record. A finding ends the command, and nothing is recorded.
    """
    from scripts.commands.audit import Evidence, run_audit
    from scripts.wiring.retention import record_offer
    from scripts.wiring.roles import audit_key, open_ledger

    ledger, vault = open_ledger(home, home.member(name).as_a(Role.AUDITOR), strict=True), home.vault
    vault.check()
    audited = run_audit(Evidence(home, ledger, vault), audit_key(home, name))
    record, digest = record_offer(ledger, vault, audited.report, audited.federation, keep_rounds)
    click.echo(f"{len(record.files)} updates of rounds up to {record.through} may be deleted: record {show(digest)}.")


@auditor.command()
@chain_options
@name_option("auditor")
@click.option("--round", "number", type=click.IntRange(1), required=True, help="The round in which you named it.")
@click.option("--hospital", required=True, help="The hospital's registered name.")
@guarded
def lift(home: Home, name: str, *, number: int, hospital: str) -> None:
    """Name a hospital no more that you named for its update under the mask. Then it may take part again.

    Talk to the hospital first: it should know why its update was too long. What you said before stays on the ledger.
    """
    from scripts.wiring.lifting import lift_hospital
    from scripts.wiring.roles import open_ledger

    ledger = open_ledger(home, home.member(name).as_a(Role.AUDITOR), strict=True)
    lift_hospital(ledger, home.vault, number, hospital)
    click.echo(f"You name {hospital} in round {number} no more. If no other auditor does, it is in the next roster.")
