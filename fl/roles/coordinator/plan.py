"""What a coordinator is asked to do, and from which model it starts.

Invariant: a plan is a value; the coordinator keeps nothing else between two steps.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.names import Protection
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.rules import MIN_MASKED
from fl.training.aggregation.quantise import Vector
from fl.training.model.weights import Manifest


def masked_threshold(hospitals: int) -> int:
    """Return t of a masked round: max(⌊2n/3⌋ + 1, 3) (PROTOCOL.md 1)."""
    return max(2 * hospitals // 3 + 1, MIN_MASKED)


@dataclass(frozen=True)
class Plan:
    """What the coordinator is asked to do."""

    rounds: int
    """Final rounds wanted in all."""
    min_commitments: int
    attestations: int
    """By auditors; in a masked round, the threshold's number of hospitals attest beside them."""
    config: RoundConfig
    commit_timeout_s: int
    close_timeout_s: int
    """After the commit deadline."""
    min_hospitals: int = 1
    """Wait for so many hospitals before opening a round."""
    protection: Protection = Protection.SEALED
    despite_alarm: bool = False
    """Whether to go on after a model that an auditor found far worse than chance."""
    step_timeout_s: int = 600
    """Masked rounds: how long a phase of the set-up and of the unmasking may take."""

    def threshold(self, hospitals: int) -> int:
        """Return t, which is 0 in a sealed round."""
        return masked_threshold(hospitals) if self.protection == Protection.MASKED else 0


@dataclass(frozen=True)
class Initial:
    """The model from which a new federation starts."""

    manifest: Manifest
    vector: Vector
    """float32 [d]"""
