"""`hemaledger consortium`: the operator founds a consortium, manages its members, and replaces its ledger."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import CeremonyKind, Role, show
from fl.protocol.records import CeremonyAborted, MemberRevoked
from fl.protocol.task_catalogue import LEUKEMIA
from scripts.commands.invite import invite, withdraw
from scripts.commands.orders import carry_out
from scripts.commands.succession import accept, pending, prepare, transfer
from scripts.commands.succession import replace as replace_operator
from scripts.wiring.exit import guarded
from scripts.wiring.founding import ChainOptions, check_unfounded, found_consortium, new_chain_options
from scripts.wiring.membership import add_password
from scripts.wiring.options import (
    DEFAULT_DAYS,
    KINDS,
    OPERATOR,
    USES,
    TaskOptions,
    chain_options,
    home_option,
    task_options,
    use_option,
)

if TYPE_CHECKING:
    from fl.replay.batched_ledger import BatchedLedger
    from scripts.wiring.home import Home

account_option = click.option("--account", required=True, help="The member's Ethereum account.")
reason_option = click.option(
    "--reason", required=True, help="Why. The ledger keeps it for ever and it is public, so name no patient."
)


@click.group()
def consortium() -> None:
    """Operator: found a consortium, and admit and revoke its members."""


for _command in (prepare, transfer, accept, replace_operator, carry_out, invite, withdraw):
    consortium.add_command(_command)
add_password(consortium, "operator", OPERATOR)


@consortium.command()
@home_option
@new_chain_options
@task_options
@guarded
def create(home: Path, where: ChainOptions, task: TaskOptions) -> None:
    """Create the operator's account and deploy the contracts. Set its password in HEMALEDGER_PASSWORD.

    All members train the task that consortium.json names. The default task is leukemia.

    With --paid-gas, the first run stops because the new account has no money. Send some to it, and run the command
    again.
    """
    from scripts.wiring.home import Home
    from scripts.wiring.roles import create_member
    from scripts.wiring.task import given_task

    run_home = Home(home)
    check_unfounded(run_home)
    choice = where.choice
    trained = given_task(task) or LEUKEMIA
    click.echo(f"Account of {OPERATOR}: {show(create_member(run_home, OPERATOR, Role.OPERATOR))}")
    anchor = found_consortium(run_home, choice, trained).anchor
    click.echo(f"Consortium {show(anchor.consortium)}")
    click.echo(f"KeyAuthority {show(anchor.authority)}, FederationLedger {show(anchor.contract)}")
    click.echo(f"All members train the task {trained.code}: {trained.name} ({', '.join(trained.codes)}).")
    click.echo(f"Send {home / 'consortium.json'} to every member.")


@consortium.command()
@chain_options
@account_option
@click.option("--role", type=click.Choice([role.name.lower() for role in Role if role != Role.OPERATOR]), required=True)
@click.option("--name", required=True, help="The member's name on pages and in reports.")
@guarded
def register(home: Home, account: str, role: str, name: str) -> None:
    """Admit an account as a member in one role."""
    from chain.transactions.addresses import parse_address
    from scripts.wiring.roles import register_member

    member = parse_address(account, "account")
    register_member(_open(home), member, Role[role.upper()], name)
    click.echo(f"{name} is registered as {role}.")


@consortium.command()
@chain_options
@account_option
@reason_option
@guarded
def revoke(home: Home, account: str, reason: str) -> None:
    """End a membership for ever. A running round with this member will be aborted."""
    from chain.transactions.addresses import parse_address

    member, ledger = parse_address(account, "account"), _open(home)
    ledger.append(MemberRevoked(ledger.account, member, reason))
    click.echo(f"{account} is revoked.")


@consortium.command()
@chain_options
@use_option
@click.option(
    "--kind",
    type=click.Choice(list(KINDS)),
    default="generate",
    show_default=True,
    help="generate: trustees make a key together. dealer: the operator makes it. refresh: new shares for the same "
    "committee. reshare: new shares for another committee.",
)
@click.option("--trustee", "trustees", multiple=True, help="Trustee of the committee. Repeatable. Default: all.")
@click.option("--threshold", type=click.IntRange(2, 32), help="How many trustees must approve. Default: two thirds.")
@click.option("--days", type=click.IntRange(1, 3650), default=DEFAULT_DAYS, show_default=True, help="Validity.")
@click.option("--new-key", is_flag=True, help="Replace the key in force by a new one.")
@guarded
def ceremony(
    home: Home, use: str, kind: str, trustees: tuple[str, ...], threshold: int | None, days: int, *, new_key: bool
) -> None:
    """Start a ceremony that gives trustees their shares of a key. The running trustees do the rest."""
    from fl.roles.trustee.dealer import Dealer
    from scripts.wiring.agent import serve_agent
    from scripts.wiring.ceremony import CeremonyPlan, start_ceremony
    from scripts.wiring.roles import open_ledger, open_ports, operator_of
    from scripts.wiring.watch.options import WatchOptions
    from scripts.wiring.watch.watching import Watching

    member = operator_of(home)
    plan = CeremonyPlan(USES[use], KINDS[kind], trustees, threshold, new_key, days)
    number = start_ceremony(open_ledger(home, member), plan)
    click.echo(f"Ceremony {number} of the key for {use} has started.")
    if plan.kind == CeremonyKind.DEALER:
        click.echo("You are the dealer: this machine knows the key until it deletes it, and every page says so.")
        watching = Watching.of(home, member, WatchOptions())
        serve_agent(
            lambda: Dealer(open_ports(home, member, watching.notify), plan.use),
            watching,
            lambda agent: agent.done,
        )


@consortium.command()
@chain_options
@use_option
@reason_option
@guarded
def abort(home: Home, use: str, reason: str) -> None:
    """End a ceremony that cannot finish. The committee before it stays in force."""
    from fl.replay.ledger_view import LedgerView

    ledger = _open(home)
    current = LedgerView(ledger).refresh().threshold.ceremony(USES[use])
    if current is None or current.ended:
        raise SettingInvalid("use", f"no ceremony of the key for {use} is running")
    ledger.append(CeremonyAborted(ledger.account, USES[use], current.number, reason))
    click.echo(f"Ceremony {current.number} is aborted.")


@consortium.command()
@chain_options
@guarded
def members(home: Home) -> None:
    """List the members with role and key epoch, members that should run their agent, and the threshold keys."""
    from fl.replay.ledger_view import LedgerView
    from scripts.wiring.roles import open_ledger

    federation = LedgerView(open_ledger(home)).refresh()
    book = federation.book
    for member in book.members.values():
        key = f"key epoch {member.key.epoch}" if member.key else "no key"
        used = ", not replaced since a ceremony" if federation.threshold.key_was_used(member) else ""
        state = "revoked" if member.revoked else key + used
        click.echo(f"{member.name:<16} {member.role.name.lower():<12} {show(member.account)}  {state}")
    for line in pending(federation):
        click.echo(line)
    for name, use in USES.items():
        committee = federation.threshold.in_force(use)
        if committee is not None:
            holders = ", ".join(book.name_of(account) for account in committee.members)
            made = "DEALT BY THE OPERATOR" if committee.origin == CeremonyKind.DEALER else "held whole by nobody"
            until = time.strftime("%Y-%m-%d", time.gmtime(committee.expires_at))
            click.echo(f"Key for {name}, epoch {committee.epoch}, until {until}:")
            click.echo(f"  any {committee.threshold} of {holders}; {made}")


@consortium.command("hand-over")
@chain_options
@guarded
def hand_over_ledger(home: Home) -> None:
    """Deploy a new ledger contract and close the old one. No contract is upgraded in place."""
    from chain.deploy import deploy_successor, hand_over
    from scripts.wiring.roles import ledger_settings, load_account, operator_of

    operator, settings = operator_of(home), ledger_settings(home)
    key = load_account(operator)
    settings = replace(settings, transactions=replace(settings.transactions, unfinished=operator.sending))
    successor = deploy_successor(settings, key)
    hand_over(settings, key, successor)
    home.save(replace(home.deployment, anchor=successor))
    click.echo(f"The ledger {show(settings.anchor.contract)} is closed; its successor is {show(successor.contract)}.")
    click.echo("The coordinator opens the successor with the last model when it runs next.")


def _open(home: Home) -> BatchedLedger:
    from scripts.wiring.roles import open_ledger, operator_of

    return open_ledger(home, operator_of(home))
