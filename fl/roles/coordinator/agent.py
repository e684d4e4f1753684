"""The coordinator: opens rounds, sums updates, proposes models, and aborts rounds that cannot succeed.

Invariant: only the ledger's state decides what it does, so it can be killed at any moment and restarted elsewhere.

Source: PROTOCOL.md 5S.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from fl.events import Event
from fl.failures import FATAL, MISSED_DEADLINE, ROUND_ONLY
from fl.protocol.errors import AccuracyAlarm, DeadlineNotPassed, GrantUnusable, VaultMissing, WrongPhase, WrongRound
from fl.protocol.federation import Federation
from fl.protocol.records import RoundAborted
from fl.protocol.rounds.round import Phase, Round
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import LedgerView, Ports, grants_of
from fl.replay.round_sum import RoundSum
from fl.roles.coordinator.checks import Checks
from fl.roles.coordinator.declines import Declines
from fl.roles.coordinator.finalising import Finalising
from fl.roles.coordinator.ledger_opening import LedgerOpener
from fl.roles.coordinator.masked_rounds import SetUp
from fl.roles.coordinator.pauses import Pauses
from fl.roles.coordinator.plan import Initial, Plan
from fl.roles.coordinator.proposing import Proposing
from fl.roles.coordinator.returns import Returns
from fl.roles.coordinator.round_opening import RoundOpener
from fl.roles.coordinator.survivors import Freezing
from fl.roles.coordinator.waits import Waits
from fl.roles.coordinator.wide_rounds import WideSteps
from fl.roles.granting import Granting
from fl.roles.requester.agent import Requester
from fl.roles.requester.model_release import ReleaseDesk, Releases


class Coordinator:
    """The coordinator's agent."""

    def __init__(self, ports: Ports, plan: Plan, initial: Initial, held: Callable[[], str] = str) -> None:
        """Work for `plan`; `held` returns why no further round may open now, "" if one may."""
        self.view = LedgerView(ports.ledger)
        self._ports = ports
        self._account = ports.ledger.account
        release = Releases(self.view, Requester(ports.ledger, ports.vault, ports.keyring))
        grants = partial(grants_of, self.view)
        self._reader = FileReader(self._account, ports.vault, ports.keyring, release, grants)
        self._granting = Granting(ports, self._reader)
        self._sums = RoundSum(self._reader, ports.vault)
        self._declines = Declines(ports, self._abort)
        self._checks = Checks(ports, self._abort)
        self._freezing = Freezing(ports, self._sums, self._abort)
        self._set_up = SetUp(ports, self._abort)
        self._wide = WideSteps(ports, self._abort)
        self._desk = ReleaseDesk(ports, plan.close_timeout_s)
        self._pauses = Pauses(ports)
        returns = Returns(ports, self._pauses)
        waits = Waits(ports, plan, self._pauses, self._desk, returns, self._checks, held)
        self._ledgers = LedgerOpener(ports, plan, initial, self._reader, waits)
        self._rounds = RoundOpener(ports, plan, initial, self._reader, self._checks, returns, waits)
        self._proposing = Proposing(ports, self._reader, self._sums, self._checks, self._abort)
        self._finalising = Finalising(ports, plan, self.view, self._abort, self._release)

    @property
    def done(self) -> bool:
        """Return whether the plan's rounds are final, and those that close it."""
        return self._rounds.done(self.view.federation)

    def step(self) -> bool:
        federation = self.view.current()
        try:
            return self._act(federation)
        except GrantUnusable as error:  # the hospitals grant again
            self._pauses.alarm(federation, f"this coordinator waits for another grant of the current model: {error}")
            return False

    def _act(self, federation: Federation) -> bool:
        current = federation.active_round
        if not federation.openings:
            return self._ledgers.first(federation)
        if federation.successor == self._ports.ledger.anchor.contract:
            return self._ledgers.succeed(federation)
        if current is None:
            granted = self._granting.step(federation)
            return granted or self._release(federation) or (not self.done and self._rounds.step(federation))
        return self._continue(federation, current)

    def finish(self) -> None:
        pass  # everything that counts is on the ledger

    def _continue(self, federation: Federation, current: Round) -> bool:
        """Go on with a round; after its close deadline, abort it on any error."""
        if current.opener != self._account:
            return self._abort_foreign(current)
        try:
            return self._go_on(federation, current)
        except (WrongPhase, WrongRound):  # somebody else ended the round after its close deadline
            return False
        except (AccuracyAlarm, *FATAL):
            raise
        except (VaultMissing, *ROUND_ONLY) as error:
            if self._ports.now() <= current.terms.close_deadline:
                raise
            return self._abort(current, f"{error.name}: the round could not go on in time")

    def _abort_foreign(self, current: Round) -> bool:
        """Abort a round that a former coordinator opened: nobody can finish it."""
        try:
            return self._abort(current, "RoundStalled: the coordinator that opened this round was replaced")
        except (DeadlineNotPassed, *MISSED_DEADLINE):  # an earlier ledger's close deadline; or somebody else aborted it
            return False

    def _go_on(self, federation: Federation, current: Round) -> bool:
        recorded, current = current, self._wide.gathered(federation, current)
        if self._declines.step(federation, current):
            return True
        if (acted := self._wide.step(federation, recorded, current)) is not None:
            return acted or self._sums.step(recorded)
        match current.phase:
            case Phase.OPEN | Phase.MASK:
                return self._freezing.step(federation, current)
            case Phase.FROZEN | Phase.UNMASK:
                return self._proposing.step(federation, current)
            case Phase.ADVERTISE | Phase.SHARE | Phase.COMPLAIN | Phase.AGREE:
                return self._set_up.step(federation, current) or self._sums.step(current)
            case _:
                verdict = self._checks.judge(federation, current)
                return self._finalising.step(current, cleared=verdict is None) if not verdict else True

    def _release(self, federation: Federation) -> bool:
        """Ask the trustees to release the current model if its round's configuration holds it back."""
        source = federation.source
        return isinstance(source, Round) and self._desk.step(federation, source)

    def _abort(self, current: Round, reason: str) -> bool:
        """End a round without a new model."""
        self._ports.append(RoundAborted(self._account, current.number, reason))
        self._ports.notify(Event.ROUND_ABORTED, {"round": current.number, "reason": reason})
        return True
