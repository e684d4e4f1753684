"""The coordinator's part of a masked round: it closes each set-up phase, then unmasks the sum.

Invariant: anybody can check why a hospital dropped out or was rejected, because ledger and vault alone decide
(participants.py). When the time of a phase is over, the phase ends or the round does, whatever others recorded.

Source: PROTOCOL.md 5, phases 1 to 2b and 4 to 7.
"""

from __future__ import annotations

from collections.abc import Callable

from fl.events import Event
from fl.protocol.errors import DeadlineNotPassed, HemaledgerError
from fl.protocol.federation import Federation
from fl.protocol.keys.members import KeyBook
from fl.protocol.names import Address
from fl.protocol.records import PhaseClosed
from fl.protocol.rounds.mask_graph import graph_of
from fl.protocol.rounds.round import Phase, Round
from fl.replay.expected_files import masked_recipients
from fl.replay.ledger_view import Ports
from fl.replay.participants import advertisers, dealers, honest, why_not
from fl.replay.rejected_responses import RejectionReporter
from fl.replay.round_sum import RoundSum
from fl.replay.unmasking import read_responses, unmask_sum
from fl.roles.coordinator.drop_outs import named, short_cluster, without
from fl.training.aggregation.sum import Sum
from fl.training.aggregation.work import Work


class SetUp:
    """Closes the phases ADVERTISE, SHARE and COMPLAIN; aborts the round when AGREE takes too long."""

    def __init__(self, ports: Ports, abort: Callable[[Round, str], bool]) -> None:
        self._ports = ports
        self._abort = abort

    def step(self, federation: Federation, current: Round) -> bool:
        """Close the phase when all hospitals acted, or at its deadline; False while it must wait."""
        late = self._ports.now() > current.step_deadline
        if current.phase == Phase.AGREE:
            absent = without(federation.book, set(current.hospitals) - set(current.endorsed))
            reason = f"RoundStalled: {len(current.endorsed)} hospitals endorsed the set{absent}"
            return late and self._abort(current, reason)
        done = {
            Phase.ADVERTISE: current.advertised,
            Phase.SHARE: current.dealt,
            Phase.COMPLAIN: current.checked,
        }[current.phase]
        if len(done) < len(current.sharers) and not late:
            return False
        try:
            remaining = self._remaining(current)
        except HemaledgerError as error:
            if not late:
                raise
            return self._abort(current, f"{error.name}: nobody can tell who goes on after {current.phase.name.lower()}")
        if current.phase == Phase.SHARE and len(remaining) < len(done) and not late:
            return False  # a file of shares may still arrive
        return self._close(federation.book, current, remaining)

    def _close(self, book: KeyBook, current: Round, remaining: tuple[Address, ...]) -> bool:
        gone = set(current.sharers) - set(remaining)
        if len(remaining) < current.terms.min_commitments:
            reason = f"BelowThreshold: {len(remaining)} of {current.terms.min_commitments} hospitals can go on"
            return self._abort(current, f"{reason} after {current.phase.name.lower()}{without(book, gone)}")
        if short := short_cluster(current, remaining):
            return self._abort(
                current, f"BelowThreshold: {short} after {current.phase.name.lower()}{without(book, gone)}"
            )
        try:
            self._ports.append(PhaseClosed(self._ports.ledger.account, current.number, current.phase, remaining))
        except DeadlineNotPassed:  # the chain's clock decides, and it is behind ours
            return False
        if current.phase == Phase.ADVERTISE:
            for error in why_not(current).values():
                self._ports.notify(Event.HOSPITAL_LEFT_OUT, {"round": current.number, "reason": str(error)})
        facts = {"phase": current.phase.name.lower(), "left_out": len(gone), "missing": named(book, gone)}
        self._ports.notify(Event.PHASE_CLOSED, {"round": current.number, **facts})
        return True

    def _remaining(self, current: Round) -> tuple[Address, ...]:
        match current.phase:
            case Phase.ADVERTISE:
                return advertisers(current)
            case Phase.SHARE:
                return dealers(current, self._ports.vault, self._ports.parcels_of(current))
            case _:
                return tuple(sorted(honest(current, self._ports.vault)))


class Unmasking:
    """Removes the masks from the sum of a frozen set when enough answers are usable."""

    def __init__(self, ports: Ports, sums: RoundSum, abort: Callable[[Round, str], bool]) -> None:
        self._ports = ports
        self._sums = sums
        self._abort = abort
        self._rejections = RejectionReporter(ports.notify)

    def wait(self, federation: Federation, current: Round) -> bool:
        """Add up files while too few hospitals revealed shares; abort the round after the deadline."""
        if self._ports.now() > current.step_deadline:
            absent = without(federation.book, set(current.hospitals) - set(current.revealed))
            reason = f"RoundStalled: {len(current.revealed)} hospitals revealed shares{absent}"
            return self._abort(current, reason + self._poorest(federation.book, current))
        return self._sums.step(current)

    def _poorest(self, book: KeyBook, current: Round) -> str:
        """Return of whom too few shares were revealed in a wide round; empty in another one."""
        if current.wide is None:
            return ""
        lacking = graph_of(current).lacking(current.sharers, current.revealed, current.terms.threshold)
        return f"; too few hold shares of {named(book, lacking)}" if lacking else ""

    def wait_after(self, current: Round, error: HemaledgerError) -> bool:
        """Wait for more answers, because those so far did not suffice; abort the round after the deadline."""
        return self._ports.now() > current.step_deadline and self._abort(current, f"RoundStalled: {error}")

    def total(self, federation: Federation, current: Round, work: Work) -> Sum:
        """Return the unmasked sum.

        Raises:
            TooFewReveals, BelowThreshold, VaultMissing: more answers are needed.
            UpdateUnusable, TamperedError, MalformedError, RefusedError: the round cannot succeed.
        """
        responses = read_responses(current, self._sums.reader, masked_recipients(current, federation.book))
        self._rejections.report(federation.book, current, responses.rejected)
        unmasked = unmask_sum(current, self._sums, responses)
        self._rejections.report(federation.book, current, unmasked.rejected)
        return work.sum_of(unmasked.words, len(current.hospitals))
