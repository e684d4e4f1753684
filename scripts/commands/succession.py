"""`hemaledger consortium prepare`, `transfer`, `accept` and `replace`: another account becomes the operator."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.names import NO_ADDRESS, Role, show
from fl.protocol.records import (
    OperatorChanged,
    OperatorProposed,
    ReplacementProposed,
    ReplacementVetoed,
    ReplacementVoted,
)
from scripts.wiring.exit import guarded
from scripts.wiring.options import OPERATOR, chain_options, home_option, name_option

if TYPE_CHECKING:
    from fl.protocol.federation import Federation
    from fl.protocol.keys.succession import Replacement
    from scripts.wiring.home import Home

account_option = click.option("--account", required=True, help="The account of the new operator.")
number_option = click.option("--number", type=click.IntRange(1), required=True, help="The number of the replacement.")


@click.command()
@home_option
@name_option(OPERATOR)
@guarded
def prepare(home: Path, name: str) -> None:
    """Create the account of a future operator, and print it. This writes nothing to the ledger."""
    from scripts.wiring.home import Home
    from scripts.wiring.roles import create_member

    click.echo(f"Account of {name}: {show(create_member(Home(home), name, Role.OPERATOR))}")


@click.command()
@chain_options
@click.option("--account", help="The account of the new operator. Without it, the earlier proposal is withdrawn.")
@guarded
def transfer(home: Home, account: str | None) -> None:
    """Propose another account as operator. You remain the operator until that account accepts."""
    from chain.transactions.addresses import parse_address
    from scripts.wiring.roles import open_ledger, operator_of

    heir = parse_address(account, "account") if account else NO_ADDRESS
    ledger = open_ledger(home, operator_of(home))
    ledger.append(OperatorProposed(ledger.account, heir))
    if account:
        click.echo(f"{account} is proposed. It becomes the operator by `hemaledger consortium accept`.")
    else:
        click.echo("The proposal is withdrawn.")


@click.command()
@chain_options
@name_option(OPERATOR)
@click.option(
    "--replacement",
    type=click.IntRange(0),
    default=0,
    help="The number of the replacement that the members voted for; 0: the operator's own proposal.",
)
@guarded
def accept(home: Home, name: str, replacement: int) -> None:
    """Become the operator, if the current one proposed you or the members voted for you. The former is revoked."""
    from fl.replay.ledger_view import LedgerView
    from scripts.wiring.roles import open_ledger

    ledger = open_ledger(home, home.member(name).as_a(Role.OPERATOR))
    former = LedgerView(ledger).refresh().book.operator
    ledger.append(OperatorChanged(ledger.account, replacement, former))
    click.echo(f"{show(ledger.account)} is the operator now; {show(former)} is revoked.")


@click.group()
def replace() -> None:
    """Members: replace a lost operator. More than half of all hospitals, auditors and trustees must vote for it."""


@replace.command()
@chain_options
@name_option()
@account_option
@guarded
def propose(home: Home, name: str, account: str) -> None:
    """Propose a new operator, as member NAME."""
    from chain.transactions.addresses import parse_address
    from fl.replay.ledger_view import LedgerView
    from scripts.wiring.roles import open_ledger

    candidate = parse_address(account, "account")
    ledger = open_ledger(home, home.member(name))
    number = len(LedgerView(ledger).refresh().succession.replacements) + 1
    ledger.append(ReplacementProposed(ledger.account, number, candidate))
    click.echo(f"Replacement {number} is proposed. Members vote with `hemaledger consortium replace vote`.")


@replace.command()
@chain_options
@name_option()
@number_option
@guarded
def vote(home: Home, name: str, number: int) -> None:
    """Vote for a replacement, as member NAME. You have one vote, and can move it to another replacement."""
    from fl.replay.ledger_view import LedgerView
    from scripts.wiring.roles import open_ledger

    ledger = open_ledger(home, home.member(name))
    ledger.append(ReplacementVoted(ledger.account, number))
    federation = LedgerView(ledger).refresh()
    click.echo(_state_of(federation, federation.succession.replacements[number - 1]))


@replace.command()
@chain_options
@number_option
@guarded
def veto(home: Home, number: int) -> None:
    """Stop a replacement, as the operator in office."""
    from scripts.wiring.roles import open_ledger, operator_of

    ledger = open_ledger(home, operator_of(home))
    ledger.append(ReplacementVetoed(ledger.account, number))
    click.echo(f"Replacement {number} is stopped.")


def pending(federation: Federation) -> Iterator[str]:
    """Yield a line for each account that can become the operator."""
    succession = federation.succession
    if succession.proposed != NO_ADDRESS:
        yield f"The operator proposed {show(succession.proposed)} as its successor."
    for replacement in succession.replacements:
        if succession.is_open(replacement):
            yield _state_of(federation, replacement)


def _state_of(federation: Federation, replacement: Replacement) -> str:
    from fl.protocol.keys.succession import electorate

    succession, book = federation.succession, federation.book
    votes, voters = succession.votes(replacement.number, book), len(electorate(book))
    line = (
        f"Replacement {replacement.number} of the operator by {show(replacement.candidate)}: {votes} of {voters} votes"
    )
    if not succession.has_majority(replacement.number, book):
        return f"{line}; more than half are needed."
    until = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(succession.deadline(replacement)))
    return f"{line}. It can take office after {until}. Until it does, the operator can veto."
