"""`hemaledger monitor`: look at the ledger and its log for a member, and keep evidence of what is wrong."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.names import shown_lines
from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, name_option
from scripts.wiring.watch.options import FORMATS, LOG_VARIABLE

if TYPE_CHECKING:
    from fl.proofs.evidence_pieces import Verdict
    from fl.storage.seen_log import Reported
    from scripts.wiring.home import Home
    from scripts.wiring.monitoring import Monitor

FOUND = 76
"""The exit code if something was found, as of every TamperedError."""


@click.command()
@chain_options
@name_option()
@click.option("--follow", is_flag=True, help="Go on looking, until somebody stops it.")
@click.option(
    "--every",
    type=click.IntRange(1, 86_400),
    default=60,
    show_default=True,
    help="With --follow: seconds between looks.",
)
@click.option(
    "--log-format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    envvar=LOG_VARIABLE,
    help="With --follow: json writes one JSON object a line, for programs.",
)
@click.option(
    "--evidence",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder for evidence. Default: `evidence` in the member's folder.",
)
@click.option(
    "--note",
    "notes",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A checkpoint from somebody else, to compare. Repeatable.",
)
@click.option("--keeper", "keepers", multiple=True, help="URL of a keeper of the log. Repeatable.")
@click.option("--witness", "witnesses", multiple=True, help="URL of a witness, to see what it cosigned. Repeatable.")
@click.option(
    "--quorum",
    type=click.IntRange(1),
    help="How many witnesses must cosign. Default: more than half of the hospitals and auditors.",
)
@click.option(
    "--grace",
    type=click.IntRange(0),
    default=3600,
    show_default=True,
    help="For so many seconds after its record a file may be missing.",
)
@click.option("--accept", is_flag=True, help="Take what the chain shows now for right, and all findings as dealt with.")
@guarded
def monitor(  # noqa: PLR0913 - one parameter per option
    home: Home,
    name: str,
    *,
    follow: bool,
    every: int,
    log_format: str,
    evidence: Path | None,
    notes: tuple[Path, ...],
    keepers: tuple[str, ...],
    witnesses: tuple[str, ...],
    quorum: int | None,
    grace: int,
    accept: bool,
) -> None:
    """Look at the ledger, its log and its witnesses for a member, by its own node and journal.

    It remembers what it saw, so it notices later if the chain shows another history. Each finding has a name and, if
    something that is signed shows it, a file of evidence that `hemaledger verify` checks elsewhere.

    Exit code 0: nothing is wrong. 76: something was found, now or earlier, and nobody accepted it.
    """
    from fl.transport.http_log import HttpKeeper, HttpWitness
    from scripts.wiring.log_services import checked_url
    from scripts.wiring.monitoring import EVIDENCE, Monitor, Sources

    member = home.member(name)
    where = evidence or member.folder / EVIDENCE
    servers = tuple(HttpKeeper(checked_url("keeper", each)) for each in keepers)
    others = tuple(HttpWitness(checked_url("witness", each)) for each in witnesses)
    watch = Monitor(home, member, Sources(where, notes, servers, others, quorum, grace))
    if accept:
        watch.accept()
        click.echo("All findings are accepted. The evidence stays where it is.")
        return
    if follow:
        _follow(watch, log_format, every)
    else:
        _once(watch)
    if watch.open_findings():
        sys.exit(FOUND)


def _once(watch: Monitor) -> None:
    found = watch.look()
    for why in watch.silent:
        click.secho(shown_lines(why), fg="yellow", err=True)
    verdicts = {reported.key: each.verdict for reported, each in watch.report(found)}
    for reported in watch.open_findings():
        _tell(watch, reported, verdicts.get(reported.key))
    if not watch.open_findings():
        click.echo("Nothing is wrong.")


def _follow(watch: Monitor, log_format: str, every: int) -> None:
    """Look again and again; a node that does not answer is asked again, and what it shows wrongly is said once."""
    from fl.events import Event
    from fl.protocol.errors import TamperedError, UnavailableError
    from scripts.wiring.log_services import stopped_by_signals
    from scripts.wiring.watch.log import Speaker, writer

    notify, said = writer(Speaker(watch.member.name, watch.member.role.name.lower()), log_format, time.time), set[str]()
    with stopped_by_signals() as stop:
        notify(Event.READY, {"seconds between looks": every})
        while not stop.is_set():
            news: set[str] = set()
            try:
                for reported, _ in watch.report(watch.look()):
                    where = str(watch.sources.evidence / reported.file) if reported.file else None
                    notify(Event.ALARM, {"finding": reported.kind, "reason": reported.sentence, "evidence": where})
                news = set(watch.silent)
            except (UnavailableError, TamperedError) as error:
                news = {str(error)}
            for why in news - said:
                notify(Event.WAITING, {"reason": why})
            said = news
            stop.wait(every)
        notify(Event.STOPPED, {})


def _tell(watch: Monitor, reported: Reported, verdict: Verdict | None) -> None:
    click.secho(f"{reported.kind}: {shown_lines(reported.sentence)}", fg="red")
    for line in verdict.shows if verdict else ():
        click.echo(f"  {shown_lines(line)}")
    if verdict:
        click.echo(f"  {verdict.limits}")
    if reported.file:
        click.echo(f"  Evidence: {watch.sources.evidence / reported.file}")
    else:
        click.echo("  Nothing that is signed shows it to others.")
