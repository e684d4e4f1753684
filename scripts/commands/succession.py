"""`hemaledger consortium prepare`, `transfer`, `accept` and `replace`: how another account becomes the operator."""

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

account_option = click.option("--account", required=True, help="The account that is to become the operator.")
number_option = click.option("--number", type=click.IntRange(1), required=True, help="The number of the replacement.")


@click.command()
@home_option
@name_option(OPERATOR)
@guarded
def prepare(home: Path, name: str) -> None:
    """Create an account that is to become the operator, and print it. Nothing is put on the ledger."""
    from scripts.wiring.home import Home
    from scripts.wiring.roles import create_member

    click.echo(f"Account of {name}: {show(create_member(Home(home), name, Role.OPERATOR))}")


@click.command()
@chain_options
@click.option("--account", help="The account that is to become the operator; without it, take a proposal back.")
@guarded
def transfer(home: Home, account: str | None) -> None:
    """Propose another account as operator. You stay the operator until that account accepts."""
    from chain.transactions.addresses import parse_address
    from scripts.wiring.roles import open_ledger, operator_of

    heir = parse_address(account, "account") if account else NO_ADDRESS
    ledger = open_ledger(home, operator_of(home))
    ledger.append(OperatorProposed(ledger.account, heir))
    if account:
        click.echo(f"{account} is proposed. It becomes the operator with `hemaledger consortium accept`.")
    else:
        click.echo("No account is proposed any more.")


@click.command()
@chain_options
@name_option(OPERATOR)
@click.option("--replacement", type=click.IntRange(0), default=0, help="The number of the members' replacement.")
@guarded
def accept(home: Home, name: str, replacement: int) -> None:
    """Become the operator: as the operator in office proposed, or as the members voted. The one before is revoked."""
    from fl.replay.ledger_view import LedgerView
    from scripts.wiring.roles import open_ledger

    ledger = open_ledger(home, home.member(name).as_a(Role.OPERATOR))
    former = LedgerView(ledger).refresh().book.operator
    ledger.append(OperatorChanged(ledger.account, replacement, former))
    click.echo(f"{show(ledger.account)} is the operator now; {show(former)} is revoked.")


@click.group()
def replace() -> None:
    """Members: replace a lost operator. More than half of hospitals, auditors and trustees must vote for it."""


@replace.command()
@chain_options
@name_option()
@account_option
@guarded
def propose(home: Home, name: str, account: str) -> None:
    """Propose, as member NAME, an account that is to become the operator."""
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
    """Vote, as member NAME, for a replacement. You have one vote, and may move it."""
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
    """Stop a replacement, as the operator."""
    from scripts.wiring.roles import open_ledger, operator_of

    ledger = open_ledger(home, operator_of(home))
    ledger.append(ReplacementVetoed(ledger.account, number))
    click.echo(f"Replacement {number} is stopped.")


def pending(federation: Federation) -> Iterator[str]:
    """Yield a line for each account that may become the operator."""
    succession = federation.succession
    if succession.proposed != NO_ADDRESS:
        yield f"The operator proposed {show(succession.proposed)} as its successor."
    for found in succession.replacements:
        if succession.is_open(found):
            yield _state_of(federation, found)


def _state_of(federation: Federation, found: Replacement) -> str:
    from fl.protocol.keys.succession import electorate

    succession, book = federation.succession, federation.book
    votes, voters = succession.votes(found.number, book), len(electorate(book))
    line = f"Replacement {found.number} of the operator by {show(found.candidate)}: {votes} of {voters} votes"
    if not succession.has_majority(found.number, book):
        return f"{line}; more than half are needed."
    until = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(succession.deadline(found)))
    return f"{line}. It may take office after {until}; until it does, the operator may veto."
