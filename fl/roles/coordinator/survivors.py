"""The coordinator freezes the survivor set: hospitals whose files are in the vault and break no visible rule.

Invariant: only what the ledger names decides about a file. A hospital whose file is missing counts as dropped out,
without blame; it may still deliver before the commit deadline. Every valid file joins the running sum at once.

Source: PROTOCOL.md 5, phase 4, and 5S, step 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fl.crypto.envelope_form import Expected
from fl.events import Event
from fl.failures import ROUND_ONLY, refusal_of
from fl.protocol.errors import DeadlineNotPassed, SharesMissing, UpdateUnusable, VaultMissing
from fl.protocol.federation import Federation
from fl.protocol.names import NO_DIGEST, Address, Suite
from fl.protocol.ports import Mark
from fl.protocol.records import RoundFrozen
from fl.protocol.rounds.mask_graph import check_set
from fl.protocol.rounds.round import Round
from fl.replay.expected_files import expected_masked, expected_update, update_files
from fl.replay.ledger_view import Ports
from fl.replay.long_keys import masked_readers
from fl.replay.round_documents import read_config
from fl.replay.round_sum import RoundSum
from fl.replay.vault_files import Presence
from fl.roles.coordinator.drop_outs import named, short_cluster, without


@dataclass
class _Judged:
    context: bytes
    """Of the round."""
    verdicts: dict[Address, UpdateUnusable | None] = field(default_factory=dict)
    """By hospital whose file came: why its file cannot be used, or None when it can."""
    parts: dict[Address, tuple[Expected, ...]] = field(default_factory=dict)
    """The parts of a file in parts, which must stay in the vault, too."""


class Freezing:
    """Judges the files of the newest round as they come, then freezes its set."""

    def __init__(self, ports: Ports, sums: RoundSum, abort: Callable[[Round, str], bool]) -> None:
        self._ports = ports
        self._sums = sums
        self._abort = abort
        self._presence = Presence(ports.vault)
        self._judged = _Judged(b"")

    def step(self, federation: Federation, current: Round) -> bool:
        """Freeze when all files are there, or at the deadline; abort then if too few hospitals delivered."""
        late = self._ports.now() > current.terms.commit_deadline
        verdicts = self._judge(federation, current)
        if len(verdicts) < len(current.committers) and not late:
            return False
        survivors = tuple(account for account, error in verdicts.items() if error is None)
        absent = [account for account in current.committers if account not in verdicts]
        refused = [refusal_of(error, federation.book) for error in verdicts.values() if error is not None]
        if len(survivors) < current.terms.min_commitments:
            reason = f"BelowThreshold: {len(survivors)} of {current.terms.min_commitments} hospitals delivered"
            reason += without(federation.book, absent)
            return self._abort(current, "; ".join([reason, *refused]))
        if short := short_cluster(current, survivors):
            reason = f"BelowThreshold: {short}{without(federation.book, absent)}"
            return self._abort(current, "; ".join([reason, *refused]))
        try:
            check_set(current, survivors)
        except SharesMissing as error:
            return self._abort(current, f"{error.name}: {error}")
        try:
            self._ports.append(RoundFrozen(self._ports.ledger.account, current.number, survivors, NO_DIGEST))
        except DeadlineNotPassed:  # the chain's clock decides, and it is behind ours
            return False
        for reason in refused:
            self._ports.notify(Event.HOSPITAL_LEFT_OUT, {"round": current.number, "reason": reason})
        facts = {"hospitals": len(survivors), "missing": named(federation.book, absent)}
        self._ports.notify(Event.SET_FROZEN, {"round": current.number, **facts})
        return True

    def _judge(self, federation: Federation, current: Round) -> dict[Address, UpdateUnusable | None]:
        """Judge new files; return the verdicts on all files that are in the vault now, ascending by account."""
        if self._judged.context != current.context:
            self._judged = _Judged(current.context)
        verdicts = self._judged.verdicts
        for hospital in current.commitments:
            if hospital not in verdicts:
                self._judge_one(federation, current, hospital)
        return {account: verdicts[account] for account in sorted(verdicts) if self._is_there(current, account)}

    def _judge_one(self, federation: Federation, current: Round, hospital: Address) -> None:
        """Add a hospital's file to the sum, or note why it cannot be used; do nothing while it is missing."""
        digest = current.commitments[hospital]
        mark = self._ports.vault.mark(digest)
        if mark is None:
            return
        read_config(current, self._ports.vault)  # if this file is missing, no hospital is to blame
        recipients = masked_readers(federation, current, self._ports.vault) if current.masked else ()
        try:
            marks = self._part_marks(current, hospital)
            self._sums.add(current, hospital, recipients)
        except VaultMissing:
            return
        except UpdateUnusable as error:
            self._judged.verdicts[hospital] = error
        else:
            self._judged.verdicts[hospital] = None
            self._judged.parts[hospital] = tuple(part for part, _ in marks)
            for part, seen in marks:
                self._presence.remember(part.digest, seen)
        self._presence.remember(digest, mark)

    def _part_marks(self, current: Round, hospital: Address) -> list[tuple[Expected, Mark | None]]:
        """Return the parts of a file with their marks; none if their list is wrong, of which the sum says why."""
        try:
            parts = [part.expected for part in update_files(current, hospital, self._ports.vault)]
        except ROUND_ONLY:
            return []
        return [(each, self._ports.vault.mark(each.digest)) for each in parts if len(parts) > 1]

    def _is_there(self, current: Round, hospital: Address) -> bool:
        expected_file = expected_masked if current.masked else expected_update
        expected = expected_file(current, hospital, Suite.HYBRID)  # only its digest, and the larger cap
        files = (expected, *self._judged.parts.get(hospital, ()))
        return all(self._presence.holds(each.digest, each.cap) for each in files)
