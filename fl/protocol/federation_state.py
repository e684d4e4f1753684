"""The state of the whole ledger: members, keys, threshold keys, models and rounds.

Source: PROTOCOL.md 5S and 8.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fl.protocol.anchored import Anchored
from fl.protocol.errors import FederationNotOpened, WrongRound
from fl.protocol.grants import Grants, Model, Source, model_of
from fl.protocol.keys.members import KeyBook, VerifyPossession
from fl.protocol.keys.succession import Succession
from fl.protocol.keys.threshold import ThresholdKeys
from fl.protocol.lineage import Lineage, Reversion
from fl.protocol.names import Address, Digest, StatementKind
from fl.protocol.opening import LedgerOpening
from fl.protocol.ports import Anchor
from fl.protocol.records import Entry, Position, StatementMade
from fl.protocol.rounds.round import Round


@dataclass(frozen=True)
class Federation:
    """The state after the entry at `position`."""

    anchor: Anchor
    """`contract` is the present ledger; a hand-over changes it."""
    verify: VerifyPossession
    book: KeyBook = field(default_factory=KeyBook)
    succession: Succession = field(default_factory=Succession)
    threshold: ThresholdKeys = field(default_factory=ThresholdKeys)
    openings: tuple[LedgerOpening, ...] = ()
    """How each ledger began: the first one and its successors."""
    rounds: tuple[Round, ...] = ()
    grants: Grants = field(default_factory=Grants)
    statements: tuple[Entry, ...] = ()
    """Every StatementMade, in ledger order."""
    checkpoints: Anchored = field(default_factory=Anchored)
    reverted: tuple[Reversion, ...] = ()
    """Every return to an earlier model, in ledger order."""
    successor: Address | None = None
    position: Position | None = None

    @property
    def last_round(self) -> int:
        """Return the number of the newest round, 0 before the first."""
        if self.rounds:
            return self.rounds[-1].number
        return self.openings[-1].record.last_round if self.openings else 0

    @property
    def active_round(self) -> Round | None:
        return self.rounds[-1] if self.rounds and not self.rounds[-1].ended else None

    @property
    def lineage(self) -> Lineage:
        return Lineage(self.openings, self.rounds, self.reverted)

    @property
    def final_round(self) -> Round | None:
        """Return the newest final round that the current model comes from, on any ledger; None before the first."""
        return self.lineage.final_round()

    def final_before(self, current: Round) -> Round | None:
        """Return the newest final round from which a round's starting model comes; None before the first."""
        return self.lineage.final_round(current.opened.position)

    @property
    def superseded(self) -> frozenset[int]:
        """Return the final rounds that the current model does not come from, because the coordinator went back."""
        return self.lineage.superseded()

    @property
    def source(self) -> Source:
        """Return the source of the current model, or raise FederationNotOpened."""
        return self.lineage.source(self.opening.anchor)

    def source_of(self, current: Round) -> Source:
        """Return the source of the model from which a round started."""
        return self.lineage.source(current.anchor, current.opened.position)

    @property
    def model_digest(self) -> Digest:
        """Return the digest of the current global model, or raise FederationNotOpened."""
        return self.model.digest

    @property
    def model(self) -> Model:
        """Return the current global model, or raise FederationNotOpened."""
        return model_of(self.source)

    @property
    def readers(self) -> frozenset[Address]:
        """Return the accounts that can open the current model, by its file or by a grant."""
        return self.grants.readers(self.model_digest, self.source)

    def readers_before(self, current: Round) -> frozenset[Address]:
        """Return the accounts that could open the model from which a round started when it opened."""
        source = self.source_of(current)
        return self.grants.readers(model_of(source).digest, source, current.opened.position)

    @property
    def untrained(self) -> bool:
        """Return whether the current model is still the first one of all: rounds of lanes can keep it."""
        return self.model_digest == self.openings[0].record.model_digest

    @property
    def opening(self) -> LedgerOpening:
        """Return how the present ledger began, or raise FederationNotOpened."""
        if not self.openings:
            raise FederationNotOpened
        return self.openings[-1]

    def stated(self, kind: StatementKind) -> Iterator[tuple[Entry, StatementMade]]:
        """Yield the statements of one kind, in ledger order."""
        for entry in self.statements:
            if isinstance(entry.record, StatementMade) and entry.record.kind == kind:
                yield entry, entry.record

    def declined(self, current: Round) -> Mapping[Address, StatementMade]:
        """Return which hospitals stated that they do not take part in a round."""
        since, made = current.opened.position, self.stated(StatementKind.DECLINE)
        return {each.sender: each for entry, each in made if entry.position > since and each.round == current.number}

    def round(self, number: int) -> Round:
        """Return the round of that number, or raise WrongRound."""
        for each in reversed(self.rounds):
            if each.number == number:
                return each
        raise WrongRound(self.last_round, number)
