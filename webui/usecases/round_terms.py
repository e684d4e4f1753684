"""The terms of the next round, and what they mean, before anybody opens it.

Invariant: the numbers are those that the coordinator's command computes (fl/roles/coordinator/plan.py).

Source: PROTOCOL.md 1 and 5 (threshold, phases, deadlines).
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from fl.protocol.names import Protection, Role
from fl.protocol.rounds.rules import MIN_MASKED
from webui.ports.ledger import History


@dataclass(frozen=True)
class NextTerms:
    """What the operator considers for the next round."""

    hospitals: int
    """How many must be there before the round begins."""
    protection: Protection
    min_commitments: int | None
    """None: all in a sealed round, the threshold in a masked one."""
    attestations: int
    commit_minutes: int
    close_minutes: int
    step_minutes: int
    epsilon: float | None
    """The privacy budget; None: no noise."""
    hold_back: bool
    """Whether trustees must release the new model."""
    rounds: int
    """How many final rounds to reach in all."""

    @property
    def command(self) -> str:
        """Return the coordinator's command with these terms."""
        words = ["hemaledger", "coordinator", "run", "--rounds", str(self.rounds), "--hospitals", str(self.hospitals)]
        words += ["--protection", self.protection.name.lower(), "--attestations", str(self.attestations)]
        if self.min_commitments is not None:
            words += ["--min-commitments", str(self.min_commitments)]
        words += ["--commit-timeout", str(60 * self.commit_minutes), "--close-timeout", str(60 * self.close_minutes)]
        if self.protection == Protection.MASKED:
            words += ["--step-timeout", str(60 * self.step_minutes)]
        if self.epsilon is not None:
            words += ["--epsilon", f"{self.epsilon:g}"]
        if self.hold_back:
            words.append("--hold-back")
        return shlex.join(words)


@dataclass(frozen=True)
class Meaning:
    """What terms mean, as the ledger is now."""

    terms: NextTerms
    taking_part: tuple[str, ...]
    """Names of the hospitals that would take part."""
    keyless: tuple[str, ...]
    """Admitted hospitals without a key."""
    auditors: tuple[str, ...]
    threshold: int
    """0 in a sealed round."""
    fewest: int
    """With fewer updates the round is aborted."""
    may_drop: int
    """How many hospitals may stay away."""
    attestations: int
    """Of auditors, and in a masked round of hospitals too."""
    obstacles: tuple[str, ...]
    """Codes of what would stop the round: see presentation/operator_wording.py."""
    running: int | None
    """The number of the round that runs now."""


def meaning_of(terms: NextTerms, history: History) -> Meaning:
    book = history.federation.book
    able = tuple(member.name for member in book.having(Role.HOSPITAL) if member.key)
    keyless = tuple(member.name for member in book.having(Role.HOSPITAL) if not member.key)
    auditors = tuple(member.name for member in book.having(Role.AUDITOR) if member.key)
    count, masked = len(able), terms.protection == Protection.MASKED
    threshold = max(2 * count // 3 + 1, MIN_MASKED) if masked else 0
    fewest = max(terms.min_commitments or (threshold if masked else terms.hospitals), threshold)
    running = history.federation.active_round
    return Meaning(
        terms=terms,
        taking_part=able,
        keyless=keyless,
        auditors=auditors,
        threshold=threshold,
        fewest=fewest,
        may_drop=max(count - fewest, 0),
        attestations=terms.attestations + threshold,
        obstacles=_obstacles(terms, count, len(auditors), max(fewest, terms.hospitals)),
        running=running.number if running is not None else None,
    )


def _obstacles(terms: NextTerms, hospitals: int, auditors: int, needed: int) -> tuple[str, ...]:
    masked = terms.protection == Protection.MASKED
    every = {
        "too few hospitals": hospitals < needed,
        "too few auditors": auditors < terms.attestations,
        "too few for masks": masked and hospitals < MIN_MASKED,
        "held back and masked": masked and terms.hold_back,
        "steps too long": masked and 3 * terms.step_minutes >= terms.commit_minutes,
    }
    return tuple(code for code, there in every.items() if there)
