"""Runs one role as its own process until it is stopped."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

import click

from chain.ledger import EthereumLedger
from fl.events import Event, Notify
from fl.protocol.errors import (
    ChainReorg,
    ChainUnavailable,
    HemaledgerError,
    LedgerClosed,
    MembershipEnded,
    RevokedSender,
)
from fl.protocol.names import Role, shown
from fl.protocol.ports import Ledger
from fl.protocol.records import MemberRevoked
from fl.replay.batched_ledger import BatchedLedger
from fl.replay.ledger_view import LedgerView
from fl.roles.coordinator.clock import TimedLedger
from fl.roles.reorgs import Following, batches_of, known_to
from fl.roles.runner import Agent, Run, run
from scripts.wiring.watch.log import line_of
from scripts.wiring.watch.watching import Watching

A = TypeVar("A", bound=Agent)
T = TypeVar("T")
PATIENCE_S = 3600.0
RETRY_S = 1.0


def announce(name: str) -> Notify:
    """Return a notifier that prints one line per event, with date and time."""

    def notify(what: Event, facts: Mapping[str, object]) -> None:
        click.echo(line_of(name, what, facts, time.time()))

    return notify


def serve_agent(make: Callable[[], A], watching: Watching, done: Callable[[A], bool] = lambda _agent: False) -> None:
    """Run until SIGINT or SIGTERM, or until `done(agent)`. After a hand-over, continue with the new ledger.

    After a signal, the step that runs is finished; a training ends after the pass that runs, and its next start goes
    on from there.
    After a reorg that took back records, continue when all of them are back (fl/roles/reorgs.py).

    Args:
        make: Opens the ledger in force and returns an agent for it.
        watching: Gets the events, and says to others how the agent does.
        done: Returns whether the agent may stop.

    Raises:
        MembershipEnded: the operator ended this membership.
        HemaledgerError: what ended the agent (fl/failures.py).
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: watching.ask_to_stop())
    with watching.running():
        run_through(make, watching, done)
        if watching.seen.stopping:
            watching.notify(Event.STOPPED, {})


def run_through(make: Callable[[], A], watching: Watching, done: Callable[[A], bool]) -> None:
    """Run an agent until `watching` stops or it is done, through hand-overs and reorgs; raises as `serve_agent`."""
    notify, stop = watching.notify, watching.stop
    successor: bytes | None = b""
    following: Following | None = None
    while successor is not None:
        agent = made(make, notify, stop)
        try:
            if agent is None or (following is not None and not following.restore(agent.view.ledger)):
                return
        except ChainReorg as error:
            if following is None or error is following.error:
                raise
            notify(Event.REORG_SEEN, {"block": error.block})  # once more: read the new history from its beginning
            continue
        watching.agent = agent
        notify(Event.READY if following is None else Event.REORG_FOLLOWED, {})
        before, following = following.before if following else (), None
        how = Run(stop, notify, PATIENCE_S, partial(done, agent), watching.seen.failed, watching.seen.step_ended)
        try:
            successor = _run(agent, how)
        except ChainReorg as error:
            notify(Event.REORG_SEEN, {"block": error.block})
            known, own = known_to(agent.view, before), agent.view.ledger
            following = Following(error, known, own.account, stop.wait, lag_of(own), batches_of(own))
            continue
        if successor is not None:
            notify(Event.HANDED_OVER, {"successor": "0x" + successor.hex()})


def made(make: Callable[[], T], notify: Notify, stop: threading.Event) -> T | None:
    """Return the agent once its chain answers, or None if `stop` is set first; notify once that it waits."""
    notified = False
    while not stop.is_set():
        try:
            return make()
        except ChainUnavailable as error:
            if not notified:
                notify(Event.WAITING, {"reason": str(error)})
            notified = True
            stop.wait(RETRY_S)
    return None


def lag_of(ledger: Ledger) -> float:
    """Return the seconds that a record takes until it counts; 0 if that is not known now."""
    inner = ledger.inner if isinstance(ledger, BatchedLedger) else ledger
    inner = inner.inner if isinstance(inner, TimedLedger) else inner
    try:
        return inner.lag_s if isinstance(inner, EthereumLedger) else 0.0
    except ChainUnavailable:
        return 0.0


def _run(agent: Agent, how: Run) -> bytes | None:
    """Run an agent to its end. If its ledger is handed over, return the successor's contract, else None."""

    def successor() -> bytes | None:
        contract = agent.view.federation.successor
        return contract if contract != agent.view.ledger.anchor.contract else None

    try:
        run(agent, replace(how, done=lambda: how.done() or successor() is not None or has_left(agent.view)))
    except LedgerClosed as error:
        return error.successor
    except RevokedSender as error:
        check_membership(agent.view, error)
    if has_left(agent.view):
        check_membership(agent.view)
    return None if how.done() or how.stop.is_set() else successor()


def has_left(view: LedgerView) -> bool:
    """Return whether the account of a view was revoked. A trustee stays, because it still has to destroy keys."""
    member = view.federation.book.members.get(view.ledger.account)
    return member is not None and member.revoked and member.role != Role.TRUSTEE


def check_membership(view: LedgerView, error: HemaledgerError | None = None) -> None:
    """Raise MembershipEnded with the operator's reason if the account was revoked, else `error`."""
    account = view.ledger.account
    for entry in view.ledger.replay():
        if isinstance(entry.record, MemberRevoked) and entry.record.member == account:
            name = view.federation.book.name_of(account)
            raise MembershipEnded(name, shown(entry.record.reason).rstrip(".")) from error
    if error is not None:
        raise error
