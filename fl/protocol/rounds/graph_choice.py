"""How thin the graph of a wide round may be: what can fail, how likely it is, and which k and t to take.

Invariant: every figure is a probability before the graph is drawn, over the random order of the ring alone: who
colludes and who drops out is fixed by then, or chosen by the coordinator after it sees the graph where that is said.
Figures are base-2 logarithms; -inf is impossible.

Terms, for n hospitals of which m = ⌊γn⌋ collude with the coordinator and at most d = ⌊δn⌋ drop out of a round that
needs n − d; X ~ Hyp(N, M, K) is how many of M marked ones are among K drawn of N without putting back:

    exposed    an honest hospital has t colluders among its k neighbours: they have both of its secrets
               ≤ (n − m)·P[Hyp(u − 1, m, k) ≥ t],  u: the fewest hospitals that U1 can have
    by choice  a choice of whom to leave out splits the honest ones of the set into two sums; then some honest hospital
               has t − 1 − k/2 colluders among its k/2 next ones, and two runs of k/2 places have at most d honest ones
               (5W.1 has the proof); the smaller of
               ≤ (n − m)·P[Hyp(u − 1, m, k/2) ≥ t − 1 − k/2]  and  ≤ C(n, 2)·P[Hyp(u, m, k) ≥ k − d]
    by chance  drop-outs that nobody chose split them: two runs of k/2 places without an honest hospital of the set
               ≤ C(h, 2)·C(b − k + h − 1, h − 1) / C(b + h − 1, h − 1),  h = n − b,  b = m + d
    stuck      a hospital of U2 has fewer than t holders that answer, so the round ends without a sum
               ≤ (n − d)·P[Hyp(n − 1, d, k) ≥ k + 2 − t] + d·P[Hyp(n − 1, d − 1, k) ≥ k + 1 − t]

Source: Bell, Bonawitz, Gascón, Lepoint, Raykova, "Secure Single-Server Aggregation with (Poly)Logarithmic Overhead",
CCS 2020: the three events of a good graph (not too many corrupt neighbours, connected without them and the drop-outs,
enough surviving neighbours) and hypergeometric tails with a union bound. `by choice` is ours: it needs the check of
holders in mask_graph.py, and a ring. PROTOCOL.md 5W.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from fl.protocol.errors import GraphTooThin, SettingInvalid
from fl.protocol.rounds.round import Round
from fl.protocol.rounds.rules import MAX_WIDE_ROSTER, MIN_MASKED

NEVER = -math.inf
MAX_HOLDERS = 1024
"""Files of shares and answers have at most as many entries."""
BOUND = -30.0
"""The default: one round in 2^30."""
TRIES = 10.0
"""The default: the coordinator can choose among 2^10 blocks to end ADVERTISE, which is half an hour at 2 s each."""


@dataclass(frozen=True)
class Crowd:
    """The hospitals of a round, and the worst that is assumed of them."""

    hospitals: int
    """n, 3 to 16,384."""
    collusion: float
    """γ: which part of them colludes with the coordinator; 0 to 1, not 1."""
    drop_out: float
    """δ: which part of them may be absent in all phases together; below one half."""

    def __post_init__(self) -> None:
        """Raise SettingInvalid for a crowd that no round can have."""
        if not MIN_MASKED <= self.hospitals <= MAX_WIDE_ROSTER:
            raise SettingInvalid("hospitals", f"{self.hospitals} is not in {MIN_MASKED} to {MAX_WIDE_ROSTER}")
        if not 0 <= self.collusion < 1:
            raise SettingInvalid("collusion", f"{self.collusion} is not in 0 to 1")
        if not 0 <= 2 * self.drop_out < 1:
            raise SettingInvalid("drop-out", f"{self.drop_out} is not in 0 to 0.5")

    @property
    def colluders(self) -> int:
        """Return m."""
        return _part(self.hospitals, self.collusion)

    @property
    def absent(self) -> int:
        """Return d; more than half of the hospitals always stay."""
        return min(_part(self.hospitals, self.drop_out), (self.hospitals - 1) // 2)

    @property
    def fewest(self) -> int:
        """Return u: how many hospitals must be in each set; the round's fewest commitments."""
        return self.hospitals - self.absent

    @property
    def traitors(self) -> int:
        """Return how many hospitals must sign two sets, so that both get enough signatures."""
        return 2 * self.fewest - self.hospitals


