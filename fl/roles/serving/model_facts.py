"""What is known about the model that answers: three facts, each with the time of its last check.

Invariant: a fact that cannot be checked now keeps the time of its last check, and does not count as checked.

Source: PROTOCOL.md 4 (receive order) and 8 ("unverified since T").
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The result of checking one fact."""

    CHECKED = "checked"
    UNKNOWN = "unknown"
    """It cannot be checked now."""
    CONTRADICTED = "contradicted"


@dataclass(frozen=True)
class Fact:
    """One checked thing."""

    state: State
    at: int
    """When it was last found correct, in seconds since 1970; 0 = never."""
    why: str = ""
    """Why it cannot be checked now, as the end of a sentence; empty when it was."""


@dataclass(frozen=True)
class Verification:
    """The three facts behind an answer."""

    ledger: Fact
    """The last final round on the ledger names this model."""
    file: Fact | None
    """The file in the vault is the one that the ledger names; None if not checked."""
    memory: Fact | None
    """The weights in memory come from that file and have the digest that the ledger names; None if not checked."""
    block: int = 0
    """The block of the last record that was read; 0 if unknown."""

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Return the facts that were looked at."""
        return tuple(fact for fact in (self.ledger, self.file, self.memory) if fact is not None)

    @property
    def whole(self) -> bool:
        """Return whether every fact was checked and found correct."""
        return all(fact.state == State.CHECKED for fact in self.facts)

    @property
    def contradicted(self) -> bool:
        """Return whether a fact contradicts the model."""
        return any(fact.state == State.CONTRADICTED for fact in self.facts)
