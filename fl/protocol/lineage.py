"""Which rounds made the current model: a coordinator can go back to an earlier one.

Invariant: the current model comes from the newest of three things: the opening of the present ledger, a final round of
it, or a return to an earlier model. Rounds that the current model does not come from are superseded; they stay on the
ledger.

Source: PROTOCOL.md 5 (Going back).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fl.protocol.errors import ModelDigestMismatch, WrongPhase
from fl.protocol.grants import Source, model_of
from fl.protocol.opening import LedgerOpening
from fl.protocol.ports import Anchor
from fl.protocol.records import Entry, ModelReverted, Position
from fl.protocol.rounds.round import Phase, Round


@dataclass(frozen=True)
class Reversion:
    """One return to an earlier model."""

    record: ModelReverted
    opened: Entry
    """The record's entry."""
    anchor: Anchor
    """Of the ledger that has it."""
    source: Source
    """Where that model comes from."""


@dataclass(frozen=True)
class Lineage:
    """The sources of models, each list in ledger order."""

    openings: Sequence[LedgerOpening]
    rounds: Sequence[Round]
    reverted: Sequence[Reversion]

    def source(self, anchor: Anchor, before: Position | None = None) -> Source:
        """Return the source of the model that was current on a ledger, before a record if one is named.

        There must have been one: the ledger was open by then.
        """
        final, back = self._final(before, anchor), self._back(before, anchor)
        opening = next(each for each in reversed(self.openings) if each.anchor == anchor)
        parts: list[Source | Reversion] = [each for each in (opening, final, back) if each is not None]
        newest = max(parts, key=lambda part: part.opened.position)
        return newest.source if isinstance(newest, Reversion) else newest

    def final_round(self, before: Position | None = None) -> Round | None:
        """Return the newest final round that the current model comes from, on any ledger; None before the first.

        With `before`, the model that was current at that record.
        """
        final, back = self._final(before), self._back(before)
        if back is None or (final is not None and final.opened.position > back.opened.position):
            return final
        return back.source if isinstance(back.source, Round) else None

    def ancestors(self) -> Iterator[Round]:
        """Yield the final rounds that the current model comes from, newest first."""
        found = self.final_round()
        while found is not None:
            yield found
            found = self.final_round(found.opened.position)

    def superseded(self) -> frozenset[int]:
        """Return the final rounds that the current model does not come from."""
        if not self.reverted:
            return frozenset()
        every = {each.number for each in self.rounds if each.phase == Phase.FINAL}
        return frozenset(every - {each.number for each in self.ancestors()})

    def reversion(self, entry: Entry, record: ModelReverted, anchor: Anchor) -> Reversion:
        """Return what a return to a model does.

        Raises:
            WrongPhase: the round is not final.
            ModelDigestMismatch: the model is another one.
        """
        source: Source = self.openings[0]
        if record.round:
            source = next(each for each in self.rounds if each.number == record.round)
            if source.phase != Phase.FINAL:
                raise WrongPhase(record.round, source.phase)
        known = model_of(source).digest
        if record.model_digest != known:
            raise ModelDigestMismatch(known, record.model_digest)
        return Reversion(record, entry, anchor, source)

    def _final(self, before: Position | None, anchor: Anchor | None = None) -> Round | None:
        """Return the newest final round, on one ledger if it is named."""
        rounds = (each for each in reversed(self.rounds) if each.phase == Phase.FINAL)
        return next((each for each in rounds if _fits(each, before, anchor)), None)

    def _back(self, before: Position | None, anchor: Anchor | None = None) -> Reversion | None:
        return next((each for each in reversed(self.reverted) if _fits(each, before, anchor)), None)


def _fits(part: Round | Reversion, before: Position | None, anchor: Anchor | None) -> bool:
    timely = before is None or part.opened.position < before
    return timely and (anchor is None or part.anchor == anchor)