@dataclass(frozen=True)
class Failures:
    """What can fail in a wide round, as base-2 logarithms of upper bounds of its probability."""

    exposed: float
    by_choice: float
    by_chance: float
    stuck: float


def failures(crowd: Crowd, degree: int, threshold: int) -> Failures:
    """Return how likely a graph of that degree and threshold fails for one try of the coordinator."""
    n, m, d = crowd.hospitals, crowd.colluders, crowd.absent
    if degree + 1 >= n:
        return Failures(_sure(m >= threshold), NEVER, NEVER, _sure(n - d < threshold))
    honest = _log2(n - m)
    gone = _log2(n - d) + tail(n - 1, d, degree, degree + 2 - threshold)
    orphaned = _log2(d) + tail(n - 1, d - 1, degree, degree + 1 - threshold) if d else NEVER
    return Failures(
        exposed=min(0.0, honest + tail(crowd.fewest - 1, m, degree, threshold)),
        by_choice=min(0.0, _split_by_choice(crowd, degree, threshold)),
        by_chance=min(0.0, _split_by_chance(n, m + d, degree)),
        stuck=min(0.0, log2_sum([gone, orphaned])),
    )


def smallest_sum(crowd: Crowd, degree: int, threshold: int, bound: float) -> int:
    """Return how many honest hospitals are in each sum that can be seen, but for a probability of 2^bound.

    Whatever the coordinator leaves out, an honest hospital of the set has t holders there, itself included, and k + 1 −
    d at least; all but its colluding neighbours are in the same sum. If no choice splits the sum, it is that of all
    honest ones of the set. 0: a single update may be seen.
    """
    found = failures(crowd, degree, threshold)
    if found.exposed > bound:
        return 0
    if found.by_choice <= bound:
        return max(crowd.fewest - crowd.colluders, 0)
    sizes = range(_kept(crowd, degree, threshold), 0, -1)
    return next((size for size in sizes if seen_below(crowd, degree, threshold, size) <= bound), 0)


def seen_below(crowd: Crowd, degree: int, threshold: int, size: int) -> float:
    """Return how likely a choice of whom to leave out shows a sum of fewer than `size` honest hospitals, at most."""
    most = _kept(crowd, degree, threshold) - size
    if most < 0:
        return 0.0
    honest = _log2(crowd.hospitals - crowd.colluders)
    return min(0.0, honest + tail(crowd.fewest - 1, crowd.colluders, degree, most + 1))


def choose(crowd: Crowd, smallest: int = 0, bound: float = BOUND, tries: float = TRIES) -> tuple[int, int]:
    """Return the smallest degree with which neither privacy nor the sum fails, and the largest threshold for it.

    Args:
        crowd: The hospitals.
        smallest: How many honest hospitals must be in each sum that can be seen; 0: all honest ones of the set.
        bound: Base-2 logarithm of the failure probability, for privacy and for the sum each.
        tries: Base-2 logarithm of how many blocks the coordinator can try; privacy alone suffers from it.

    Raises:
        SettingInvalid: not even the complete graph bears so many colluders and drop-outs, or it would be too large; or
            colluders could sign two sets, so that both have enough signatures.
    """
    if crowd.traitors <= crowd.colluders:
        why = (
            f"only {crowd.fewest} of {crowd.hospitals} would sign, and {crowd.colluders} that sign twice make two sets"
        )
        raise SettingInvalid("drop-out", why)
    for degree in range(2, min(crowd.hospitals - 1, MAX_HOLDERS), 2):
        threshold = _least_threshold(crowd, degree, smallest, bound - tries)
        if threshold and failures(crowd, degree, threshold).stuck <= bound:
            while failures(crowd, degree, threshold + 1).stuck <= bound:
                threshold += 1
            return degree, threshold
    return _complete(crowd)


def check_graph(current: Round, collusion: float, smallest: int = MIN_MASKED) -> None:
    """Check, before a hospital takes part in a wide round without clusters, that its graph bears that many colluders.

    Raises:
        GraphTooThin: fewer than `smallest` honest hospitals may be in a sum that can be seen, with more than 2^-30.
    """
    if current.wide is None or current.wide.clusters is not None:
        return
    n, terms = len(current.roster), current.terms
    crowd = Crowd(n, collusion, (n - terms.min_commitments) / n)
    found = smallest_sum(crowd, current.wide.degree, terms.threshold, BOUND - TRIES)
    if found < smallest:
        raise GraphTooThin(found, smallest, crowd.colluders)


