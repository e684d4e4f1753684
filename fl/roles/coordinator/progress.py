"""How far a plan has come, from the ledger alone: which final rounds count, and which configuration follows.

Invariant: rounds that train, groups and votes count; rounds that sum lanes or calibrate do not. So a model that nobody
trained is never calibrated, and a larger number of rounds always trains.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from fl.protocol.federation import Federation
from fl.protocol.names import Digest
from fl.protocol.ports import Vault
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Phase, Round
from fl.replay.round_documents import read_config
from fl.replay.round_groups import is_group, is_vote
from fl.roles.coordinator.plan import Plan
from fl.training.aggregation.groups import group_of
from fl.training.aggregation.work import SumSpec


class Kind(Enum):
    """What a final round did."""

    TRAINING = auto()
    GROUP = auto()
    VOTE = auto()
    SUM = auto()
    """Lanes that train nothing: a data card, statistics, a calibration."""

    @classmethod
    def of(cls, config: RoundConfig) -> Kind:
        """Parse; raise EncodingError if the configuration has unknown work."""
        if is_group(config):
            return cls.GROUP
        if is_vote(config):
            return cls.VOTE
        return cls.TRAINING if SumSpec.from_dict(config.training) is None else cls.SUM


@dataclass(frozen=True)
class Part:
    """What a final round did.

    Attributes:
        kind: See there.
        group: The group's number in its cycle, from 1; 0 in any other round.
        lanes: What it summed, if it summed lanes.
    """

    kind: Kind
    group: int = 0
    lanes: SumSpec | None = None

    @classmethod
    def of(cls, config: RoundConfig) -> Part:
        """Parse; raise EncodingError if the configuration has unknown work."""
        return cls(Kind.of(config), group_of(config.training) or 0, SumSpec.from_dict(config.training))


class Progress:
    """Compares a plan with the final rounds of a federation; it reads each configuration once."""

    def __init__(self, plan: Plan, vault: Vault) -> None:
        self._plan, self._vault = plan, vault
        self._parts: dict[Digest, Part] = {}
        self._closing = [SumSpec.from_dict(config.training) for config in plan.closing]

    def done(self, federation: Federation) -> bool:
        """Return whether the plan's rounds are final, and then those that close it; raises as `following`."""
        parts = self._final(federation)
        return self._counted(parts) >= self._plan.rounds and self._closed(parts) == len(self._closing)

    def following(self, federation: Federation) -> RoundConfig:
        """Return the configuration of the next round of a plan that is not done.

        Raises:
            VaultMissing, HashMismatch, EncodingError: a configuration of a final round.
        """
        parts = self._final(federation)
        if self._counted(parts) < self._plan.rounds:
            return self._plan.config
        return self._plan.closing[self._closed(parts)]

    def _final(self, federation: Federation) -> list[Part]:
        gone = federation.superseded
        finals = (each for each in federation.rounds if each.phase == Phase.FINAL and each.number not in gone)
        return [self._part(each) for each in finals]

    def _part(self, current: Round) -> Part:
        digest = current.terms.config_digest
        if digest not in self._parts:
            self._parts[digest] = Part.of(read_config(current, self._vault))
        return self._parts[digest]

    def _counted(self, parts: list[Part]) -> int:
        if self._plan.every or SumSpec.from_dict(self._plan.config.training) is not None:
            return len(parts)
        return counted(parts)

    def _closed(self, parts: list[Part]) -> int:
        """Return how many of the closing rounds, in order, are final since the newest training."""
        place = 0
        for part in parts:
            if part.kind != Kind.SUM:
                place = 0
            elif place < len(self._closing) and part.lanes == self._closing[place]:
                place += 1
        return place


def counted(parts: list[Part]) -> int:
    """Return how many rounds trained; those of groups that no vote can follow any more do not count."""
    whole, groups = 0, 0
    for part in parts:
        if part.kind == Kind.GROUP:
            groups = 1 if part.group == 1 else groups + 1  # a cycle that ended early begins again with group 1
            continue
        whole += {Kind.TRAINING: 1, Kind.VOTE: groups + 1, Kind.SUM: 0}[part.kind]
        groups = 0  # any other round ends the cycle (fl/replay/round_groups.py)
    return whole + groups
