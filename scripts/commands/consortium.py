"""`hemaledger consortium`: the operator founds a consortium, admits, revokes, and succeeds a ledger."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import CeremonyKind, Role, show
from fl.protocol.records import CeremonyAborted, MemberRevoked
from fl.protocol.task import Task
from fl.protocol.task_catalogue import LEUKEMIA
from scripts.commands.succession import accept, pending, prepare, transfer
from scripts.commands.succession import replace as replace_operator
from scripts.wiring.exit import guarded
from scripts.wiring.options import (
    DEFAULT_DAYS,
    KINDS,
    MAX_CONFIRMATIONS,
    OPERATOR,
    USES,
    chain_options,
    home_option,
    task_options,
)

if TYPE_CHECKING:
    from chain.ledger import EthereumLedger
    from scripts.wiring.home import Deployment, Home


@click.group()
def consortium() -> None:
    """Operator: found a consortium, admit and revoke members."""


for _command in (prepare, transfer, accept, replace_operator):
    consortium.add_command(_command)


@consortium.command()
@home_option
@click.option("--rpc", required=True, help="RPC URL of an Ethereum node.")
@click.option("--free-gas/--paid-gas", default=True, show_default=True, help="Whether transactions are free there.")
@click.option(
    "--confirmations",
    type=click.IntRange(1, MAX_CONFIRMATIONS),
    default=1,
    show_default=True,
    help="Blocks until a record counts, its own included; consortium.json tells all members.",
)
@task_options
@guarded
def create(home: Path, rpc: str, *, free_gas: bool, confirmations: int, **given: Any) -> None:  # noqa: ANN401 - options
    """Create the operator's account and deploy the contracts. The password is read from HEMALEDGER_PASSWORD.

    consortium.json says which task all members train; without --task or --classes it is leukemia.

    Where gas is paid, the first run stops for want of money: give the account some, and run the command again.
    """
    from scripts.wiring.home import Home
    from scripts.wiring.roles import create_member
    from scripts.wiring.task import given_task

    place = Home(home)
    check_unfounded(place)
    task = given_task(given) or LEUKEMIA
    click.echo(f"Account of {OPERATOR}: {show(create_member(place, OPERATOR, Role.OPERATOR))}")
    found = found_consortium(place, Deployed(rpc, free_gas, confirmations), task)
    anchor = found.anchor
    click.echo(f"Consortium {show(anchor.consortium)}")
    click.echo(f"KeyAuthority {show(anchor.authority)}, FederationLedger {show(anchor.contract)}")
    click.echo(f"All members train the task {task.code}: {task.name} ({', '.join(task.codes)}).")
    click.echo(f"Give every member {home / 'consortium.json'}.")


@consortium.command()
@chain_options
@click.option("--account", required=True, help="The member's Ethereum account.")
@click.option("--role", type=click.Choice([role.name.lower() for role in Role if role != Role.OPERATOR]), required=True)
@click.option("--name", required=True, help="The name that pages and reports show.")
@guarded
def register(home: Home, account: str, role: str, name: str) -> None:
    """Admit an account in one role."""
    from chain.transactions.addresses import parse_address
    from scripts.wiring.roles import register_member

    member = parse_address(account, "account")
    register_member(_open(home), member, Role[role.upper()], name)
    click.echo(f"{name} is registered as {role}.")


@consortium.command()
@chain_options
@click.option("--account", required=True, help="The member's Ethereum account.")
@click.option("--reason", required=True, help="Why; it is kept on the ledger for ever, so name no patient.")
@guarded
def revoke(home: Home, account: str, reason: str) -> None:
    """End a membership for good; a round it takes part in will be aborted."""
    from chain.transactions.addresses import parse_address

    member, ledger = parse_address(account, "account"), _open(home)
    ledger.append(MemberRevoked(ledger.account, member, reason))
    click.echo(f"{account} is revoked.")


@consortium.command()
@chain_options
@click.option("--use", type=click.Choice(list(USES)), default="records", show_default=True, help="What the key opens.")
@click.option("--kind", type=click.Choice(list(KINDS)), default="generate", show_default=True)
@click.option("--trustee", "trustees", multiple=True, help="Name of a trustee of the committee; all without it.")
@click.option("--threshold", type=click.IntRange(2, 32), help="How many must approve; two thirds without it.")
@click.option("--days", type=click.IntRange(1, 3650), default=DEFAULT_DAYS, show_default=True, help="Validity.")
@click.option("--new-key", is_flag=True, help="Leave the key in force behind, and make another.")
@guarded
def ceremony(
    home: Home, use: str, kind: str, trustees: tuple[str, ...], threshold: int | None, days: int, *, new_key: bool
) -> None:
    """Start a ceremony that gives trustees their shares of a key; running trustees do the rest."""
    from fl.roles.trustee.dealer import Dealer
    from scripts.wiring.agent import announce, serve_agent
    from scripts.wiring.ceremony import CeremonyPlan, start_ceremony
    from scripts.wiring.roles import open_ledger, open_ports, operator_of

    member = operator_of(home)
    wish = CeremonyPlan(USES[use], KINDS[kind], trustees, threshold, new_key, days)
    number = start_ceremony(open_ledger(home, member), wish)
    click.echo(f"Ceremony {number} of the key for {use} has begun.")
    if wish.kind == CeremonyKind.DEALER:
        click.echo("You deal: this machine knows the key until it forgets it, and every page says so.")
        notify = announce(OPERATOR)
        serve_agent(
            lambda: Dealer(open_ports(home, member, notify), wish.use),
            notify,
            lambda agent: agent.done,
        )


@consortium.command()
@chain_options
@click.option("--use", type=click.Choice(list(USES)), default="records", show_default=True)
@click.option("--reason", required=True, help="Why; it is kept on the ledger for ever.")
@guarded
def abort(home: Home, use: str, reason: str) -> None:
    """End a ceremony that cannot be finished; the committee before it stays in force."""
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
    """List all members, their roles and key epochs, who should run its agent, and who holds which threshold key."""
    from fl.replay.ledger_view import LedgerView
    from scripts.wiring.roles import open_ledger

    federation = LedgerView(open_ledger(home)).refresh()
    book = federation.book
    for member in book.members.values():
        key = f"key epoch {member.key.epoch}" if member.key else "no key"
        spent = ", not replaced since a ceremony" if federation.threshold.key_was_used(member) else ""
        state = "revoked" if member.revoked else key + spent
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
    """Deploy a successor of the ledger contract and close the old one; no contract is upgraded in place."""
    from chain.deploy import deploy_successor, hand_over
    from scripts.wiring.roles import ledger_settings, load_account, operator_of

    key = load_account(operator_of(home))
    settings = ledger_settings(home)
    successor = deploy_successor(settings, key)
    hand_over(settings, key, successor)
    home.save(replace(home.deployment, anchor=successor))
    click.echo(f"The ledger {show(settings.anchor.contract)} is closed; its successor is {show(successor.contract)}.")
    click.echo("The coordinator opens it with the last model when it next runs.")


def _open(home: Home) -> EthereumLedger:
    from scripts.wiring.roles import open_ledger, operator_of

    return open_ledger(home, operator_of(home))


def check_unfounded(home: Home) -> None:
    """Raise SettingInvalid when the folder holds a consortium already."""
    if home.deployment_file.exists():
        raise SettingInvalid("home", f"{home.deployment_file} exists already: one folder, one consortium")


@dataclass(frozen=True)
class Deployed:
    """On which chain a consortium is founded, and how."""

    url: str
    free_gas: bool = True
    confirmations: int = 1


def found_consortium(home: Home, where: Deployed, task: Task) -> Deployment:
    """Create the operator, deploy, and make the vault; consortium.json is written last.

    Raises:
        SettingInvalid: the folder holds a consortium already, or its vault another one's files.
        StorageFull: the vault cannot be made.
        ChainUnavailable, WrongChain, TransactionTimeout: see chain/ledger.py.
    """
    from chain.deploy import deploy
    from chain.rpc.node import NodeSettings
    from fl.storage.vault import found_vault
    from scripts.wiring.home import Deployment
    from scripts.wiring.roles import create_member, load_account, transactions

    check_unfounded(home)
    create_member(home, OPERATOR, Role.OPERATOR)
    key = load_account(home.member(OPERATOR))
    how = transactions(free_gas=where.free_gas, confirmations=where.confirmations)
    anchor = deploy(NodeSettings(where.url), how, key, secrets.token_bytes(32))
    found_vault(home.vault_folder, anchor.consortium)
    deployment = Deployment(where.url, anchor, where.free_gas, task, where.confirmations)
    home.save(deployment)
    return deployment