def _least_threshold(crowd: Crowd, degree: int, smallest: int, bound: float) -> int:
    """Return the least t that keeps updates private, or 0; it is more than half of the k + 1 holders."""
    if not _is_private(crowd, degree, degree + 1, smallest, bound):
        return 0
    low, high = degree // 2 + 1, degree + 1
    while low < high:
        middle = (low + high) // 2
        if _is_private(crowd, degree, middle, smallest, bound):
            high = middle
        else:
            low = middle + 1
    return high


def _is_private(crowd: Crowd, degree: int, threshold: int, smallest: int, bound: float) -> bool:
    honest, others = _log2(crowd.hospitals - crowd.colluders), crowd.fewest - 1
    if honest + tail(others, crowd.colluders, degree, threshold) > bound:
        return False
    if _split_by_choice(crowd, degree, threshold) <= bound:
        return True
    return smallest > 0 and seen_below(crowd, degree, threshold, smallest) <= bound


def _kept(crowd: Crowd, degree: int, threshold: int) -> int:
    """Return how many holders of an honest hospital of the set are in the set, at least."""
    return max(threshold, degree + 1 - crowd.absent)


def _split_by_choice(crowd: Crowd, degree: int, threshold: int) -> float:
    n, m, half = crowd.hospitals, crowd.colluders, degree // 2
    unseen = _log2(n - m) + tail(crowd.fewest - 1, m, half, threshold - 1 - half)
    reached = choices(n, 2) + tail(crowd.fewest, m, degree, degree - crowd.absent)
    return min(unseen, reached)


def _complete(crowd: Crowd) -> tuple[int, int]:
    n, m = crowd.hospitals, crowd.colluders
    threshold = min(max(2 * n // 3 + 1, m + 1), crowd.fewest)
    if n > MAX_HOLDERS:
        raise SettingInvalid("collusion", f"each of {n} hospitals would need more than {MAX_HOLDERS - 1} neighbours")
    if threshold <= m:
        raise SettingInvalid(
            "collusion", f"with {m} colluders and {crowd.absent} absent of {n} nothing protects updates"
        )
    return n - 1, threshold


# --- Arithmetic ------------------------------------------------------------------------------------------------


def tail(population: int, marked: int, drawn: int, least: int) -> float:
    """Return log2 P[Hyp(population, marked, drawn) ≥ least], to about 10 digits of the probability."""
    lowest, highest = max(0, drawn + marked - population), min(marked, drawn)
    if least <= lowest:
        return 0.0
    return log2_sum(hypergeometric(population, marked, drawn, hit) for hit in range(least, highest + 1))


def hypergeometric(population: int, marked: int, drawn: int, hit: int) -> float:
    """Return log2 P[Hyp(population, marked, drawn) = hit], to about 10 digits of the probability."""
    return choices(marked, hit) + choices(population - marked, drawn - hit) - choices(population, drawn)


def _split_by_chance(hospitals: int, bad: int, degree: int) -> float:
    """Return log2 of the union bound over two of the gaps between good hospitals: both have k/2 bad ones at least.

    The gaps are a random way to write `bad` as an ordered sum of as many numbers as there are good hospitals.
    """
    good = hospitals - bad
    if good <= 1:
        return 0.0
    return choices(good, 2) + choices(bad - degree + good - 1, good - 1) - choices(bad + good - 1, good - 1)


def choices(among: int, drawn: int) -> float:
    """Return log2 C(among, drawn); -inf where there are none."""
    if not 0 <= drawn <= among:
        return NEVER
    return _log_factorial(among) - _log_factorial(drawn) - _log_factorial(among - drawn)


@lru_cache(maxsize=2 * MAX_WIDE_ROSTER)
def _log_factorial(number: int) -> float:
    return math.lgamma(number + 1) / math.log(2)


def log2_sum(logarithms: Iterable[float]) -> float:
    """Return log2 of a sum of powers of two."""
    terms = sorted(logarithms)
    if not terms or terms[-1] == NEVER:
        return NEVER
    return min(0.0, terms[-1] + math.log2(math.fsum(2 ** (term - terms[-1]) for term in terms)))


def _log2(count: int) -> float:
    return math.log2(count) if count > 0 else NEVER


def _sure(fails: bool) -> float:
    return 0.0 if fails else NEVER


def _part(count: int, share: float) -> int:
    """Return ⌊count·share⌋, without the last bit's error of binary64: 0.1 of 30 is 3."""
    return math.floor(count * share + 1e-9)
