"""The coordinator of checked rounds: it waits for answers and verdicts, and leaves out whom auditors name.

Invariant: it only reads what auditors stated; it cannot judge an update itself.

Source: PROTOCOL.md 5C.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from fl.protocol.errors import CheckUnusable
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Role
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase, Round
from fl.replay.check_verdicts import blame, bound_after, check_usable, checked, cleared, judged, left_out, verdicts
from fl.replay.ledger_view import Ports
from fl.replay.round_work import words_of
from fl.roles.coordinator.groups import NextRound
from fl.roles.coordinator.plan import Initial, Plan, WidePlan
from fl.training.aggregation.work import SumSpec

WIDE = "so many hospitals make the rounds wide; start with a larger --wide-above"


def check_plan(plan: Plan, initial: Initial) -> None:
    """Check before anything is opened that the rounds of a plan can be checked, if it says so.

    Raises:
        CheckUnusable: they cannot.
    """
    if plan.config.check is None:
        return
    if plan.wide is not None and plan.min_hospitals > plan.wide.above:
        raise CheckUnusable(WIDE)
    weights = words_of(plan.config, initial.manifest)
    check_usable(plan.config, plan.protection, weights, plan.config.check.auditors)
    if plan.attestations < plan.config.check.auditors:
        raise CheckUnusable("fewer auditors attest a model than check its updates; ask for more --attestations")


class Checks:
    """What follows from the check of updates for who opens rounds."""

    def __init__(self, ports: Ports, abort: Callable[[Round, str], bool]) -> None:
        self._ports, self._abort = ports, abort

    def fit(self, federation: Federation, following: NextRound, wide: WidePlan | None, weights: int) -> RoundConfig:
        """Return the configuration of the next round: its C follows from the last checked one; lanes are not checked.

        `wide`: when a masked round becomes a wide one; `weights`: d of the terms.

        Raises:
            CheckUnusable: the round cannot be checked.
        """
        config = following.config
        if config.check is None:
            return config
        if SumSpec.from_dict(config.training) is not None:
            return replace(config, check=None)
        auditors = [each for each in federation.book.having(Role.AUDITOR) if each.key is not None]
        if wide is not None and len(following.roster) > wide.above:
            raise CheckUnusable(WIDE)
        check_usable(config, following.protection, weights, len(auditors))
        return replace(config, l2_bound=bound_after(federation, config, self._ports.vault))

    def excluded(self, federation: Federation, config: RoundConfig) -> Mapping[Address, str]:
        """Return who must not be in the next round, and why, if the plan checks updates."""
        return left_out(federation, self._ports.vault) if config.check is not None else {}

    def waits_for_verdicts(self, federation: Federation) -> bool:
        """Return whether auditors may still say why the newest round failed, so that the next one knows whom to leave.

        They have two step timeouts: in the first they wait for files and openings themselves.
        """
        current = federation.rounds[-1] if federation.rounds else None
        if current is None or current.phase != Phase.ABORTED or not judged(current):
            return False
        check = checked(current, self._ports.vault)
        if check is None or self._ports.now() > current.phase_since + 2 * current.terms.step_timeout:
            return False
        return len(verdicts(federation, current, self._ports.vault)) < check.auditors

    def waits_for_answers(self, current: Round) -> bool:
        """Return whether a checked round waits for all answers, not only for as many as uncover its sum."""
        late = self._ports.now() > current.step_deadline
        return not late and set(current.revealed) < set(current.hospitals) and self._is_checked(current)

    def judge(self, federation: Federation, current: Round) -> bool | None:
        """Abort a proposal if an auditor found something; return None if it may become final, False to wait."""
        check = checked(current, self._ports.vault)
        if check is None:
            return None
        found = verdicts(federation, current, self._ports.vault)
        why = blame(found, federation.book)
        if why:
            return self._abort(current, f"UpdatesSuspect: {why}")
        return None if cleared(check, found) else False

    def _is_checked(self, current: Round) -> bool:
        return checked(current, self._ports.vault) is not None
