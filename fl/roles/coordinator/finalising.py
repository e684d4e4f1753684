"""Makes a model final after enough attestations, or aborts its round at the deadline.

Invariant: an alarm of an auditor stops the coordinator before the model is final, unless the plan says otherwise.

Source: PROTOCOL.md 5S.
"""

from __future__ import annotations

from collections.abc import Callable

from fl.audit.reports import alarms_of
from fl.events import Event
from fl.protocol.errors import AccuracyAlarm, RevokedMidRound
from fl.protocol.federation import Federation
from fl.protocol.names import NO_DIGEST, Role
from fl.protocol.records import RoundFinalised
from fl.protocol.rounds.round import Round
from fl.replay.ledger_view import LedgerView, Ports
from fl.roles.coordinator.plan import Plan


class Finalising:
    """Makes the models of one coordinator's rounds final."""

    def __init__(
        self,
        ports: Ports,
        plan: Plan,
        view: LedgerView,
        abort: Callable[[Round, str], bool],
        final: Callable[[Federation], object],
    ) -> None:
        """Call `final` with the ledger as soon as a round is final."""
        self._ports = ports
        self._plan = plan
        self._account = ports.ledger.account
        self._view = view
        self._abort = abort
        self._final = final

    def step(self, current: Round, *, cleared: bool) -> bool:
        """Finalise after enough attestations; abort at the deadline, or when a hospital was revoked.

        `cleared`: whether auditors found every update in order, where these are checked.
        """
        book = self._view.federation.book
        audited = sum(book.members[account].role == Role.AUDITOR for account in current.attestations)
        if cleared and audited >= self._plan.attestations and len(current.attestations) >= current.terms.attestations:
            self._check_alarms(current)
            try:
                model = current.proposal.model_digest if current.proposal else NO_DIGEST
                self._ports.append(RoundFinalised(self._account, current.number, model))
            except RevokedMidRound as error:
                return self._abort(current, f"{error.name}: a hospital was revoked during the round")
            self._ports.notify(Event.ROUND_FINAL, {"round": current.number})
            self._final(self._view.refresh())
            return True
        if self._ports.now() > current.terms.close_deadline:
            return self._abort(current, "RoundStalled: too few attestations in time")
        return False

    def _check_alarms(self, current: Round) -> None:
        """Report the alarms of auditors.

        Raises:
            AccuracyAlarm: the model is far worse than chance, and the plan does not say to continue.
        """
        for auditor, reason in alarms_of(current, self._ports.vault).items():
            name = self._view.federation.book.name_of(auditor)
            self._ports.notify(Event.ALARM, {"round": current.number, "auditor": name, "reason": reason})
            if not self._plan.despite_alarm:
                raise AccuracyAlarm(current.number, reason)
