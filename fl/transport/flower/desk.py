"""Where Flower's calls wait for an agent, and where the answers come from: the folded ledger and the agent's events.

Invariant: a call only lets the agent begin a round. What the agent then does is decided by the ledger, as without
Flower. An answer has only what the ledger shows everybody, and reasons of a closed list of events: no file names, no
number of images, no loss of one hospital.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Condition

from fl.events import Event, Notify
from fl.protocol.codec import JsonValue
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Role, show
from fl.protocol.rounds.round import Phase, Round
from fl.replay.ledger_view import LedgerView
from fl.roles.runner import Agent

REASONS = (Event.ROUND_REFUSED, Event.TOO_LATE, Event.MISSING_IN_SET, Event.UPDATE_WITHHELD, Event.UPDATE_SPENT)
"""The events whose reasons a hospital says through Flower."""
TROUBLES = (Event.TRAINING_FAILED, Event.UPLOAD_AWAITED, Event.UPLOAD_REFUSED, Event.WAITING)
"""The events that a hospital names through Flower without their reasons, which name files and addresses."""
FIGURES = ("training_accuracy", "training_loss", "samples", "lanes", "rows")
"""What the coordinator's log says about a round's sum: of all hospitals together."""
UNCALLED = "it waits for `flwr run`"
STATES = {Phase.FINAL: "final", Phase.ABORTED: "aborted"}


@dataclass(frozen=True)
class Who:
    """Whose agent it is."""

    name: str
    role: Role
    account: Address
    version: str


@dataclass
class Desk:
    """What the agent's thread and the socket's threads share."""

    who: Who
    now: Callable[[], float] = time.time
    """Gives seconds since 1970."""
    _news: Condition = field(default_factory=Condition)
    _federation: Federation | None = None
    _called: int = 0
    """The newest round that Flower called for."""
    _done: bool = False
    _waits: str = ""
    """Why the coordinator opens no round, as it said last."""
    _reason: tuple[int, str] = (0, "")
    """A round, and why this member is not in it, or what holds it up."""
    _figures: tuple[int, Mapping[str, JsonValue]] = (0, {})

    def call(self, number: int) -> None:
        """Let the agent begin rounds up to this one."""
        with self._news:
            self._called = max(self._called, number)
            self._news.notify_all()

    def _call_next(self) -> None:
        """Let the coordinator open one round, unless one runs."""
        with self._news:
            if not self._running():
                self.call(self._next())

    def is_called(self, number: int) -> bool:
        with self._news:
            return number <= self._called

    def held(self) -> str:
        """Return why the coordinator may open no round now; "" if Flower called for one."""
        with self._news:
            return "" if self._called >= self._next() else UNCALLED

    def see(self, federation: Federation, *, done: bool = False) -> None:
        """Note what the agent has read."""
        with self._news:
            if federation is not self._federation or done != self._done:
                self._federation, self._done = federation, done
                self._news.notify_all()

    def noting(self, notify: Notify) -> Notify:
        """Return a notifier that also keeps what answers need."""

        def note(what: Event, facts: Mapping[str, object]) -> None:
            uncalled = what == Event.ALARM and str(facts.get("reason", "")).endswith(UNCALLED)
            if not uncalled:
                with self._news:
                    self._keep(what, facts)
            notify(Event.WAITING if uncalled else what, facts)

        return note

    def answer(self, what: str, number: int, seconds: float) -> dict[str, JsonValue]:
        """Answer one question, after at most `seconds`.

        Args:
            what: `open` calls for the coordinator's next round and waits until one runs; `join` calls for a round and
                waits until it ends; `follow` only waits; anything else does not wait.
            number: The round.
            seconds: How long to wait.
        """
        if what == "open":
            self._wait(lambda: self._federation is not None, seconds)
            self._call_next()
            self._wait(lambda: self._running() > 0 or self._done, seconds)
            return {**self._basic(), "round": self._running(), "reason": self._waits}
        if what == "join":
            self.call(number)
        if what in ("join", "follow"):
            self._wait(lambda: self._ended(number), seconds)
        return {**self._basic(), **self._round(number)}

    def _keep(self, what: Event, facts: Mapping[str, object]) -> None:
        number, reason = facts.get("round"), str(facts.get("reason", ""))
        number = number if isinstance(number, int) else self._running()
        if what == Event.MODEL_PROPOSED:
            figures = {name: value for name in FIGURES if isinstance(value := facts.get(name), int | float)}
            self._figures = number, dict(figures)
        elif what == Event.ROUND_OPENED:
            self._waits = ""
        elif what == Event.ALARM:
            self._waits = reason
        elif what in REASONS:
            self._reason = number, f"{what}: {reason}" if reason else str(what)
        elif what in TROUBLES:
            self._reason = number, str(what)

    def _wait(self, true: Callable[[], bool], seconds: float) -> None:
        with self._news:
            self._news.wait_for(true, seconds)

    def _next(self) -> int:
        return (self._federation.last_round if self._federation else 0) + 1

    def _running(self) -> int:
        current = self._federation.active_round if self._federation else None
        return current.number if current else 0

    def _ended(self, number: int) -> bool:
        current = self._found(number)
        return current is not None and current.ended

    def _found(self, number: int) -> Round | None:
        rounds = self._federation.rounds if self._federation else ()
        return next((each for each in reversed(rounds) if each.number == number), None)

    def _basic(self) -> dict[str, JsonValue]:
        who = self.who
        return {
            "name": who.name,
            "role": who.role.name.lower(),
            "account": show(who.account),
            "version": who.version,
            "last_round": self._federation.last_round if self._federation else 0,
            "done": self._done,
        }

    def _round(self, number: int) -> dict[str, JsonValue]:
        """Return what the ledger says about a round."""
        current = self._found(number)
        if current is None or self._federation is None:
            return {"round": number, "state": "waiting", "reason": "the round is not on the ledger yet"}
        book = self._federation.book
        gone = sorted(book.name_of(each) for each in set(current.roster) - set(current.hospitals))
        mine = self._reason[1] if self._reason[0] == number else ""
        state = STATES.get(current.phase, "open")
        if self.who.role == Role.HOSPITAL and self.who.account not in current.roster:
            state, mine = "none", "this hospital is not in the round's roster"
        if self.who.role == Role.COORDINATOR and current.phase == Phase.ABORTED:
            mine = current.reason
        return {
            "round": number,
            "state": state,
            "phase": current.phase.name.lower(),
            "masked": current.masked,
            "roster": len(current.roster),
            "hospitals": len(current.hospitals),
            "took_part": self.who.account in current.hospitals,
            "left_out": ", ".join(gone) if state == "final" else "",
            "reason": mine,
            "model": current.proposal.model_digest.hex() if current.proposal and state == "final" else "",
            "figures": dict(self._figures[1]) if self._figures[0] == number else {},
        }


@dataclass(frozen=True)
class CalledAgent:
    """A hospital's agent that begins a round only when it was called for it, or a coordinator's (see `Desk.held`).

    Between rounds it works as always, and a round in which it acted goes on without another call: others wait for it.
    """

    inner: Agent
    desk: Desk
    is_done: Callable[[], bool] = lambda: False

    @property
    def done(self) -> bool:
        """Return whether the agent may stop."""
        return self.is_done()

    @property
    def view(self) -> LedgerView:
        return self.inner.view

    def step(self) -> bool:
        """Do the next thing, unless it would begin a round without a call."""
        federation = self.view.look()
        self.desk.see(federation, done=self.done)
        if self._must_wait(federation):
            return False
        acted = self.inner.step()
        self.desk.see(self.view.federation, done=self.done)
        return acted

    def finish(self) -> None:
        self.inner.finish()

    def _must_wait(self, federation: Federation) -> bool:
        current = federation.active_round
        if current is None or self.desk.who.role != Role.HOSPITAL or self.desk.who.account not in current.roster:
            return False
        if self.desk.now() > current.terms.close_deadline:
            return False  # nobody can begin it now, but anybody may end it
        return not self.desk.is_called(current.number) and not _acted(current, self.desk.who.account)


def _acted(current: Round, account: Address) -> bool:
    """Return whether a hospital has put a record into a round."""
    return account in current.advertised or account in current.commitments
