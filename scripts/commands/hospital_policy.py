"""`hemaledger hospital policy`: what this hospital allows, and which plans it approved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.names import Role
from scripts.wiring.exit import guarded
from scripts.wiring.options import chain_options, home_option, name_option

if TYPE_CHECKING:
    from scripts.wiring.home import Home

plan_argument = click.argument("plan", required=False, type=click.Path(path_type=Path, exists=True, dir_okay=False))


@click.group()
def policy() -> None:
    """Site policy: which rounds this hospital refuses."""


@policy.command("init")
@home_option
@name_option()
@guarded
def init_policy(home: Path, name: str) -> None:
    """Write a policy file with an explanation of each rule. Edit it; the running agent reads it for every round."""
    from scripts.wiring.home import Home
    from scripts.wiring.site_policy import create_policy

    click.echo(f"The policy is in {create_policy(Home(home).member(name).as_a(Role.HOSPITAL))}. Read and edit it.")


@policy.command("show")
@home_option
@name_option()
@guarded
def show_policy(home: Path, name: str) -> None:
    """Print the policy and its digest, as the ledger records it."""
    from fl.protocol.codec import sha256
    from scripts.wiring.home import Home
    from scripts.wiring.site_policy import read_policy

    data = read_policy(Home(home).member(name).as_a(Role.HOSPITAL))
    click.echo(data.decode().rstrip("\n"))
    click.echo(f"digest: {sha256(data).hex()}")


@policy.command("check")
@chain_options
@name_option()
@plan_argument
@guarded
def check_policy(home: Home, name: str, plan: Path | None) -> None:
    """Say whether the policy allows a PLAN (a file from the coordinator), or else the newest round on the ledger."""
    from fl.roles.hospital.site_policy import broken, parse_policy
    from scripts.output.plan import lines_of
    from scripts.wiring.site_policy import proposals, read_policy

    rules, refused = parse_policy(read_policy(home.member(name).as_a(Role.HOSPITAL))), False
    for asked in proposals(home, plan):
        for line in lines_of(asked.protection, asked.hospitals, asked.parameters, asked.config):
            click.echo(line)
        for rule, why in broken(rules, asked, None):
            refused = True
            click.echo(f"  refused by {rule}: {why}")
    click.echo("This hospital would not take part." if refused else "The policy allows this.")
    if refused:
        raise click.exceptions.Exit(1)


@policy.command("approve")
@chain_options
@name_option()
@plan_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@guarded
def approve_plan(home: Home, name: str, plan: Path | None, *, yes: bool) -> None:
    """Print a PLAN, or else the newest round on the ledger, and add its digest to the approved ones after a yes."""
    from scripts.output.plan import lines_of
    from scripts.wiring.site_policy import approve, proposals

    member, asked = home.member(name).as_a(Role.HOSPITAL), proposals(home, plan)
    for each in asked:
        for line in lines_of(each.protection, each.hospitals, each.parameters, each.config):
            click.echo(line)
        click.echo(f"  digest: {each.digest.hex()}")
    if yes or click.confirm("Approve this?"):
        approve(member, tuple(each.digest for each in asked))
        click.echo("Approved. Rounds with any other configuration are refused from now on.")
