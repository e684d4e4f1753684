"""`hemaledger consortium carry-out`: carry out an order that was prepared on the site.

An order about rounds is carried out with the coordinator's key or in its folder; any other with the operator's key.

Invariant: an order is carried out once. Before it is, its digest is left in the folder of the member who does it.
"""

from __future__ import annotations

from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fl.protocol.errors import EncodingError, OrderOutdated, OrderUsed, SettingInvalid, WrongConsortium
from fl.protocol.names import Role, shown, shown_lines
from fl.protocol.records import CeremonyAborted, MemberRevoked
from scripts.wiring.exit import INTERRUPTED, guarded
from scripts.wiring.options import KINDS, USES, chain_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.wiring.home import Home, MemberHome
    from webui.ports.orders import Order

DONE_FOLDER = "orders-done"
MAX_DAYS = 3650
MAX_THRESHOLD = 32


@click.command("carry-out")
@chain_options
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--coordinator",
    default="coordinator",
    show_default=True,
    help="Folder of the coordinator, for orders about rounds.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@guarded
def carry_out(home: Home, path: Path, *, coordinator: str, yes: bool) -> None:
    """Carry out an order that was prepared on the site's pages. Read what it says before you agree.

    The site has no key of yours: nothing of an order happens until you run this. An order about rounds needs the
    coordinator's folder, any other the operator's.
    """
    order = read_order(home, path)
    member = _who(home, order, coordinator)
    mark = mark_of(member, order)
    if mark.exists():
        raise OrderUsed
    click.echo(f"Prepared by {shown(order.made_by)} on the site.")
    click.echo(shown_lines(order.sentence))
    if not yes:
        click.confirm("Carry this out?", abort=True)
    with used_once(mark):
        click.echo(perform(home, member, order))


def mark_of(member: MemberHome, order: Order) -> Path:
    """Return the file that says that the member carried this order out."""
    return member.folder / DONE_FOLDER / sha256(order.to_bytes()).hexdigest()


@contextmanager
def used_once(mark: Path) -> Iterator[None]:
    """Mark an order as carried out; if it fails, take the mark away, so that the same order can be tried again.

    A person who stops it keeps the mark: it had begun.

    Raises:
        OrderUsed: somebody carried it out at the same time.
    """
    mark.parent.mkdir(mode=0o700, exist_ok=True)
    try:
        mark.open("x").close()
    except FileExistsError as error:
        raise OrderUsed from error
    try:
        yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        if not (isinstance(error, SystemExit) and error.code == INTERRUPTED):
            mark.unlink()
        raise


def _who(home: Home, order: Order, coordinator: str) -> MemberHome:
    """Return the folder of the member whose key an order needs."""
    from scripts.wiring.roles import operator_of
    from webui.ports.orders import OF_THE_COORDINATOR

    if order.kind in OF_THE_COORDINATOR:
        return home.member(coordinator).as_a(Role.COORDINATOR)
    return operator_of(home)


def read_order(home: Home, path: Path) -> Order:
    """Return the order in a file.

    Raises:
        EncodingError: it is not an order.
        WrongConsortium: it is for another consortium.
        OrderOutdated: it is too old, or from the future.
    """
    from scripts.wiring.clock import now
    from webui.ports.orders import ORDER_CAP, VALID_S, Order

    with path.open("rb") as file:
        order = Order.from_bytes(file.read(ORDER_CAP + 1))
    if order.consortium != home.deployment.anchor.consortium:
        raise WrongConsortium
    age = now() - order.made_at
    if not -VALID_S <= age <= VALID_S:
        raise OrderOutdated(VALID_S // 86_400)
    return order


def perform(home: Home, member: MemberHome, order: Order) -> str:
    """Carry out an order as `member`; return what happened."""
    from scripts.commands.round_orders import abort, go_on, hold, open_rounds, return_to
    from webui.ports.orders import OrderKind

    return {
        OrderKind.REGISTER: _register,
        OrderKind.REVOKE: _revoke,
        OrderKind.CEREMONY: _ceremony,
        OrderKind.ABORT_CEREMONY: _abort,
        OrderKind.OPEN_ROUNDS: open_rounds,
        OrderKind.HOLD_ROUNDS: hold,
        OrderKind.GO_ON: go_on,
        OrderKind.ABORT_ROUND: abort,
        OrderKind.GO_BACK: return_to,
    }[order.kind](home, member, order)


def _register(home: Home, member: MemberHome, order: Order) -> str:
    from chain.transactions.addresses import parse_address
    from scripts.wiring.roles import open_ledger, register_member

    facts = order.facts
    if facts["role"].upper() not in Role.__members__ or facts["role"].upper() == Role.OPERATOR.name:
        raise EncodingError("order", "its role is none that a member can have")
    ledger = open_ledger(home, member)
    register_member(ledger, parse_address(facts["account"], "account"), Role[facts["role"].upper()], facts["name"])
    return f"{facts['name']} is registered as {facts['role']}."


def _revoke(home: Home, member: MemberHome, order: Order) -> str:
    from chain.transactions.addresses import parse_address
    from scripts.wiring.roles import open_ledger

    ledger = open_ledger(home, member)
    account = parse_address(order.facts["account"], "account")
    ledger.append(MemberRevoked(ledger.account, account, order.facts["reason"]))
    return f"{order.facts['name']} is revoked."


def _ceremony(home: Home, member: MemberHome, order: Order) -> str:
    from scripts.wiring.ceremony import CeremonyPlan, start_ceremony
    from scripts.wiring.roles import open_ledger

    facts = order.facts
    if facts["use"] not in USES or facts["kind"] not in KINDS or facts["kind"] == "dealer":
        raise EncodingError("order", "its ceremony is none that a site can prepare")
    trustees = tuple(name.strip() for name in facts["trustees"].split(",") if name.strip())
    threshold = _number(facts["threshold"], 2, MAX_THRESHOLD) if facts["threshold"] else None
    days = _number(facts["days"], 1, MAX_DAYS)
    plan = CeremonyPlan(USES[facts["use"]], KINDS[facts["kind"]], trustees, threshold, days=days)
    number = start_ceremony(open_ledger(home, member), plan)
    return f"Ceremony {number} of the key for {facts['use']} has started."


def _abort(home: Home, member: MemberHome, order: Order) -> str:
    from fl.replay.ledger_view import LedgerView
    from scripts.wiring.roles import open_ledger

    use, ledger = order.facts["use"], open_ledger(home, member)
    current = LedgerView(ledger).refresh().threshold.ceremony(USES[use]) if use in USES else None
    if current is None or current.ended:
        raise SettingInvalid("use", f"no ceremony of the key for {use} is running")
    ledger.append(CeremonyAborted(ledger.account, USES[use], current.number, order.facts["reason"]))
    return f"Ceremony {current.number} is aborted."


def _number(text: str, least: int, most: int) -> int:
    if not text.isdecimal() or not least <= int(text[:6]) <= most:
        raise EncodingError("order", f"a number in it is not between {least} and {most}")
    return int(text)
