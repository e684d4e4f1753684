"""The coordinator freezes a set: those whose files are in the vault and break no rule that it can see.

Invariant: a file is judged by what the ledger names alone. Whose right file is not there is left out like one who
delivered nothing, blamed for nothing, and may still deliver before the commit deadline.

Source: PROTOCOL.md 5, phase 4, and 5S, step 3.
Not here: the sum (round_sum.py), to which every file that is judged right is added at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fl.events import Event
from fl.failures import refusal_of
from fl.protocol.errors import DeadlineNotPassed, UpdateUnusable, VaultMissing
from fl.protocol.federation import Federation
from fl.protocol.names import NO_DIGEST, Address
from fl.protocol.records import RoundFrozen
from fl.protocol.rounds.round import Round
from fl.replay.expected_files import expected_masked, expected_update, masked_recipients, read_config
from fl.replay.ledger_view import Ports
from fl.replay.round_sum import RoundSum
from fl.replay.vault_files import Presence


@dataclass
class _Judged:
    context: bytes
    """Of the round."""
    verdicts: dict[Address, UpdateUnusable | None] = field(default_factory=dict)
    """Why a hospital's file cannot be used, None when it can; of those whose files were there once."""


class Freezing:
    """Judges the files of the newest round as they come, and freezes its set."""

    def __init__(self, ports: Ports, sums: RoundSum, abort: Callable[[Round, str], bool]) -> None:
        self._ports = ports
        self._sums = sums
        self._abort = abort
        self._presence = Presence(ports.vault)
        self._judged = _Judged(b"")

    def step(self, federation: Federation, current: Round) -> bool:
        """Freeze when everybody's file is there, or at the deadline with those whose file is; else abort."""
        late = self._ports.now() > current.terms.commit_deadline
        verdicts = self._judge(federation, current)
        if len(verdicts) < len(current.committers) and not late:
            return False
        going = tuple(account for account, error in verdicts.items() if error is None)
        refused = [refusal_of(error, federation.book) for error in verdicts.values() if error is not None]
        if len(going) < current.terms.min_commitments:
            reason = f"BelowThreshold: {len(going)} of {current.terms.min_commitments} hospitals delivered"
            return self._abort(current, "; ".join([reason, *refused]))
        try:
            self._ports.append(RoundFrozen(self._ports.ledger.account, current.number, going, NO_DIGEST))
        except DeadlineNotPassed:  # the chain's clock is behind ours, and it counts
            return False
        for reason in refused:
            self._ports.notify(Event.HOSPITAL_LEFT_OUT, {"round": current.number, "reason": reason})
        self._ports.notify(Event.SET_FROZEN, {"round": current.number, "hospitals": len(going)})
        return True

    def _judge(self, federation: Federation, current: Round) -> dict[Address, UpdateUnusable | None]:
        """Judge the files that came, and return the verdicts on those that are there now, ascending by account."""
        if self._judged.context != current.context:
            self._judged = _Judged(current.context)
        verdicts = self._judged.verdicts
        for hospital in current.commitments:
            if hospital not in verdicts:
                self._judge_one(federation, current, hospital)
        return {account: verdicts[account] for account in sorted(verdicts) if self._is_there(current, account)}

    def _judge_one(self, federation: Federation, current: Round, hospital: Address) -> None:
        """Add a hospital's file to the sum, or keep why it cannot be used; without a file, do nothing."""
        digest = current.commitments[hospital]
        mark = self._ports.vault.mark(digest)
        if mark is None:
            return
        read_config(current, self._ports.vault)  # no hospital's fault when that is not there
        due = masked_recipients(current, federation.book) if current.masked else ()
        try:
            self._sums.add(current, hospital, due)
        except VaultMissing:
            return
        except UpdateUnusable as error:
            self._judged.verdicts[hospital] = error
        else:
            self._judged.verdicts[hospital] = None
        self._presence.remember(digest, mark)

    def _is_there(self, current: Round, hospital: Address) -> bool:
        """Return whether a hospital's file is in the vault."""
        expected = expected_masked(current, hospital) if current.masked else expected_update(current, hospital)
        return self._presence.holds(expected.digest, expected.cap)
