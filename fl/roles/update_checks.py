"""An auditor judges the updates of checked rounds under their masks, and states its verdict on the ledger.

Invariant: what was stated about a round changes only when an opening settles a dispute, or when a person lifts it.

Source: PROTOCOL.md 5C.
"""

from __future__ import annotations

from collections.abc import Iterator

from fl.events import Event
from fl.failures import ROUND_ONLY
from fl.protocol.errors import ContractRefused, UnavailableError, UpdatesSuspect
from fl.protocol.federation import Federation
from fl.protocol.names import StatementKind
from fl.protocol.records import Position, StatementMade
from fl.protocol.rounds.round import Round
from fl.replay.check_verdicts import checked, directions_before, judged, statements
from fl.replay.expected_files import sketch_recipients
from fl.replay.file_reader import FileReader
from fl.replay.ledger_view import Ports
from fl.replay.round_check import Judging, Known, openings_of
from fl.replay.round_sum import RoundSum
from fl.replay.verdict import TEXT_CAP, Verdict

NEWEST = 20
"""Only so many rounds are looked at again: an older one has lost its keys, so nobody opens a mask of it."""


class UpdateChecks:
    """One auditor's verdicts."""

    def __init__(self, ports: Ports, reader: FileReader, sums: RoundSum) -> None:
        """Judge with the sketches that `sums` makes, so that no file is opened twice."""
        self._ports, self._reader, self._sums = ports, reader, sums
        self._account = ports.ledger.account
        self._settled: set[bytes] = set()
        """Contexts of the rounds about which this process has nothing more to say."""

    def step(self, federation: Federation) -> bool:
        """State the next verdict; False if there is none to state now."""
        return any(self._judge(federation, current) for current in self._waiting(federation))

    def _waiting(self, federation: Federation) -> Iterator[Round]:
        for current in federation.rounds[-NEWEST:]:
            if current.context in self._settled or not judged(current) or self._account not in current.keys:
                continue
            if checked(current, self._ports.vault) is not None:
                yield current

    def own(self, federation: Federation, current: Round) -> tuple[Position, Verdict] | None:
        """Return this auditor's newest verdict about a round, and where it is; None if it stated none."""
        found = statements(federation, current, self._ports.vault)
        own = [(entry.position, verdict) for entry, verdict in found if verdict.auditor == self._account]
        return own[-1] if own else None

    def check(self, federation: Federation, current: Round) -> None:
        """Raise UpdatesSuspect if this auditor found something wrong with an update of the round."""
        own = self.own(federation, current)
        if own is not None and not own[1].clean:
            raise UpdatesSuspect(current.number, own[1].sentence(federation.book))

    def _judge(self, federation: Federation, current: Round) -> bool:
        before = self.own(federation, current)
        if before is not None and not before[1].disputed:
            self._settled.add(current.context)
            return False
        openings = openings_of(federation, current, self._ports.vault)
        if before is not None and not _newer(federation, current, before[0]):
            return False
        earlier = directions_before(federation, current, self._account, self._ports.vault)
        known = Known(openings, before[1].absent if before else None, earlier=earlier)
        try:
            judging = Judging(current, self._reader, sketch_recipients(current, federation.book), known, self._sums)
            if before is None and judging.incomplete and self._ports.now() <= current.step_deadline:
                return False
            verdict = judging.verdict(self._account)
        except UnavailableError:
            return False
        except ROUND_ONLY as error:
            self._settled.add(current.context)
            facts = {"round": current.number, "reason": f"its updates cannot be checked: {error}"}
            self._ports.notify(Event.ALARM, facts)
            return False
        return self._state(federation, current, verdict)

    def _state(self, federation: Federation, current: Round, verdict: Verdict) -> bool:
        digest, text = self._ports.vault.put(verdict.to_bytes()), verdict.sentence(federation.book)
        short = text if len(text) <= TEXT_CAP else text[: TEXT_CAP - 1] + "…"
        made = StatementMade(self._account, current.number, StatementKind.CHECKED, digest, short)
        try:
            self._ports.append(made)
        except ContractRefused:
            self._settled.add(current.context)
            reason = "this ledger is older than version 1.3.0 and takes no verdicts; hand it over to a new one"
            self._ports.notify(Event.ALARM, {"round": current.number, "reason": reason})
            return False
        facts = {"round": current.number, **({"reason": text} if text else {"hospitals": len(current.hospitals)})}
        self._ports.notify(Event.UPDATES_SUSPECT if text else Event.UPDATES_CHECKED, facts)
        return True


def _newer(federation: Federation, current: Round, since: Position) -> bool:
    """Return whether a mask of a round was opened since a position."""
    stated = federation.stated(StatementKind.OPENED)
    return any(made.round == current.number and entry.position > since for entry, made in stated)
