"""Who sums a wide round again: a few hospitals of the frozen set, drawn after the model was proposed.

Invariant: the draw follows from the ledger alone, and nobody knew it before the proposal was recorded, because its seed
has the hash of the block with the proposal.

    seed  = H("BAFL/1/sample" ‖ ctx[32] ‖ set digest[32] ‖ hash of the proposal's block[32])
    drawn = the first r of the frozen set, ascending by SHA-256(seed[32] ‖ account[20]); with clusters, of the roster

Each set of r hospitals is equally likely. Without `replayers` everybody is drawn.

Source: PROTOCOL.md 5W.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import comb

from fl.protocol.codec import Writer, sha256
from fl.protocol.names import Address, Digest
from fl.protocol.rounds.round import Round

SPARE = 4
"""One of so many drawn hospitals may be away."""
SAFE_BITS, THERE_BITS = 40, 10
"""A wrong model is for good; a round without enough attestations is only lost."""


def drawn(current: Round) -> frozenset[Address]:
    """Return the hospitals that sum a proposed round again; the same object for the same round.

    With clusters they are drawn from the roster, so that who reads one cluster knows them; who is not in the set of the
    round cannot attest.
    """
    parts = (current.hospitals, current.wide, current.proposal_block)
    return current.memo.of("drawn", parts, lambda: _drawn(current))


def _drawn(current: Round) -> frozenset[Address]:
    wide = current.wide
    count = wide.replayers if wide is not None else 0
    among = current.hospitals if wide is None or wide.clusters is None else current.roster
    if not count or not current.proposal_block:
        return frozenset(among)
    seed = seed_of(current.context, current.set_digest, current.proposal_block)
    return frozenset(sample(seed, among, count))


def seed_of(context: bytes, set_digest: bytes, block: bytes) -> Digest:
    """Return the draw's seed, 32 bytes, of ctx, the digest of the set and the hash of the proposal's block."""
    return Writer("sample").raw(context, 32).raw(set_digest, 32).raw(block, 32).digest()


def sample(seed: bytes, hospitals: Sequence[Address], count: int) -> tuple[Address, ...]:
    """Return `count` of the hospitals, or all; each choice is equally likely over the seeds."""
    return tuple(sorted(hospitals, key=lambda account: sha256(seed + account))[:count])


def needed_of(replayers: int) -> int:
    """Return how many of the drawn hospitals must attest: three quarters, so that a model can be final without all."""
    return replayers - replayers // SPARE


def hospitals_needed(current: Round) -> int:
    """Return how many hospitals must attest by the terms that a coordinator fills in; auditors come on top."""
    if current.wide is not None and current.wide.replayers:
        among = current.hospitals if current.wide.clusters is None else current.roster
        return needed_of(min(current.wide.replayers, len(among) or current.wide.replayers))
    return current.terms.threshold if current.masked else 0


def wrong_sum_passes(hospitals: int, colluding: int, replayers: int, needed: int) -> Fraction:
    """Return the probability that at least `needed` of the drawn hospitals collude, exactly.

    Args:
        hospitals: m, in the frozen set.
        colluding: c of them, which attest whatever the coordinator proposes.
        replayers: r, drawn without replacement.
        needed: a; fewer attestations by hospitals make no model final, if all auditors collude, too.

    The sum of the hypergeometric probabilities C(c, i)·C(m - c, r - i) / C(m, r) over i from a to r.
    """
    count = min(replayers, hospitals)
    ways = sum(comb(colluding, i) * comb(hospitals - colluding, count - i) for i in range(needed, count + 1))
    return Fraction(ways, comb(hospitals, count))


def too_few_there(hospitals: int, away: int, replayers: int, needed: int) -> Fraction:
    """Return the probability that fewer than `needed` drawn hospitals are there when `away` of them are not."""
    return 1 - wrong_sum_passes(hospitals, hospitals - away, replayers, needed)


def replayers_for(hospitals: int, colluding: int, away: int = 0, *, whole_roster: bool = False) -> int:
    """Return the fewest replayers that keep both bounds; all hospitals if no smaller number does.

    A wrong sum passes with a probability of at most 2^-SAFE_BITS, and with `away` hospitals missing too few of the
    drawn ones are there with one of at most 2^-THERE_BITS. In the worst case all who are missing are honest.

    Args:
        hospitals: n, in the roster.
        colluding: How many of them attest whatever the coordinator proposes.
        away: How many of them do not attest, whatever the reason.
        whole_roster: Whether they are drawn from the roster (5W.5), not from the frozen set: who is missing is drawn
            too, and whom the coordinator leaves out makes no colluder more likely.
    """
    safe, there = Fraction(1, 1 << SAFE_BITS), Fraction(1, 1 << THERE_BITS)
    among = hospitals if whole_roster else hospitals - away
    for count in range(1, hospitals - away):
        needed = needed_of(count)
        if wrong_sum_passes(among, colluding, count, needed) > safe:
            continue
        if too_few_there(hospitals, away, count, needed) <= there:
            return count
    return hospitals
