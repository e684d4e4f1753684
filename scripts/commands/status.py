"""`hemaledger status`: the members now, for whom the round waits, the last rounds, and who cosigns the log."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options

if TYPE_CHECKING:
    from scripts.wiring.home import Home


@click.command()
@chain_options
@click.option("--json", "as_json", is_flag=True, help="For programs: one JSON object.")
@guarded
def status(home: Home, *, as_json: bool) -> None:
    """Show each member's last sign of life, version and state, for whom the round waits, the last rounds and the log.

    It needs no key, only consortium.json. The exit code is 0 if all is well, and 1 if a person should look at
    something.
    """
    from scripts.wiring.monitoring import findings_of
    from scripts.wiring.watch import log_status
    from scripts.wiring.watch.status import consortium_now, document_of, lines_of

    members, log = consortium_now(home)
    findings = findings_of(home)
    if as_json:
        listed = [{"member": name, "finding": each.kind} for name, all_of in findings.items() for each in all_of]
        click.echo(json.dumps({**document_of(members), "log": log_status.document(log), "findings": listed}))
    else:
        click.echo("\n".join([*lines_of(members), *log_status.lines(log)]))
        for name, all_of in findings.items():
            click.echo(f"Look at: the monitor of {name} found {', '.join(sorted({each.kind for each in all_of}))}.")
    sys.exit(bool(members.faults or log_status.faults(log) or findings))
