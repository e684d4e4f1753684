"""Why the next round, or a ledger's opening, must wait: each reason is reported once.

Invariant: a reason is on the ledger or in the vault, or a person gave it; nothing is remembered here.

Source: PROTOCOL.md 5S.
"""

from __future__ import annotations

from collections.abc import Callable

from fl.events import Event
from fl.protocol.errors import HashMismatch, LongKeyMissing, MalformedError
from fl.protocol.federation import Federation
from fl.protocol.names import Suite
from fl.protocol.rounds.round import Round
from fl.replay.ledger_view import Ports
from fl.replay.long_keys import lacking_long_keys, names_of
from fl.replay.round_documents import read_manifest
from fl.roles.coordinator.checks import Checks
from fl.roles.coordinator.pauses import Pauses
from fl.roles.coordinator.plan import Plan
from fl.roles.coordinator.returns import Returns
from fl.roles.requester.model_release import ReleaseDesk
from fl.training.model.weights import Manifest


class Waits:
    """The reasons of one coordinator."""

    def __init__(
        self,
        ports: Ports,
        plan: Plan,
        pauses: Pauses,
        desk: ReleaseDesk,
        returns: Returns,
        checks: Checks,
        held: Callable[[], str] = str,
    ) -> None:
        """Wait for what the other parts of the coordinator wait for; `held` as for the coordinator itself."""
        self._ports = ports
        self._plan = plan
        self._pauses = pauses
        self._desk = desk
        self._returns = returns
        self._checks = checks
        self.report = pauses.alarm
        self._held = held

    def before_round(self, federation: Federation) -> bool:
        """Return whether the next round has to wait; report why."""
        waits = (
            self._returns.hold,
            self._lacks_long_keys,
            self._held_back,
            self._held_by_a_person,
            self._pauses.hold,
            self._checks.waits_for_verdicts,
        )
        return any(wait(federation) for wait in waits)

    def _lacks_long_keys(self, federation: Federation) -> bool:
        return self._plan.config.suite == Suite.HYBRID and self.for_long_keys(federation)

    def for_long_keys(self, federation: Federation) -> bool:
        """Return whether somebody lacks a long key; report who."""
        lacking = lacking_long_keys(federation, self._ports.vault)
        if lacking:
            reason = f"this coordinator waits: {LongKeyMissing(names_of(federation, lacking))}"
            self.report(federation, reason, Event.WAITING)
        return bool(lacking)

    def _held_by_a_person(self, federation: Federation) -> bool:
        """Return whether a person holds the next round back; report it."""
        reason = self._held()
        if reason:
            self.report(federation, f"the next round is held back: {reason}")
        return bool(reason)

    def _held_back(self, federation: Federation) -> bool:
        """Return whether a round must wait for the release of its model, or for a committee that holds its key."""
        if self._plan.config.release and not self._desk.can_hold(federation):
            return True
        source = federation.source
        return isinstance(source, Round) and self._desk.waits(federation, source)

    def manifest(self, federation: Federation) -> Manifest | None:
        """Return the manifest of the federation's model; None, reported once, if nobody can use it."""
        try:
            return read_manifest(federation.opening, self._ports.vault)
        except (MalformedError, HashMismatch) as error:
            reason = f"no round can begin, because the description of the federation's model cannot be used: {error}"
            self.report(federation, reason)
            return None
