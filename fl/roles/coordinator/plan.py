"""What a coordinator is asked to do, and from which model it starts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import Protection
from fl.protocol.records import ClusterTerms
from fl.protocol.rounds.cluster_choice import choose_clusters
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.graph_choice import Crowd, choose
from fl.protocol.rounds.replayers import replayers_for
from fl.protocol.rounds.rules import MIN_MASKED
from fl.training.aggregation.quantise import Vector
from fl.training.model.weights import Manifest


def masked_threshold(hospitals: int) -> int:
    """Return t of a masked round: max(⌊2n/3⌋ + 1, 3) (PROTOCOL.md 1)."""
    return max(2 * hospitals // 3 + 1, MIN_MASKED)


WIDE_ABOVE = 50
"""By default a masked round with more hospitals is wide."""
CLUSTERS_ABOVE = 300
"""By default a wide round with more hospitals has clusters."""


@dataclass(frozen=True)
class WidePlan:
    """When masked rounds are wide, and what their graph must bear (fl/protocol/rounds/graph_choice.py)."""

    above: int = WIDE_ABOVE
    """A masked round with more hospitals than this is wide."""
    collusion: float = 0.2
    """Which part of the hospitals may collude with the coordinator."""
    drop_out: float = 0.1
    """Which part of the hospitals may be absent in all phases together."""
    smallest_sum: int = 0
    """How many honest hospitals must be in each sum that can be seen; 0: all honest ones of the set."""
    degree: int = 0
    """k, instead of the one that the others give; then `threshold` is t."""
    threshold: int = 0
    replayers: int | None = None
    """How many hospitals are drawn to sum again; 0: all. None: the fewest that `collusion` and `drop_out` allow."""
    clusters_above: int = CLUSTERS_ABOVE
    """A wide round with more hospitals than this has clusters; 0: none has."""
    clusters: ClusterTerms | None = None
    """Instead of the clusters that `collusion` and `drop_out` give; then `degree` and `threshold` are k and t."""

    def drawn(self, hospitals: int, *, clustered: bool = False) -> int:
        """Return how many of them are drawn to sum again; 0: all. In a `clustered` round they are of the roster."""
        if self.replayers is not None:
            return self.replayers
        colluding, away = int(self.collusion * hospitals), int(self.drop_out * hospitals)
        count = replayers_for(hospitals, colluding, away, whole_roster=clustered)
        return 0 if count == hospitals else count

    def crowd(self, hospitals: int) -> Crowd:
        return Crowd(hospitals, self.collusion, self.drop_out)

    def graph(self, hospitals: int) -> tuple[int, int, ClusterTerms | None]:
        """Return k, t and the clusters, None if the round has none; SettingInvalid if no graph bears so much."""
        if self.degree:
            return self.degree, self.threshold, self.clusters
        crowd = self.crowd(hospitals)
        if self.clusters_above and hospitals > self.clusters_above:
            with suppress(SettingInvalid):  # one ring may bear what no clusters do
                found = choose_clusters(crowd, self.smallest_sum)
                return found.degree, found.threshold, ClusterTerms(found.count, found.fewest, found.across)
        return *choose(crowd, self.smallest_sum), None


FILE_MIB = 64
"""By default no file of an update or a model is longer: some stores take longer ones only in pieces of their own."""
_ROOM = 256 * 1024
"""Bytes; more than the head and the wraps of an envelope to as many readers as there can be."""


def part_bytes_of(mebibytes: int) -> int:
    """Return how many bytes of a vector fit into a file of so many MiB; 0 stays 0: files may be as long as they are."""
    return mebibytes * 1024 * 1024 - _ROOM if mebibytes else 0


@dataclass(frozen=True)
class Plan:
    """A coordinator's settings; it keeps nothing else between two steps."""

    rounds: int
    """How many final rounds that train the federation should have in total; rounds of groups and votes are such.

    Of a plan that sums lanes itself: how many final rounds of any kind.
    """
    min_commitments: int
    attestations: int
    """By auditors; in a masked round, as many hospitals as the threshold attest too."""
    config: RoundConfig
    commit_timeout_s: int
    close_timeout_s: int
    """After the commit deadline."""
    min_hospitals: int = 1
    """Open a round only when at least this many hospitals take part."""
    protection: Protection = Protection.SEALED
    despite_alarm: bool = False
    """Whether to continue although an auditor found the model far worse than chance."""
    step_timeout_s: int = 600
    """Masked rounds: how long each phase of the set-up and of the unmasking may take."""
    closing: tuple[RoundConfig, ...] = ()
    """The configurations of the rounds of lanes that follow the last training, such as those that calibrate."""
    wide: WidePlan | None = None
    """None: no round is wide."""
    part_bytes: int = part_bytes_of(FILE_MIB)
    """A masked update or a model of more bytes is in parts of so many; 0: never."""
    every: bool = False
    """Whether each final round counts among `rounds`, whatever it did."""

    def threshold(self, hospitals: int) -> int:
        """Return t, which is 0 in a sealed round."""
        return masked_threshold(hospitals) if self.protection == Protection.MASKED else 0


@dataclass(frozen=True)
class Initial:
    """The model from which a new federation starts."""

    manifest: Manifest
    vector: Vector
    """float32 [d]"""
