"""A hospital puts on the ledger which policy it has, and which rounds it declines.

Invariant: the digest of the policy in force is on the ledger before this hospital takes part in a round. A refusal is
journalled before it is stated, so that it is stated once also after a crash. Only the name of the broken rule is on the
ledger; the reason is in the hospital's own log.

Source: PROTOCOL.md 5 (Statements).
"""

from __future__ import annotations

from collections.abc import Callable

from fl.events import Event
from fl.failures import MISSED_DEADLINE
from fl.protocol.errors import ContractRefused, HemaledgerError, PolicyRefused
from fl.protocol.federation import Federation
from fl.protocol.names import NO_DIGEST, Digest, StatementKind
from fl.protocol.records import StatementMade
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Round
from fl.replay.ledger_view import Ports
from fl.roles.hospital.outbox import RoundOutbox, key_of
from fl.roles.hospital.site_policy import PolicyCheck


class PolicyStatements:
    """One hospital's policy, and what the ledger has of it."""

    def __init__(self, ports: Ports, promises: RoundOutbox, policy: Callable[[], bytes | None]) -> None:
        self._ports = ports
        self._promises = promises
        self._policy = PolicyCheck(policy, ports.now)
        self._account = ports.ledger.account
        self._unknown = False
        """Whether this ledger's contract takes no statements. An earlier version deployed it."""

    def step(self, federation: Federation, current: Round) -> bool:
        """State a new policy, or a refusal that the ledger does not have yet; False when there is none."""
        digest = self._policy.digest()
        if digest is not None and digest != self._stated(federation) and not self._unknown:
            if self._made(StatementMade(self._account, 0, StatementKind.POLICY, digest, "")):
                self._ports.notify(Event.POLICY_STATED, {"digest": digest.hex()})
            return True
        rule = self._promises.untold(current)
        if rule is None:
            return False
        if self._account not in federation.declined(current) and not self._unknown:
            digest = digest or NO_DIGEST
            try:
                self._made(StatementMade(self._account, current.number, StatementKind.DECLINE, digest, rule))
            except MISSED_DEADLINE:  # the round ended a moment ago
                return False
        self._promises.note_declined(current)
        return True

    def _made(self, statement: StatementMade) -> bool:
        """Put a statement on the ledger; False, reported once, if its contract is too old for statements."""
        try:
            self._ports.append(statement)
        except ContractRefused:
            self._unknown = True
            self._ports.notify(Event.STATEMENTS_UNKNOWN, {})
        return not self._unknown

    def check(self, current: Round, config: RoundConfig) -> None:
        """Raise PolicyRefused if a round breaks the policy; a round that was allowed once stays allowed."""
        if self._ports.journal.get(key_of("allowed", current)) is not None:
            return
        digest = self._policy.check(current, config)
        if digest != NO_DIGEST:
            self._ports.journal.once(key_of("allowed", current), digest)

    def refuse(self, current: Round, error: HemaledgerError, reason: str) -> bool:
        """Leave a round; the others hear the name of the rule or of the error."""
        rule = error.rule if isinstance(error, PolicyRefused) else error.name
        return self._promises.refuse(current, reason, rule)

    def _stated(self, federation: Federation) -> Digest:
        """Return the digest that this hospital stated last, NO_DIGEST if it never did."""
        own = [each.digest for _, each in federation.stated(StatementKind.POLICY) if each.sender == self._account]
        return own[-1] if own else NO_DIGEST
