"""Connects an agent to Flower's calls, if it has a socket for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from fl.events import Notify
from fl.protocol.names import Role

if TYPE_CHECKING:
    from fl.roles.runner import Agent
    from fl.transport.flower.desk import CalledAgent, Desk
    from scripts.wiring.home import MemberHome

A = TypeVar("A", bound="Agent")
socket_option = click.option(
    "--flower-socket",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Begin a round only when Flower calls through this socket (docs/flower.md). Default: no Flower.",
)


@dataclass(frozen=True)
class Calls:
    """What an agent needs so that it can be called; without a socket, nothing changes."""

    desk: Desk | None

    def noting(self, notify: Notify) -> Notify:
        return notify if self.desk is None else self.desk.noting(notify)

    def held(self) -> str:
        """Return why the coordinator may open no round now; "" if it may."""
        return "" if self.desk is None else self.desk.held()

    def agent(self, inner: A, done: Callable[[], bool] = lambda: False) -> A | CalledAgent:
        """Return the agent that runs in place of `inner`."""
        if self.desk is None:
            return inner
        from fl.transport.flower.desk import CalledAgent

        return CalledAgent(inner, self.desk, done)


@contextmanager
def calls_for(member: MemberHome, role: Role, path: Path | None) -> Iterator[Calls]:
    """Take calls for a member's agent through the socket at `path`; None: no calls.

    Raises:
        SettingInvalid: no socket can be there.
    """
    if path is None:
        yield Calls(None)
        return
    from chain.transactions import keystore
    from fl.transport.flower.call_socket import CallSocket
    from fl.transport.flower.desk import Desk, Who

    account = keystore.claimed_address(member.account_file)
    desk = Desk(Who(member.name, role, account, _version()))
    with CallSocket(path.absolute(), desk.answer):
        yield Calls(desk)


def _version() -> str:
    try:
        return version("hemaledger")
    except PackageNotFoundError:
        return "unknown"
