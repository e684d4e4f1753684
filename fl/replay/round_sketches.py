"""The map of a checked round, and what hospitals make with it: sketches of their masks.

Source: PROTOCOL.md 5C (Map, A hospital).
"""

from __future__ import annotations

from collections.abc import Iterable

from fl.crypto.mask_sketch import SketchMap
from fl.crypto.pair_sketches import (
    PairSketch,
    body_bytes,
    map_seed,
    pair_sketches,
)
from fl.crypto.round_keys import Participant, pair_seed
from fl.protocol.errors import (
    CheckUnusable,
)
from fl.protocol.names import Address, Digest
from fl.protocol.rounds.config import BUCKETS, RoundConfig
from fl.protocol.rounds.round import Round


def map_of(current: Round, config: RoundConfig) -> SketchMap:
    """Return the map of a frozen, checked round.

    Raises:
        CheckUnusable: the round is not checked, or not frozen.
    """
    if config.check is None or current.frozen is None:
        raise CheckUnusable("it is not a checked round whose set is frozen")
    seed = map_seed(current.mask_context, current.set_digest, current.frozen.block_hash)
    return SketchMap(seed, config.check.buckets, current.terms.parameters, wide=config.word_bits == 64)  # noqa: PLR2004


def map_if_checked(current: Round, config: RoundConfig) -> SketchMap | None:
    """Return `map_of` a round, or None if it is not checked or not frozen."""
    try:
        return map_of(current, config)
    except CheckUnusable:
        return None


def sketch_body(current: Round, mapping: SketchMap) -> int:
    """Return the size of the content of a hospital's file of sketches, in bytes."""
    return body_bytes(len(current.hospitals) - 1, mapping.size_bytes)


def largest_body(hospitals: int) -> int:
    """Return the size of the largest content of such a file in a round of so many hospitals, in bytes."""
    return body_bytes(hospitals - 1, SketchMap(bytes(32), max(BUCKETS), 0, wide=True).size_bytes)


def own_sketches(
    current: Round, config: RoundConfig, secret: int, own: Participant, others: Iterable[Participant]
) -> dict[Address, PairSketch]:
    """Return the true sketches of a hospital's masks with the others of the frozen set, from its s."""
    context = Digest(current.mask_context)
    seeds = {each.account: pair_seed(secret, own, each, context) for each in others if each.account != own.account}
    made = pair_sketches([*seeds.values()], map_of(current, config), current.mask_context, current.set_digest)
    return dict(zip(seeds, made, strict=True))
