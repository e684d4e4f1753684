"""What is known of a model that answers: three facts, each with the time of its own last check.

Invariant: a fact that cannot be looked at now keeps the time at which it was last seen, and never counts as checked.

Source: PROTOCOL.md 4 (receive order) and 8 ("unverified since T").
Not here: how the facts are found (current_model.py, file_watch.py), words for people (webui/presentation/wording.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What came of looking at one fact."""

    CHECKED = "checked"
    UNKNOWN = "unknown"
    """It cannot be checked now."""
    CONTRADICTED = "contradicted"


@dataclass(frozen=True)
class Fact:
    """One thing that was looked at."""

    state: State
    at: int
    """Seconds since 1970: when it was last found right; 0: never."""
    why: str = ""
    """Why it cannot be checked now, as the end of a sentence; empty when it was."""


@dataclass(frozen=True)
class Verification:
    """The three facts behind an answer."""

    ledger: Fact
    """The last final round on the ledger names this model."""
    file: Fact | None
    """The file in the vault is the one that the ledger names; None when it was not looked at."""
    memory: Fact | None
    """The weights that answer were opened from that file, and have the digest that the ledger names; None as above."""
    block: int = 0
    """The block of the last record that was read; 0 when it was not kept."""

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Return the facts that are kept."""
        return tuple(fact for fact in (self.ledger, self.file, self.memory) if fact is not None)

    @property
    def whole(self) -> bool:
        """Return whether each fact that is kept was checked."""
        return all(fact.state == State.CHECKED for fact in self.facts)

    @property
    def contradicted(self) -> bool:
        """Return whether a fact speaks against the model."""
        return any(fact.state == State.CONTRADICTED for fact in self.facts)
